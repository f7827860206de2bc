# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mixing a batch on its device gives what mixing its utterances one by one on the host gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data import NoiseMixPerturbation, active_speech_level_db, rms_db
from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.data.mixing.device import DeviceMixer
from nemo_noise.data.mixing.device.batch_levels import batch_levels_db
from nemo_noise.data.mixing.utterance_memory import UtteranceMemory, fingerprints_of_batch
from nemo_noise.data.signal.block_levels import BlockLevels
from nemo_noise.data.signal.speech_level import SILENCE_DB

RATE = 16000
CPU = torch.device("cpu")
LENGTHS = [9000, 16000, 801, 12345]


def speech(seed: int, length: int) -> np.ndarray:
    """Noise that comes and goes."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.random(length // 1600 + 1) ** 4, 1600)[:length]
    return (0.1 * (loudness + 1e-4) * rng.standard_normal(length)).astype(np.float32)


def batch_of(utterances: list[np.ndarray], padding: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = [len(samples) for samples in utterances]
    audio = torch.full((len(lengths), max(lengths)), padding)
    for row, samples in zip(audio, utterances, strict=True):
        row[: len(samples)] = torch.from_numpy(samples)
    return audio, torch.tensor(lengths)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 20000), min_size=1, max_size=4),
    rate=st.sampled_from([8000, 16000, 44100]),
    gain=st.floats(1e-9, 1e3),
)
def test_the_levels_of_a_batch_are_those_of_the_host(seed: int, lengths: list[int], rate: int, gain: float) -> None:
    utterances = [np.float32(gain) * speech(seed + number, length) for number, length in enumerate(lengths)]
    audio, sizes = batch_of(utterances, padding=np.nan)
    is_silent = [rms_db(samples) < SILENCE_DB for samples in utterances]
    pairs = zip(utterances, is_silent, strict=True)
    expected = [-np.inf if silent else active_speech_level_db(samples, rate) for samples, silent in pairs]
    assert batch_levels_db(audio, sizes.tolist(), rate) == pytest.approx(expected, abs=1e-3)


def test_silence_has_no_level_and_nan_is_refused() -> None:
    assert batch_levels_db(torch.zeros(1, 100), [100], RATE) == [-np.inf]
    with pytest.raises(ValueError, match="audio: an utterance holds NaN"):
        batch_levels_db(torch.full((1, 100), torch.nan), [100], RATE)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=4))
def test_the_fingerprints_of_a_batch_are_those_of_the_host(seed: int, lengths: list[int]) -> None:
    utterances = [speech(seed + number, length) for number, length in enumerate(lengths)]
    audio, sizes = batch_of(utterances)
    memory = UtteranceMemory.__new__(UtteranceMemory)
    memory._odd_numbers = np.arange(1, 2, 2, dtype=np.uint64)
    expected = [memory._fingerprint(samples, RATE) for samples in utterances]
    assert fingerprints_of_batch(audio, sizes.tolist(), RATE) == expected


@given(offset=st.integers(0, 7000), length=st.integers(1, 3000))
def test_a_level_from_blocks_is_the_level_of_the_crop(offset: int, length: int) -> None:
    recording = speech(5, 10000)
    crop = recording[offset : offset + length]
    assert BlockLevels().of_db(0, recording=recording, offset=offset, length=length) == pytest.approx(
        rms_db(crop), abs=1e-6
    )


@pytest.fixture
def voices(corpus: Callable[..., Path]) -> Path:
    return corpus("voices", {f"v{number}": speech(70 + number, 9000) for number in range(4)})


@pytest.fixture
def short_noises(corpus: Callable[..., Path]) -> Path:
    rng = np.random.default_rng(8)
    noises = {"short": 0.1 * rng.standard_normal(700), "burst": np.r_[np.zeros(40000), 0.5 * rng.standard_normal(50)]}
    return corpus("short_noises", noises)


@pytest.mark.parametrize("full_scale", ["leave", "scale", "clip"])
def test_a_batch_hears_what_its_utterances_hear_on_the_host(
    noise_manifest: Path, voices: Path, short_noises: Path, full_scale: str
) -> None:
    sources = [{"manifest_path": noise_manifest}, {"manifest_path": voices, "talkers": 2, "snr_db": [3]}]
    sources += [{"manifest_path": short_noises, "weight": 2}]
    moving = {"schedule": "linear", "from": 0, "to": -30, "until": 4}
    options = {"sources": sources, "mix_prob": 0.8, "full_scale": full_scale, "seed": 4}
    options |= {
        "curriculum": {"snr_db": {"min": moving, "max": 10}, "weights": {"voices": moving | {"from": 1, "to": 2}}}
    }
    host = NoiseMixPerturbation(**options)
    mixer = DeviceMixer(NoiseMixPerturbation(**options), sample_rate=RATE, device=CPU)
    drawn = set()
    for epoch in (0, 1, 4, 4):
        EPOCH_CLOCK.set(epoch)
        for first in range(0, 24, 4):
            utterances = [speech(first + number, length) for number, length in enumerate(LENGTHS)]
            mixture = mixer.mix(*batch_of(utterances))
            for samples, row, draw in zip(utterances, mixture.audio, mixture.draws, strict=True):
                segment = AudioSegment(samples.copy(), RATE)
                host.perturb(segment)
                tolerance = 2e-6 * max(float(np.abs(segment.samples).max()), 1e-3)
                np.testing.assert_allclose(row[: len(samples)].numpy(), segment.samples, rtol=0, atol=tolerance)
                assert not row[len(samples) :].any()
                drawn.add(draw and draw.source)
    assert drawn == {None, "noises", "voices", "short_noises"}


def test_padding_and_company_change_nothing(noise_manifest: Path) -> None:
    mixer = DeviceMixer(NoiseMixPerturbation(noise_manifest, [0, 10], seed=1), sample_rate=RATE, device=CPU)
    utterances = [speech(number, length) for number, length in enumerate(LENGTHS)]
    together = mixer.mix(*batch_of(utterances, padding=np.nan)).audio
    for samples, row in zip(utterances, together, strict=True):
        alone = mixer.mix(*batch_of([samples])).audio[0]
        assert torch.equal(row[: len(samples)], alone)


def test_silent_and_empty_utterances_stay(noise_manifest: Path) -> None:
    mixer = DeviceMixer(NoiseMixPerturbation(noise_manifest, [0]), sample_rate=RATE, device=CPU)
    audio, lengths = batch_of([speech(0, 900), np.zeros(900, np.float32), speech(1, 900)])
    lengths[2] = 0
    mixture = mixer.mix(audio, lengths)
    assert [draw is None for draw in mixture.draws] == [False, True, True]
    assert not mixture.audio[1:].any()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"snr_db": [0], "noise_only_prob": 0.1}, "noise_only_prob"),
        ({"bands": [{"below_hz": 900, "snr_db": [0]}, {"snr_db": [0]}]}, "bands"),
    ],
)
def test_what_the_device_cannot_do_is_refused(noise_manifest: Path, options: dict, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: cannot be done on the device"):
        DeviceMixer(NoiseMixPerturbation(noise_manifest, **options), sample_rate=RATE, device=CPU)


def test_noises_with_sensors_are_refused_on_the_device(corpus: Callable[..., Path], noise_manifest: Path) -> None:
    streams = {"shaking": {"file": "engine.npy", "rate_hz": 100}}
    sensed = corpus("sensed", {"engine": speech(1, 9000)}, sensors=streams)
    sources = [{"manifest_path": noise_manifest}, {"manifest_path": sensed}]
    with pytest.raises(ValueError, match="sensors: cannot be done on the device"):
        DeviceMixer(NoiseMixPerturbation(sources=sources, snr_db=[0]), sample_rate=RATE, device=CPU)
    other = corpus("other", {"engine": speech(1, 9000)}, sensors=["mic1"])  # somebody else's field
    DeviceMixer(NoiseMixPerturbation(other, [0]), sample_rate=RATE, device=CPU)


def test_noises_that_do_not_fit_and_batches_that_are_none_are_refused(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [0])
    with pytest.raises(ValueError, match=r"bank_limit_mb: is 0.5, but the noises take more \(.*noises.json:3"):
        DeviceMixer(perturbation, sample_rate=RATE, device=CPU, bank_limit_mb=0.5)
    mixer = DeviceMixer(perturbation, sample_rate=RATE, device=CPU)
    with pytest.raises(ValueError, match=r"audio: is torch.float64 \[2, 5\], expected torch.float32"):
        mixer.mix(torch.zeros(2, 5).double(), torch.tensor([5, 5]))
