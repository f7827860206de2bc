# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What `noise_mix` gives a noise context beside the utterance: the noise before it, or the noise that is in it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise.checks import is_number
from nemo_noise.data.noise.noise_list import NoiseCrop
from nemo_noise.data.signal.full_scale import FullScale
from nemo_noise.data.utterance_notes import ContextSource

__all__ = ["LONGEST_PREROLL_S", "ContextAudioOptions", "gain_between", "split_preroll"]

Samples = npt.NDArray[np.float32]
LONGEST_PREROLL_S = 60.0


class ContextAudioOptions(NamedTuple):
    """The options `preroll_s` and `for_context` of `noise_mix`."""

    preroll_s: float
    source: ContextSource

    @classmethod
    def of(
        cls, preroll_s: float, for_context: str, *, full_scale: FullScale, has_bands: bool
    ) -> "ContextAudioOptions":
        """Reads both options.

        Raises:
            ValueError: if one is out of its range, or does not go with the others.
        """
        if not is_number(preroll_s, 0.0, LONGEST_PREROLL_S):
            raise ValueError(f"preroll_s: is {preroll_s!r}, expected seconds from 0 to {LONGEST_PREROLL_S:g}")
        sources = [source.value for source in ContextSource]
        if for_context not in sources:
            raise ValueError(f"for_context: is {for_context!r}, expected one of {sources}")
        source = ContextSource(for_context)
        if source is ContextSource.PREROLL and preroll_s == 0.0:
            raise ValueError("for_context: is 'preroll' while preroll_s is 0, expected preroll_s: 2.0 or so")
        if source is not ContextSource.NOTHING and full_scale is not FullScale.LEAVE:
            raise ValueError(
                f"for_context: is {source.value!r} beside full_scale: {full_scale.value}, which changes the level of "
                "the mixture alone; expected full_scale: leave"
            )
        if source is ContextSource.PREROLL and has_bands:
            raise ValueError("for_context: is 'preroll' beside bands, expected snr_db: a pre-roll has one level")
        return cls(float(preroll_s), source)

    def preroll_size(self, sample_rate: int) -> int:
        """Samples P of noise that are drawn before an utterance."""
        return round(self.preroll_s * sample_rate)

    def silence(self, num_samples: int) -> Samples:
        """What the context of an utterance [T] without noise gets: silence as long, or no pre-roll."""
        return np.zeros(num_samples if self.source is ContextSource.NOISE else 0, np.float32)


def split_preroll(crop: NoiseCrop, size: int, sample_rate: int) -> tuple[NoiseCrop, Samples]:
    """A crop without its first ``size`` samples, and these [P]."""
    if size == 0:
        return crop, np.zeros(0, np.float32)
    later = NoiseCrop(crop.samples[size:], crop.entry, crop.offset_s + size / sample_rate)
    return later, crop.samples[:size]


def gain_between(noise: Samples, source: Samples) -> np.float32:
    """The factor by which a noise [T] is louder than its source [T], of the same shape; 0 where there is none."""
    source64 = source.astype(np.float64)
    energy = np.dot(source64, source64)
    return np.float32(np.dot(noise.astype(np.float64), source64) / energy if energy > 0.0 else 0.0)
