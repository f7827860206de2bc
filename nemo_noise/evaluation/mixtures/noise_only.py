# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How much is transcribed where nobody speaks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nemo_noise.checks import listed, number, whole

__all__ = ["NoiseOnlyOptions"]


@dataclass(frozen=True)
class NoiseOnlyOptions:
    """How much is transcribed where nobody speaks: noise per noise list, and digital silence.

    Attributes:
        crops: number of crops, 0 for none.
        crop_s: seconds of each.
        silence_s: lengths of digital silence that are transcribed as well, seconds; empty for none.
    """

    crops: int = 20
    crop_s: float = 10.0
    silence_s: Sequence[float] = ()

    def __post_init__(self) -> None:
        whole().check("noise_only.crops", self.crops)
        number().check("noise_only.crop_s", self.crop_s)
        listed(number(), "[1, 10]").check("noise_only.silence_s", self.silence_s)
        bad = [length for length in self.silence_s if not 0 < length < math.inf]
        if bad or len(set(self.silence_s)) < len(self.silence_s):
            raise ValueError(f"noise_only.silence_s is {list(self.silence_s)}, should hold different lengths above 0")
        if self.crops < 0 or not self.crop_s > 0:
            raise ValueError(f"noise_only needs crops >= 0 and crop_s > 0, got {self.crops} and {self.crop_s}")
