# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The preview writes files that have the SNR their names claim."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nemo_noise.data.manifests.manifest import ManifestEntry, load_audio, load_entry, read_manifest
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.previews.mixtures import measured_snr_db, write_preview

pytest.importorskip("matplotlib", reason="spectrograms need matplotlib")
RATE = 16000
SCRIPTS = Path(__file__).parents[3] / "conf" / "scripts"


@pytest.fixture
def speech(corpus: Callable[..., Path]) -> list[ManifestEntry]:
    rng = np.random.default_rng(5)
    loud = {f"utterance {i}": np.clip(0.4 * rng.standard_normal(8000), -1, 1) for i in range(5)}
    return read_manifest(corpus("speech", loud, text="word"))


def test_files_have_the_snr_that_name_and_manifest_claim(
    speech: list[ManifestEntry], noise_manifest: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "preview"
    perturbation = NoiseMixPerturbation(noise_manifest, {"min": -5, "max": 20})
    lines = write_preview(perturbation, speech, folder, sample_rate=RATE, num_utterances=2, num_epochs=3)
    assert len(lines) == 6
    for line, written in zip(lines, read_manifest(folder / "manifest.json"), strict=True):
        clean = load_entry(speech[0 if line["audio_filepath"].startswith("00_") else 4], RATE)
        measured = measured_snr_db(load_entry(written, RATE) / np.float32(line["gain"]), clean, RATE)
        in_name = float(re.search(r"_snr([+-][\d.]+)dB_", line["audio_filepath"])[1])
        assert measured == pytest.approx(in_name, abs=0.05)
        assert measured == pytest.approx(line["snr_db"], abs=0.1)
        assert measured == pytest.approx(line["measured_snr_db"], abs=0.05)
        assert np.abs(load_audio(written.audio_filepath, RATE)).max() <= 0.991
    assert min(line["gain"] for line in lines) < 1.0  # loud mixtures are scaled, not clipped
    assert len({line["snr_db"] for line in lines}) == 6  # each epoch its own draw
    assert soundfile.info(folder / "00_utterance-0_clean.wav").frames == 8000
    assert (folder / "spectrograms.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_stays_clean_is_said_to_be_clean(
    speech: list[ManifestEntry], noise_manifest: Path, tmp_path: Path
) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [0], mix_prob=0.0)
    (line,) = write_preview(
        perturbation, speech, tmp_path / "preview", sample_rate=RATE, num_utterances=1, num_epochs=1
    )
    assert line["audio_filepath"].endswith("_epoch0_clean.wav")
    assert line["snr_db"] is None


@pytest.mark.parametrize("snr_db", ["[0,10]", "{min: 0, max: 20}"])
def test_the_config_takes_a_list_or_a_range_of_snrs(noise_manifest: Path, snr_db: str) -> None:
    overrides = [f"noise_mix.manifest_path={noise_manifest}", f"noise_mix.snr_db={snr_db}", "speech_manifest=s.json"]
    with initialize_config_dir(str(SCRIPTS), version_base=None):
        cfg = compose("preview_noise", overrides=overrides)
    options = OmegaConf.to_container(cfg.noise_mix, resolve=True, throw_on_missing=True)
    assert options.pop("prob") == 1.0
    NoiseMixPerturbation(**options)
