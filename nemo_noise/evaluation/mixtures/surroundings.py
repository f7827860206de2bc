# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The noise around a mixture: what goes before and behind the crop in its recording."""

import numpy as np
from numpy.typing import NDArray

from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList

__all__ = ["noise_around_crop"]

Samples = NDArray[np.float32]


def noise_around_crop(noises: NoiseList, crop: NoiseCrop, num_samples: int) -> tuple[Samples, Samples]:
    """Take what goes before and behind a crop in its recording, mirrored beyond the ends of that.

    Args:
        noises: the list that gave the crop.
        crop: of one of its recordings, or of one that is repeated.
        num_samples: on each side, S.

    Returns:
        The noise before and behind, at its own level. [S], [S]
    """
    recording = noises.load(noises.entries.index(crop.entry))
    start = round(crop.offset_s * noises.sample_rate)
    end = start + len(crop.samples)
    if end > len(recording):  # a short recording, repeated: nothing but its repetitions is behind it
        recording = np.concatenate([recording[:start], crop.samples])
    first, last = max(0, start - num_samples), min(len(recording), end + num_samples)
    missing = num_samples - (start - first), num_samples - (last - end)
    whole = np.pad(recording[first:last], missing, mode="symmetric")
    return whole[:num_samples], whole[len(whole) - num_samples :]
