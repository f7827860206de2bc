# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Telephone recordings in a wide-band model are counted, with what to do about the noise above their band."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment
from nemo.utils import logging

from nemo_noise.data.manifests.manifest import load_entry, read_manifest
from nemo_noise.data.manifests.narrow_band import lower_rates, narrow_band_note
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.noise.noise_list import NoiseList

Corpus = Callable[..., Path]


def sound(rate: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(rate)


def test_recordings_below_the_rate_of_the_model_are_counted(corpus: Corpus) -> None:
    entries = read_manifest(corpus("phone", {"a": sound(8000), "b": sound(8000)}, rate=8000))
    entries += read_manifest(corpus("wide", {"c": sound(44100)}, rate=44100))
    assert lower_rates(entries, 16000) == {8000: 2}
    note = narrow_band_note(entries, 16000)
    assert note is not None
    assert note.startswith(
        "2 of 3 utterances are resampled from 8000 Hz to 16000 Hz: above 4 kHz there is noise alone"
    )
    assert "channels: {telephone: ...}" in note and "devices" in note
    assert narrow_band_note(entries, 8000) is None


def test_noise_of_a_telephone_says_that_it_is_silent_above_its_band(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *args, **kwargs: said.append(str(message)))
    noises = NoiseList(corpus("phone", {"a": sound(8000)}, rate=8000), 16000)
    noises.crop(np.random.default_rng(0), 1600)
    assert "noise at 8000 Hz is resampled to 16000 Hz: above 4 kHz it holds nothing" in said[0]


@pytest.mark.parametrize(("rate", "times"), [(8000, 1), (16000, 0)])
def test_training_says_that_its_speech_lacks_the_upper_band(corpus: Corpus, rate: int, times: int) -> None:
    perturbation = NoiseMixPerturbation(corpus("noise", {"a": sound(16000)}), [5])
    (entry,) = read_manifest(corpus("speech", {"a": sound(rate)}, rate=rate))
    for _ in range(3):  # an utterance is looked at once
        perturbation.perturb(AudioSegment(load_entry(entry, 16000), 16000))
    assert perturbation.counts["telephone band"] == times
