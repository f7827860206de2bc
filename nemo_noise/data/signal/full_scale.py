# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to a mixture that exceeds full scale: it is left, scaled down or clipped."""

from enum import Enum

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


class FullScale(Enum):
    """A policy: float samples may exceed 1.0, or the whole is scaled to a peak of 1.0, or peaks are cut off."""

    LEAVE = "leave"
    SCALE = "scale"
    CLIP = "clip"

    @classmethod
    def of(cls, value: str) -> "FullScale":
        """Reads the `full_scale` of a config."""
        try:
            return cls(value)
        except ValueError:
            allowed = [option.value for option in cls]
            raise ValueError(f"full_scale: is {value!r}, expected one of {allowed}") from None

    def apply(self, samples: Samples) -> Samples:
        """Brings samples [T] within -1 to 1, or leaves them."""
        if self is FullScale.LEAVE:
            return samples
        peak = float(np.max(np.abs(samples)))
        if peak <= 1.0:
            return samples
        if self is FullScale.CLIP:
            return np.clip(samples, -1.0, 1.0)
        return (samples / peak).astype(np.float32)
