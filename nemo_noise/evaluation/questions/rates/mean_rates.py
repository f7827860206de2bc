# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mean rates of several questions: as JSON, as a cell of a table, as a change in words."""

from collections.abc import Sequence

from nemo_noise.evaluation import hypothesis
from nemo_noise.evaluation.blocks.elements import Line, soft, strong
from nemo_noise.evaluation.blocks.numbers import interval_of, percent, points
from nemo_noise.evaluation.estimate import Estimate, record
from nemo_noise.evaluation.scoring.summary import Rate
from nemo_noise.evaluation.scoring.tally import Tally

__all__ = ["change", "mean_rate", "rate_line"]


def mean_rate(tally: Tally, cells: Sequence[hypothesis.Cell], less: Sequence[hypothesis.Cell] = ()) -> Rate | None:
    """Average WERs over cells, less those over others; None without cells."""
    return record(Rate, mean_wer=tally.mean_wer(cells, less)) if cells else None


def rate_line(rate: Rate | None) -> Line:
    """A rate with its interval."""
    if rate is None:
        return "–"
    return (strong(percent(rate["mean_wer"])), soft(interval_of(rate, "mean_wer")))


def change(rate: Rate) -> str:
    """A difference of rates in points, with its interval."""
    value, low, high = Estimate.read(rate, "mean_wer")
    interval = "" if low is None or high is None else f" ({points(low)} to {points(high)})"
    return f"{points(value)} points{interval}"
