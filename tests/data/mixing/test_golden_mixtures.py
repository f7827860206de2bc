# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a config of `noise_mix` yielded when results were recorded with it, it yields for ever."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation

RATE = 16000
CHOICES = {"snr_db": [0, 5, 10], "seed": 3, "mix_prob": 0.7}
RANGE = {"snr_db": {"min": -5, "max": 20}, "seed": 0}
# options, epoch, utterance, (line of the noise list, first sample, SNR), sum of mixture times cosine
GOLDEN = [
    (CHOICES, 0, 0, (2, 34332, 0.0), -0.5851780216445803),
    (CHOICES, 0, 1, None, -2.7071844499228717),
    (CHOICES, 0, 2, (2, 21872, 5.0), -4.1545133847282125),
    (CHOICES, 4, 0, (3, 2018, 5.0), -1.4612843021671207),
    (RANGE, 0, 0, (2, 28774, 9.21862351505832), 1.1483175782341775),
    (RANGE, 0, 1, (4, 3575, 9.762746780563171), -4.310548781555796),
    (RANGE, 0, 2, (4, 1381, 8.708736024532827), -7.859732058501605),
    (RANGE, 4, 0, (4, 5441, -2.470043348745769), -12.572841397026068),
    (RANGE, 4, 2, (1, 10857, 7.408895358465665), -7.956460583338609),
]


@pytest.fixture
def golden_noises(corpus: Callable[..., Path]) -> Path:
    """Four noises: two longer than the speech, one shorter, one in between."""
    rng = np.random.default_rng(0)
    lengths = (3.0, 3.0, 0.2, 1.5)
    noises = {f"n{i}": 0.05 * (i + 1) * rng.standard_normal(int(s * RATE)) for i, s in enumerate(lengths)}
    return corpus("golden", noises)


@pytest.mark.parametrize(("options", "epoch", "utterance", "draw", "checksum"), GOLDEN)
def test_the_draw_and_the_mixture_are_those_of_the_first_release(
    golden_noises: Path, options: dict, epoch: int, utterance: int, draw: tuple | None, checksum: float
) -> None:
    perturbation = NoiseMixPerturbation(golden_noises, **options)
    EPOCH_CLOCK.set(epoch)
    speech = (0.1 * np.random.default_rng(100 + utterance).standard_normal(8000)).astype(np.float32)
    drawn = perturbation.draw(speech, RATE)
    if drawn is None or draw is None:
        assert drawn is draw
    else:
        line = int(drawn.noise.entry.source.rsplit(":", 1)[1])
        assert (line, round(drawn.noise.offset_s * RATE), drawn.snr_db) == draw
    segment = AudioSegment(speech.copy(), RATE)
    perturbation.perturb(segment)
    assert np.dot(segment.samples.astype(float), np.cos(np.arange(8000))) == pytest.approx(checksum, abs=1e-5)
