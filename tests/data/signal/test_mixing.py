# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The SNR of a mixture is the one asked for, measured on the active speech."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemo_noise.data import active_speech_level_db, mix_at_snr, rms_db
from nemo_noise.data.signal.looping import loop_to_length

RATE = 16000


def noise_like(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def speech_like(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Noise with syllables: on for 0.2 s to 0.6 s, off for about as long."""
    rng = np.random.default_rng(seed)
    samples = noise_like(seconds, seed + 1, level)
    position = 0
    while position < len(samples):
        position += int(rng.uniform(0.2, 0.6) * RATE)
        gap = int(rng.uniform(0.1, 0.6) * RATE)
        samples[position : position + gap] *= 1e-3
        position += gap
    return samples


def measured_snr_db(mixture: np.ndarray, speech: np.ndarray) -> float:
    added = mixture.astype(np.float64) - speech.astype(np.float64)
    return active_speech_level_db(speech, RATE) - 10 * np.log10(np.mean(added**2))


@settings(max_examples=60, deadline=None)
@given(
    snr_db=st.floats(-20, 50),
    seed=st.integers(0, 1000),
    seconds=st.floats(0.05, 3.0),
    noise_seconds=st.floats(0.01, 4.0),
    speech_level=st.floats(1e-3, 0.5),
    noise_level=st.floats(1e-4, 0.9),
)
def test_the_measured_snr_is_the_one_asked_for(
    snr_db: float, seed: int, seconds: float, noise_seconds: float, speech_level: float, noise_level: float
) -> None:
    speech = speech_like(seconds, seed, speech_level)
    mixture = mix_at_snr(speech, noise_like(noise_seconds, seed + 5, noise_level), snr_db=snr_db, sample_rate=RATE)
    assert mixture.dtype == np.float32
    assert mixture.shape == speech.shape
    assert measured_snr_db(mixture, speech) == pytest.approx(snr_db, abs=0.1)


def test_silence_around_speech_does_not_count() -> None:
    speech = speech_like(4.0)
    padded = np.concatenate([np.zeros(6 * RATE, np.float32), speech, np.zeros(6 * RATE, np.float32)])
    assert rms_db(padded) == pytest.approx(rms_db(speech) - 6.0, abs=0.1)
    assert active_speech_level_db(padded, RATE) == pytest.approx(active_speech_level_db(speech, RATE), abs=0.4)


@pytest.mark.parametrize("gain", [1e-4, 0.03, 0.5, 1.7, 300.0])
def test_a_gain_moves_the_active_level_by_that_gain(gain: float) -> None:
    speech = speech_like(3.0).astype(np.float64)
    moved = active_speech_level_db(speech * gain, RATE) - active_speech_level_db(speech, RATE)
    assert moved == pytest.approx(20 * np.log10(gain), abs=1e-6)


def test_mixing_ignores_the_gain_of_the_noise() -> None:
    speech, noise = speech_like(2.0), noise_like(2.0, 3)
    np.testing.assert_allclose(
        mix_at_snr(speech, noise, snr_db=5.0, sample_rate=RATE),
        mix_at_snr(speech, noise * np.float32(0.001), snr_db=5.0, sample_rate=RATE),
        atol=1e-6,
    )


def test_the_active_level_of_a_sine_is_its_rms_level() -> None:
    sine = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE)
    assert active_speech_level_db(sine, RATE) == pytest.approx(-23.01, abs=0.05)


def test_the_active_level_agrees_with_the_sample_by_sample_algorithm_of_p56() -> None:
    for seed in range(3):
        speech = speech_like(2.0, seed, 0.05)
        assert active_speech_level_db(speech, RATE) == pytest.approx(p56_step_by_step(speech), abs=0.05)


def p56_step_by_step(signal: np.ndarray) -> float:
    """The procedure of the recommendation as it is written there: one sample, one threshold after the other."""
    pole, hangover = np.exp(-1 / (RATE * 0.03)), int(np.ceil(0.2 * RATE))
    thresholds = [2.0**-k for k in range(15, 0, -1)]
    active, idle = [0] * 15, [hangover] * 15
    first = second = 0.0
    for magnitude in np.abs(signal).tolist():
        first = pole * first + (1 - pole) * magnitude
        second = pole * second + (1 - pole) * first
        for j, threshold in enumerate(thresholds):
            if second >= threshold:
                active[j], idle[j] = active[j] + 1, 0
            elif idle[j] < hangover:
                active[j], idle[j] = active[j] + 1, idle[j] + 1
    energy = float(np.sum(signal.astype(np.float64) ** 2))
    levels = [10 * np.log10(energy / count) for count in active if count]
    excess = [level - 20 * np.log10(c) - 15.9 for level, c in zip(levels, thresholds, strict=False)]
    upper = next(j for j, value in enumerate(excess) if value <= 0)
    share = excess[upper - 1] / (excess[upper - 1] - excess[upper])
    return levels[upper - 1] + share * (levels[upper] - levels[upper - 1])


def test_lhotse_mixes_speech_without_pauses_to_the_same_snr() -> None:
    mixer_module = pytest.importorskip("lhotse.audio.mixer", reason="lhotse is not installed")
    speech, noise = noise_like(3.0, 1, 0.05), noise_like(3.0, 2, 0.2)
    mixer = mixer_module.AudioMixer(speech[None], sampling_rate=RATE)
    mixer.add_to_mix(noise[None], snr=7.0)
    theirs = measured_snr_db(mixer.mixed_audio[0], speech)
    assert measured_snr_db(mix_at_snr(speech, noise, snr_db=7.0, sample_rate=RATE), speech) == pytest.approx(
        theirs, abs=0.5
    )


def test_longer_noise_gives_its_first_samples() -> None:
    speech, noise = speech_like(1.0), noise_like(3.0, 2)
    added = mix_at_snr(speech, noise, snr_db=0.0, sample_rate=RATE).astype(np.float64) - speech
    assert np.corrcoef(added, noise[: len(speech)])[0, 1] > 0.99999


def test_looped_noise_starts_as_recorded_and_has_no_jump_at_its_seam() -> None:
    slow = np.sin(2 * np.pi * 5.3 * np.arange(RATE) / RATE).astype(np.float32)  # ends elsewhere than it starts
    looped = loop_to_length(slow, 5 * RATE, RATE)
    assert len(looped) == 5 * RATE
    np.testing.assert_array_equal(looped[: RATE - 160], slow[: RATE - 160])
    assert np.max(np.abs(np.diff(slow))) < np.max(np.abs(np.diff(looped))) < 0.03  # a hard seam would jump by 0.95


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_noise_of_a_few_samples_can_be_looped(length: int) -> None:
    assert len(loop_to_length(np.ones(length, np.float32), 100, RATE)) == 100


def test_a_mixture_beyond_full_scale_is_not_clipped() -> None:
    speech = speech_like(1.0, level=0.5)
    assert np.abs(mix_at_snr(speech, noise_like(1.0), snr_db=-20.0, sample_rate=RATE)).max() > 3.0


GOOD = np.ones(RATE, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speech": np.zeros(RATE, np.float32)}, "speech: is silent"),
        ({"noise": np.zeros(RATE, np.float32)}, "noise: is silent over the mixed region"),
        ({"noise": np.concatenate([np.zeros(RATE), np.ones(9)])}, "noise: is silent over the mixed region"),
        ({"speech": np.array([0.1, np.nan, np.inf])}, "speech: 2 of 3 samples are NaN or infinite"),
        ({"noise": np.array([0.1, np.nan])}, "noise: 1 of 2 samples are NaN or infinite"),
        ({"speech": np.ones((2, RATE))}, r"speech: has shape \(2, 16000\)"),
        ({"noise": np.ones((1, 1, 5))}, r"noise: has shape \(1, 1, 5\)"),
        ({"speech": np.zeros(0)}, "speech: is empty"),
        ({"noise": np.zeros(0)}, "noise: is empty"),
        ({"speech": np.ones(RATE, np.int16)}, "speech: has dtype int16"),
        ({"snr_db": float("nan")}, "snr_db: is nan"),
        ({"snr_db": float("inf")}, "snr_db: is inf"),
        ({"snr_db": None}, "snr_db: is None"),
        ({"snr_db": -1000.0}, "outside of float32"),
        ({"sample_rate": 0}, "sample_rate: is 0"),
        ({"sample_rate": 16000.5}, "sample_rate: is 16000.5"),
        ({"sample_rate": True}, "sample_rate: is True"),
    ],
)
def test_an_unusable_argument_is_named(change: dict, message: str) -> None:
    arguments = {"speech": GOOD, "noise": GOOD, "snr_db": 0.0, "sample_rate": RATE, **change}
    with pytest.raises(ValueError, match=message):
        mix_at_snr(**arguments)


def test_a_single_click_has_an_active_level() -> None:
    click = np.zeros(RATE, np.float32)
    click[5000] = 0.5
    assert np.isfinite(active_speech_level_db(click, RATE))
    assert np.isfinite(active_speech_level_db(np.array([0.5]), RATE))
