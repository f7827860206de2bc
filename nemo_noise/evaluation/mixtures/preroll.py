# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The noise before the speech of a mixture: what precedes the crop in its recording."""

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from nemo_noise.checks import is_number
from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList

__all__ = ["ContextReads", "check_preroll", "gain_of_noise", "noise_before_crop"]

Samples = NDArray[np.float32]


class ContextReads(str, Enum):
    """What a noise context reads of a mixture."""

    UTTERANCE = "utterance"
    NOISE = "noise"  # the noise that is in it, and nothing else: an oracle


def check_preroll(seconds: float) -> float:
    """The seconds of pre-roll that are asked for, or a ValueError that names `preroll_s`."""
    if not is_number(seconds, low=0.0):
        raise ValueError(f"preroll_s is {seconds!r}, should be seconds, 0 or more")
    return float(seconds)


def noise_before_crop(noises: NoiseList, crop: NoiseCrop, seconds: float, *, loops: bool = False) -> Samples:
    """Take what goes before a crop in its recording.

    Args:
        noises: the list that gave the crop.
        crop: of one of its recordings.
        seconds: how much is asked for; a crop from near the start of its recording has less before it.
        loops: whether the end of the recording goes before its start, so that no crop has less.

    Returns:
        The noise at its own level, [P].
    """
    wanted, end = round(seconds * noises.sample_rate), round(crop.offset_s * noises.sample_rate)
    wanted = wanted if loops else min(wanted, end)
    if wanted == 0:
        return np.zeros(0, np.float32)
    recording = noises.load(noises.entries.index(crop.entry))
    return recording.take(np.arange(end - wanted, end), mode="wrap")


def gain_of_noise(mixture: Samples, speech: Samples, noise: Samples) -> np.float32:
    """How loud a mixture [T] of speech [T] holds a noise [T]: the factor that it was made with."""
    noise64 = noise.astype(np.float64)
    return np.float32(np.dot(mixture.astype(np.float64) - speech, noise64) / np.dot(noise64, noise64))
