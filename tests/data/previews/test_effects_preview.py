# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The preview of effects writes each effect alone and all of them, with the settings that made them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nemo_noise.data.acoustics.chain import EffectChain, build_chain
from nemo_noise.data.manifests.manifest import load_entry, read_manifest
from nemo_noise.data.previews.effects import write_effects_preview

pytest.importorskip("matplotlib", reason="spectrograms need matplotlib")
RATE = 16000
CHAIN = {"clipping": {"prob": 0.01, "clipped_share": 0.1}, "telephone_band": {}, "gsm": {}}


def test_each_effect_and_all_of_them_are_written(corpus: Callable[..., Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    speech = read_manifest(corpus("speech", {f"u {i}": 0.2 * rng.standard_normal(4000) for i in range(3)}, text="a"))
    folder = tmp_path / "preview"
    lines = write_effects_preview(build_chain(CHAIN), speech, folder, sample_rate=RATE, num_utterances=2)
    assert [line["effect"] for line in lines] == ["before", "clipping", "telephone_band", "gsm", "all"] * 2
    assert lines[1]["settings"]["clipping"]["clipped_share"] == pytest.approx(0.1, abs=1e-3)
    assert list(lines[4]["settings"]) == ["clipping", "telephone_band", "gsm"]
    written = read_manifest(folder / "manifest.json")
    before, clipped = (load_entry(written[i], RATE) for i in (0, 1))
    np.testing.assert_allclose(before, load_entry(speech[0], RATE), atol=1e-4)
    assert np.abs(clipped).max() == pytest.approx(lines[1]["settings"]["clipping"]["ceiling"], rel=1e-2)
    assert (folder / "spectrograms.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [json.loads(line) for line in (folder / "manifest.json").read_text().splitlines()] == lines


def test_an_empty_chain_has_no_preview(corpus: Callable[..., Path], tmp_path: Path) -> None:
    speech = read_manifest(corpus("speech", {"a": np.ones(100)}))
    with pytest.raises(ValueError, match="chain: is empty"):
        write_effects_preview(EffectChain([]), speech, tmp_path, sample_rate=RATE)


def test_the_config_takes_parts_of_rooms_and_devices(repository: Path) -> None:
    chosen = ["acoustics@devices=telephone", "acoustics@rooms=simulated_rooms", "speech_manifest=s.json"]
    with initialize_config_dir(str(repository / "conf" / "scripts"), version_base=None):
        cfg = compose("preview_noise", overrides=chosen)
    assert OmegaConf.is_missing(cfg.noise_mix, "manifest_path")
    assert list(cfg.rooms.effects) == ["reverberation"]
    build_chain(OmegaConf.to_container(cfg.devices.effects))
