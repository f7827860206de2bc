# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The bootstrap: how far a word error rate, or a difference of two, would move with other speakers or utterances.

Method: M. Bisani, H. Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004,
with whole speakers drawn where their errors belong together.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nemo_noise.evaluation.scoring.wer import FloatArray

CONFIDENCE = 0.95
REPLICATIONS = 2000
MOST_REPLICATIONS = 1_000_000  # more would not fit in memory and add no digit


class Interval(NamedTuple):
    """A percentile interval; both ends None where the statistic cannot be resampled (a single unit, no words)."""

    low: float | None
    high: float | None


def draw_weights(num_units: int, replications: int, seed: int) -> FloatArray:
    """Draw units with replacement, many times.

    Args:
        num_units: units (speakers or utterances) to draw from, and draws per replication.
        replications: number of resampled sets.
        seed: of the random generator; equal seeds pair two calls.

    Returns:
        How often each unit was drawn, read-only: equal calls share it. [replications, num_units]
    """
    if replications > MOST_REPLICATIONS:
        raise ValueError(f"replications is {replications}, should be {MOST_REPLICATIONS} or less")
    if num_units < 1 or replications < 1:
        raise ValueError(f"num_units and replications must be 1 or more, got {num_units} and {replications}")
    return _draws(num_units, replications, seed)


@lru_cache(maxsize=2)  # a table of many arms draws the same units and the same seeds for each
def _draws(num_units: int, replications: int, seed: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(num_units, np.full(num_units, 1 / num_units), size=replications)
    weights = np.asarray(draws, dtype=np.float64)
    weights.setflags(write=False)
    return weights


def resample_rates(weights: FloatArray, errors: NDArray[np.generic], words: NDArray[np.generic]) -> FloatArray:
    """Compute the error rate of every cell in every resampled set.

    Args:
        weights: from `draw_weights`. [R, U]
        errors: errors of each unit in each cell. [U, C]
        words: reference words of each unit in each cell. [U, C]

    Returns:
        Rates as fractions, NaN where a resampled set holds no words of a cell. [R, C]
    """
    drawn_words = weights @ words.astype(np.float64)  # [R, C]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(drawn_words > 0, weights @ errors.astype(np.float64) / drawn_words, np.nan)


def percentile_interval(samples: FloatArray, confidence: float = CONFIDENCE) -> Interval:
    """Cut equal tails off resampled values.

    Args:
        samples: one value per replication, NaN where it is undefined. [R]
        confidence: share of the values inside.

    Returns:
        The interval, (None, None) when all values are NaN or equal by construction (one replication).
    """
    defined = samples[np.isfinite(samples)]
    if len(defined) < 2:
        return Interval(None, None)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(float(low), float(high))


def probability_below_zero(differences: FloatArray) -> float | None:
    """Share of resampled differences below zero [R], ties counted half; None where none is defined."""
    defined = differences[np.isfinite(differences)]
    if not len(defined):
        return None
    return float(np.mean(defined < 0) + np.mean(defined == 0) / 2)


def holm_adjusted(p_values: list[float | None]) -> list[float | None]:
    """Adjust p-values of a family of tests so that one false alarm among them stays rare.

    Method: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        adjusted[index] = largest
    return adjusted
