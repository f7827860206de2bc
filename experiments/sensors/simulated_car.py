# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated car: an engine, the road and a voice, with an accelerometer and a level meter that follow the noise."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nemo_noise.modules import SensorStream

RATE, SECONDS, BANDS, NOISE_BANDS = 8000, 2.0, 40, 8
SHAKING_HZ, LEVEL_HZ = 200, 4

Samples = npt.NDArray[np.float64]


class Drive(NamedTuple):
    """Utterances: features [N, D, T], streams by name, and targets [N, 1 + bands]: engine Hz, noise in dB."""

    features: Tensor
    sensors: dict[str, SensorStream]
    targets: Tensor


def harmonics(rng: np.random.Generator, frequency: float, count: int, slope: float) -> tuple[Samples, Samples]:
    """Frequencies below half the rate and amplitudes of a tone's harmonics, each amplitude moved by some dB."""
    numbers = np.arange(1, count + 1, dtype=np.float64)
    amplitudes = numbers**-slope * 10 ** (rng.normal(0, 3, count) / 20)
    kept = numbers * frequency < RATE / 2
    return numbers[kept] * frequency, amplitudes[kept]


def tone(rng: np.random.Generator, frequencies: Samples, amplitudes: Samples, time: Samples) -> Samples:
    """Sum of sines with random phases."""
    phases = rng.uniform(0, 2 * np.pi, len(frequencies))
    return amplitudes @ np.sin(2 * np.pi * frequencies[:, None] * time + phases[:, None])


def at_level(samples: Samples, level_db: float) -> Samples:
    """The same sound with this RMS level."""
    return samples / np.sqrt(np.mean(samples**2)) * 10 ** (level_db / 20)


def simulate(rng: np.random.Generator) -> tuple[Samples, Samples, Samples, Samples, float]:
    """Mixture [T], noise in it [T], accelerometer [S, 1], level meter [L, 1] and the engine's frequency in Hz."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    engine_hz = rng.uniform(22, 60)
    frequencies, amplitudes = harmonics(rng, engine_hz, 30, slope=0.8)
    engine_db, road_db = rng.uniform(-45, -20), rng.uniform(-45, -20)
    spectrum = np.fft.rfft(rng.standard_normal(len(time)))
    hiss = np.fft.irfft(spectrum / (1 + np.linspace(0, 8, len(spectrum))) ** rng.uniform(0.5, 2), n=len(time))
    noise = at_level(tone(rng, frequencies, amplitudes, time), engine_db) + at_level(hiss, road_db)
    voice = tone(rng, *harmonics(rng, rng.uniform(90, 240), 40, slope=0.6), time)
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 5) * time + rng.uniform(0, 6)), 0, 1)
    mixture = at_level(voice * syllables, rng.uniform(-35, -15)) + noise
    slow = np.arange(int(SECONDS * SHAKING_HZ)) / SHAKING_HZ
    is_low = frequencies < SHAKING_HZ / 2
    shaking = tone(rng, frequencies[is_low], amplitudes[is_low], slow) * 10 ** (engine_db / 20) * 20
    shaking = shaking + 0.1 * rng.standard_normal(len(slow))
    loudness = 10 * np.log10(np.mean(noise**2)) + rng.normal(0, 2, int(SECONDS * LEVEL_HZ))
    return mixture, noise, shaking[:, None], loudness[:, None], engine_hz


def drive(count: int, seed: int, preprocessor: nn.Module) -> Drive:
    """Simulate utterances, as features, streams and targets."""
    parts = [simulate(np.random.default_rng([seed, number])) for number in range(count)]
    mixture, noise, shaking, loudness = (
        torch.tensor(np.stack([part[index] for part in parts]), dtype=torch.float32) for index in range(4)
    )
    length = torch.full((count,), mixture.shape[1])
    with torch.no_grad():
        features, _ = preprocessor(input_signal=mixture, length=length)
        noise_features, _ = preprocessor(input_signal=noise, length=length)
    bands_db = 10 / np.log(10) * noise_features.unflatten(1, (NOISE_BANDS, -1)).mean(dim=(2, 3))  # [N, 8]
    engine_hz = torch.tensor([[part[4]] for part in parts], dtype=torch.float32)
    ones = torch.ones(count, dtype=torch.int64)
    sensors = {
        "accelerometer": SensorStream(shaking, ones * shaking.shape[1], ones * float(SHAKING_HZ)),
        "level": SensorStream(loudness, ones * loudness.shape[1], ones * float(LEVEL_HZ)),
    }
    return Drive(features, sensors, torch.cat([engine_hz, bands_db], dim=1))
