# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Time around the speech: what is drawn before and behind an utterance, where noise goes on alone."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise.data.draw.distribution import Knob, KnobValue, share

__all__ = ["NO_SURROUNDINGS", "Surroundings", "SurroundingsDraw"]

LONGEST_S = 60.0  # on each side: more is a mistake in the unit

Samples = npt.NDArray[np.float32]


class Surroundings(NamedTuple):
    """Samples before and behind an utterance."""

    before: int = 0
    behind: int = 0

    @property
    def total(self) -> int:
        """Samples that they add."""
        return self.before + self.behind

    def around(self, samples: Samples) -> Samples:
        """Puts digital silence around an utterance [T]; the same array where there is nothing to add."""
        return np.pad(samples, (self.before, self.behind)) if self.total else samples

    def within(self, samples: Samples) -> Samples:
        """Cuts the part of the utterance [T] out of samples that have the surroundings."""
        return samples[self.before : len(samples) - self.behind]


NO_SURROUNDINGS = Surroundings()


class SurroundingsDraw:
    """Draws how much goes before and behind an utterance, each by itself.

    Args:
        around_s: seconds of each side: a number, choices such as `[0, 0.5, 1]`, or a range `{min: 0, max: 1}`.
        around_prob: share of the sides that get any, 0 to 1.

    Raises:
        ValueError: if one is none of these, or `around_s` is not within 0 to 60 s.
    """

    def __init__(self, around_s: KnobValue, around_prob: float = 1.0) -> None:
        self._seconds = Knob(around_s, "around_s", low=0.0, high=LONGEST_S)
        self._prob = share(around_prob, "around_prob")

    @property
    def longest_s(self) -> float:
        """The most that both sides add together, seconds."""
        return 2.0 * self._seconds.largest

    def draw(self, rng: np.random.Generator, sample_rate: int) -> Surroundings:
        """Draws both sides; `rng` decides, and nothing else does."""
        return Surroundings(self._side(rng, sample_rate), self._side(rng, sample_rate))

    def _side(self, rng: np.random.Generator, sample_rate: int) -> int:
        """Samples of one side; always two draws, so that the share moves no other."""
        seconds, is_drawn = self._seconds.draw(rng), rng.random() < self._prob
        return round(seconds * sample_rate) if is_drawn else 0
