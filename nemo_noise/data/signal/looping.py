# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings repeated to a length, with a cross-fade at the seams."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["loop_to_length"]

_CROSS_FADE_S = 0.01

AnySamples = TypeVar("AnySamples", npt.NDArray[np.float32], npt.NDArray[np.float64])


def loop_to_length(recording: AnySamples, num_samples: int, sample_rate: int) -> AnySamples:
    """Repeats a recording to a length; seams are cross-faded over 10 ms (a quarter of the recording at most).

    Returns:
        [num_samples], from [N], not empty; it begins with the recording's own first samples.
    """
    if len(recording) >= num_samples:
        return recording[:num_samples]
    fade = min(int(_CROSS_FADE_S * sample_rate), len(recording) // 4)
    period = len(recording) - fade
    angle = 0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1)
    seam = recording[period:] * np.cos(angle) + recording[:fade] * np.sin(angle)  # equal power, the parts differ
    body = np.concatenate([seam, recording[fade:period]]).astype(recording.dtype)  # [period]
    looped: AnySamples = np.tile(body, -(-num_samples // period))[:num_samples]
    looped[:fade] = recording[:fade]
    return looped
