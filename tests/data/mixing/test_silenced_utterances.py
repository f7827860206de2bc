# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""An effect that silences speech, noise or mixture ends no training; one that breaks the samples is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data.acoustics import PacketLoss
from nemo_noise.data.acoustics.effect import Applied
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.utterance_notes import transcript_note

RATE = 16000
BANDS = [{"below_hz": 1000, "snr_db": [0]}, {"snr_db": [0]}]


class Gain:
    """Multiplies; gives fewer samples if asked."""

    def __init__(self, factor: float, missing: int = 0) -> None:
        self.factor, self.missing = factor, missing

    def apply(self, samples: np.ndarray, sample_rate: int, rng: np.random.Generator) -> Applied:
        changed = (samples * np.float32(self.factor))[: len(samples) - self.missing]
        return Applied(changed.astype(np.float32), {})


def utterance(seed: int = 0, seconds: float = 0.4) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def mixed(perturbation: NoiseMixPerturbation, samples: np.ndarray) -> np.ndarray:
    segment = AudioSegment(samples.copy(), RATE)
    with transcript_note():
        perturbation.perturb(segment)
    return segment.samples


@pytest.mark.parametrize("factor", [0.0, 1e-12])
@pytest.mark.parametrize("options", [{"snr_db": [5]}, {"bands": BANDS}, {"snr_db": [5], "noise_only_prob": 1.0}])
@pytest.mark.parametrize("place", ["speech", "noise"])
def test_silence_after_an_effect_goes_on_without_noise_and_is_counted(
    noise_manifest: Path, place: str, options: dict[str, Any], factor: float
) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, effects={place: [Gain(factor)]}, **options)
    samples = utterance()
    expected = np.zeros_like(samples) if "noise_only_prob" in options or place == "speech" else samples
    np.testing.assert_allclose(mixed(perturbation, samples), expected, atol=1e-11)
    assert perturbation.counts["without noise"] == 1


def test_a_silenced_mixture_stays_silent(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(
        noise_manifest, [5], effects={"mixture": [Gain(0.0), PacketLoss(0.5)]}, full_scale="scale"
    )
    assert not mixed(perturbation, utterance()).any()


def test_words_that_a_network_loses_do_not_end_a_training(noise_manifest: Path) -> None:
    lossy = PacketLoss(loss_rate=0.6, mean_burst=30, packet_ms=20, concealment="silence")
    perturbation = NoiseMixPerturbation(noise_manifest, [5], effects={"speech": [lossy], "noise": [lossy]})
    for seed in range(40):
        mixed(perturbation, utterance(seed, 0.1))
    assert 5 < perturbation.counts["without noise"] < 40


@pytest.mark.parametrize("effect", [Gain(np.nan), Gain(1.0, missing=1)], ids=["nan", "shorter"])
def test_an_effect_that_breaks_the_samples_is_named(noise_manifest: Path, effect: Gain) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [5], effects={"noise": [effect]})
    with pytest.raises(ValueError, match=r"effects.noise\[0\]: Gain made .*6400.*expected as many, finite"):
        mixed(perturbation, utterance())
