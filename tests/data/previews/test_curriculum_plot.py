# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The preview of a curriculum says what training will do, and every curriculum of conf/ can be used."""

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.previews.curriculum import curriculum_moments, draw_curriculum

FOLDER = Path(__file__).resolve().parents[3] / "conf" / "parts" / "curriculum"
CURRICULA = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def block(name: str) -> dict:
    config = OmegaConf.load(FOLDER / f"{name}.yaml")
    if name == "noises_and_share":
        config.labels[0].allowed = ["rain"]
    return OmegaConf.to_container(config, throw_on_missing=True)


@pytest.mark.parametrize("name", CURRICULA)
def test_the_table_holds_what_training_draws(name: str, corpus, tmp_path: Path) -> None:
    noises = corpus("rain", {"n": 0.1 * np.random.default_rng(0).standard_normal(8000)}, label="rain")
    options = {} if "snr_db" in block(name) else {"snr_db": [5]}
    perturbation = NoiseMixPerturbation(noises, curriculum=block(name), **options)
    speech = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    moments = curriculum_moments(block(name), until=2000, num_times=9)
    assert [moment.time for moment in moments] == list(range(0, 2001, 250))
    for moment in moments:
        EPOCH_CLOCK.set(moment.time, moment.time)
        assert moment.mix_prob == (perturbation.curriculum.mix_prob(0.5) if "mix_prob" in block(name) else None)
        assert moment.labels == perturbation.curriculum.labels()
        draw = perturbation.draw(speech, 16000)
        if moment.range_db is not None:
            assert moment.range_db[0] <= min(*moment.drawn_db, draw.snr_db)
            assert max(*moment.drawn_db, draw.snr_db) <= moment.range_db[1]
    draw_curriculum(moments, "step", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_a_line_of_the_table_can_be_read() -> None:
    config = {"snr_db": {"min": 0, "max": 5}, "mix_prob": 0.25, "labels": [{"at": 0, "allowed": ["wind", "rain"]}]}
    line = str(curriculum_moments(config, until=1, num_times=2)[0])
    assert line.split() == ["0", "SNR", "0.00", "to", "5.00", "dB", "noisy", "25.0%", "only", "rain,", "wind"]
    with pytest.raises(ValueError, match="until is 0, should be a whole number, 1 or more"):
        curriculum_moments(config, until=0, num_times=2)


def test_the_script_finds_every_curriculum() -> None:
    for name in CURRICULA:
        with initialize_config_dir(str(FOLDER.parents[1] / "scripts"), version_base="1.1"):
            composed = compose("plot_curriculum", overrides=[f"curriculum={name}"])
        assert composed.curriculum == OmegaConf.load(FOLDER / f"{name}.yaml")
