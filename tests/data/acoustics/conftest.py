# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech-like signals and generators for the acoustics tests."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

RATE = 16000


def speech_like(seconds: float = 2.0, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Noise in the band of speech whose level rises and falls four times a second, with a pause in the middle."""
    count = int(seconds * rate)
    noise = np.random.default_rng(seed).standard_normal(count)
    wave = sosfilt(butter(2, [200, 3000], "bandpass", fs=rate, output="sos"), noise)
    wave *= 0.05 * (1.2 + np.sin(2 * np.pi * 4 * np.arange(count) / rate))
    wave[count // 2 : count // 2 + count // 10] *= 1e-3
    return wave.astype(np.float32)


@pytest.fixture
def speech() -> np.ndarray:
    return speech_like()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
