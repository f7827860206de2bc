# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of error rates with what they would be for other speakers or utterances, and other training seeds.

Two sources of chance are kept apart and their half-widths added as squares (MOVER: G. Y. Zou, A. Donner, "Construction
of confidence limits about effect measures", Statistics in Medicine 27, 2008):

- the units, speakers or utterances: the bootstrap, whose percentiles are moved outwards for few units (the "expanded"
  percentile: T. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015);
- the training seeds: Student's t over the value of each seed. A bootstrap of three seeds would be far too narrow.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.special

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.scoring.bootstrap import CONFIDENCE, Interval
from nemo_noise.evaluation.scoring.wer import FloatArray

__all__ = ["Rates", "Resampled", "mean"]

_BISECTIONS = 20


@dataclass(frozen=True)
class Resampled:
    """One statistic.

    Attributes:
        value: of all rows; NaN where it is undefined.
        over_units: in each resampled set of units, NaN where it is undefined there. [R]
        by_seed: for each training seed alone. [S]
        units: how many units were drawn from.
    """

    value: float
    over_units: FloatArray
    by_seed: FloatArray
    units: int

    @property
    def undefined(self) -> int:
        """In how many resampled sets it is undefined; they are left out of the interval."""
        return int(np.sum(~np.isfinite(self.over_units)))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The interval over units and seeds; none where there is a single unit, or next to nothing is defined."""
        if self.units < 2 or len(self._sorted) < 2 or not math.isfinite(self.value):
            return Interval(None, None)
        low, high = self._ends(1 - confidence)
        return Interval(low, high)

    def estimate(self, lowest: float = -math.inf, highest: float = math.inf) -> Estimate:
        """The value with its interval, cut off at what is possible; no value where it is undefined."""
        if not math.isfinite(self.value):
            return Estimate(None)
        low, high = self.interval()
        if low is None or high is None:
            return Estimate(self.value)
        return Estimate(self.value, max(low, lowest), min(high, highest))

    def p_value(self) -> float | None:
        """Two-sided against 0: the confidence at which an end of the interval meets 0, as its complement.

        Never below 2 / (R + 1), which R draws cannot show; None where there is no interval.
        """
        if self.interval() == (None, None):
            return None
        if self.value == 0:
            return 1.0
        least, most = 2 / (len(self._sorted) + 1), 1.0
        if self._excludes_zero(least):
            return least
        if not self._excludes_zero(most):
            return 1.0
        for _ in range(_BISECTIONS):
            middle = math.sqrt(least * most)
            least, most = (least, middle) if self._excludes_zero(middle) else (middle, most)
        return most

    @cached_property
    def _sorted(self) -> FloatArray:
        return np.sort(self.over_units[np.isfinite(self.over_units)])

    @cached_property
    def _seeds_error(self) -> tuple[float, int]:
        """Standard error over the seeds, and its degrees of freedom; 0 of a single seed, which shows nothing of it."""
        seeds = self.by_seed[np.isfinite(self.by_seed)]
        return (float(np.std(seeds, ddof=1) / math.sqrt(len(seeds))), len(seeds) - 1) if len(seeds) > 1 else (0.0, 0)

    def _excludes_zero(self, alpha: float) -> bool:
        low, high = self._ends(alpha)
        return low > 0 or high < 0

    def _ends(self, alpha: float) -> tuple[float, float]:
        """Both ends of the interval that leaves out the share alpha."""
        freedom = self.units - 1
        outwards = math.sqrt(self.units / freedom) * -scipy.special.stdtrit(freedom, alpha / 2)
        tail = float(scipy.special.ndtr(-outwards))
        low, high = np.quantile(self._sorted, [tail, 1 - tail])
        error, seeds_freedom = self._seeds_error
        of_seeds = -float(scipy.special.stdtrit(seeds_freedom, alpha / 2)) * error if error else 0.0
        below, above = max(0.0, self.value - low), max(0.0, high - self.value)
        return float(self.value - math.hypot(below, of_seeds)), float(self.value + math.hypot(above, of_seeds))


@dataclass(frozen=True)
class Rates:
    """Error rates of some cells, as they are and resampled.

    Attributes:
        values: of all rows. [C]
        over_units: in each resampled set of units. [R, C]
        by_seed: for each training seed alone. [S, C]
        units: how many units were drawn from.
    """

    values: FloatArray
    over_units: FloatArray
    by_seed: FloatArray
    units: int

    def statistic(self, function: Callable[..., FloatArray], *others: "Rates") -> Resampled:
        """A statistic of these rates and others of the same units and seeds.

        Args:
            function: takes the rates of each, [..., C], and returns the statistic. [...]
            others: as many as it takes after these.
        """
        each = (self, *others)
        return Resampled(
            value=float(function(*(rates.values for rates in each))),
            over_units=np.asarray(function(*(rates.over_units for rates in each))),
            by_seed=np.asarray(function(*(rates.by_seed for rates in each))),
            units=self.units,
        )

    def cell(self, index: int) -> Resampled:
        """The rate of one cell."""
        return self.statistic(lambda rates: rates[..., index])

    def mean(self, less: "Rates | None" = None) -> Resampled:
        """The mean over the cells, each weighing the same; less that of others where there are some."""
        if less is None:
            return self.statistic(mean)
        return self.statistic(lambda rates, others: mean(rates) - mean(others), less)


def mean(rates: FloatArray) -> FloatArray:
    """The mean over cells. [..., C] to [...]."""
    return np.asarray(rates.mean(axis=-1))
