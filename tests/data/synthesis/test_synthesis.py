# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic speech and noise are sound, differ where they should, and repeat with their seed."""

import numpy as np
import pytest

from nemo_noise.data.synthesis.noise import NOISE_CLASSES, draw_noise
from nemo_noise.data.synthesis.speech import DIGITS, SpeechSynthesizer, babble, draw_digits, make_voices

SAMPLE_RATE = 16000


@pytest.fixture(scope="module")
def synthesizer() -> SpeechSynthesizer:
    pytest.importorskip("espeakng_loader", reason="speech synthesis needs the extra `demo`")
    return SpeechSynthesizer(SAMPLE_RATE)


def test_digits_are_words_of_the_asked_count() -> None:
    words = draw_digits(np.random.default_rng(0), 3, 5).split()
    assert 3 <= len(words) <= 5
    assert set(words) <= set(DIGITS)


def test_voices_repeat_with_their_seed_and_have_distinct_names() -> None:
    assert make_voices(6, seed=1) == make_voices(6, seed=1)
    assert make_voices(6, seed=1) != make_voices(6, seed=2)
    assert len({voice.name for voice in make_voices(20, seed=1)}) == 20


def test_speech_is_audible_and_more_words_take_longer(synthesizer: SpeechSynthesizer) -> None:
    voice = make_voices(1, seed=1)[0]
    short, long = synthesizer.read("seven", voice), synthesizer.read("seven zero two nine", voice)
    assert short.dtype == np.float32
    assert 0.2 * SAMPLE_RATE < len(short) < len(long)
    assert 0.01 < np.abs(long).max() <= 1.0


def test_two_voices_do_not_sound_the_same(synthesizer: SpeechSynthesizer) -> None:
    first, second = (synthesizer.read("seven", voice) for voice in make_voices(2, seed=1))
    assert len(first) != len(second) or not np.allclose(first, second)


def test_a_level_is_the_peak(synthesizer: SpeechSynthesizer) -> None:
    speech = synthesizer.read_at_level("one", make_voices(1, seed=1)[0], words_per_minute=150, peak=0.25)
    assert np.abs(speech).max() == pytest.approx(0.25, rel=1e-5)


def test_empty_text_and_a_wrong_speed_are_refused(synthesizer: SpeechSynthesizer) -> None:
    voice = make_voices(1, seed=1)[0]
    with pytest.raises(ValueError, match="words_per_minute: is 20"):
        synthesizer.read("one", voice, words_per_minute=20)
    with pytest.raises(ValueError, match="text: is ''"):
        synthesizer.read("", voice)


@pytest.mark.parametrize("label", NOISE_CLASSES)
def test_noise_is_finite_level_and_repeats_with_its_seed(label: str) -> None:
    noise = draw_noise(label, num_samples=SAMPLE_RATE, sample_rate=SAMPLE_RATE, rng=np.random.default_rng(3))
    assert noise.shape == (SAMPLE_RATE,)
    assert np.isfinite(noise).all()
    assert 0.05 < np.sqrt(np.mean(noise**2)) < 0.11
    np.testing.assert_array_equal(
        noise, draw_noise(label, num_samples=SAMPLE_RATE, sample_rate=SAMPLE_RATE, rng=np.random.default_rng(3))
    )
    assert not np.array_equal(
        noise, draw_noise(label, num_samples=SAMPLE_RATE, sample_rate=SAMPLE_RATE, rng=np.random.default_rng(4))
    )


def test_an_unknown_noise_class_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"label: is 'thunder', expected one of steady, hum"):
        draw_noise("thunder", num_samples=100, sample_rate=SAMPLE_RATE, rng=np.random.default_rng(0))


def test_babble_weighs_its_talkers_equally() -> None:
    rng = np.random.default_rng(0)
    loud, soft = rng.standard_normal(8000).astype(np.float32), 0.01 * rng.standard_normal(4000).astype(np.float32)
    mixture = babble([loud, soft], 16000, rng)
    assert mixture.shape == (16000,)
    assert np.sqrt(np.mean(mixture**2)) == pytest.approx(0.1, rel=0.1)
