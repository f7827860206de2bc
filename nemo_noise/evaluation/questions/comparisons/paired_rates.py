# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""WER of a model run in another way, beside its paired difference from the model as it is: record and cells."""

from collections.abc import Sequence
from typing import TypedDict

from nemo_noise.evaluation.blocks.elements import Cell, Column, Line, strong
from nemo_noise.evaluation.blocks.numbers import points
from nemo_noise.evaluation.estimate import NO_ESTIMATE, Estimate, record
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.evidence import ModelRows, Subject
from nemo_noise.evaluation.scoring.comparison import compare
from nemo_noise.evaluation.scoring.summary import summarize_cells
from nemo_noise.evaluation.scoring.tally import ScoringOptions

__all__ = ["PairedRates", "Rates", "rate_cells", "rate_columns", "rates_beside", "rates_of"]


class PairedRates(TypedDict):
    """WER in one condition, with the interval of the difference; all differences null for the model as it is."""

    wer: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None


class Rates(TypedDict):
    """WER on clean speech (null without), and by noise list the mean over its SNRs."""

    clean: PairedRates | None
    lists: dict[str, PairedRates]


def rates_of(rows: Sequence[Hypothesis], options: ScoringOptions) -> Rates:
    """The rates of the model as it is."""
    summary = summarize_cells(ModelRows(rows, options))
    clean = summary["clean"]
    return Rates(
        clean=None if clean is None else _rates(clean["wer"]),
        lists={name: _rates(block["mean_wer"]) for name, block in summary["lists"].items()},
    )


def rates_beside(rows: Sequence[Hypothesis], plain: Sequence[Hypothesis], options: ScoringOptions) -> Rates:
    """The rates of the model in another way, and its differences from the model as it is, pair by pair."""
    comparison = compare(rows, plain, options)
    clean, lists = comparison["clean"], comparison["lists"]
    return Rates(
        clean=None if clean is None else _rates(clean["wer"], Estimate.read(clean, "difference")),
        lists={name: _rates(block["wer"], Estimate.read(block, "difference")) for name, block in lists.items()},
    )


def rate_columns(conditions: Sequence[str], subject: Subject, against: str) -> list[Column | str]:
    """The heads of `rate_cells`, three for each condition, "clean" or a noise list."""
    columns: list[Column | str] = []
    for name in conditions:
        title = "clean" if name == "clean" else f"{name}, mean of {subject.over}"
        columns += [f"WER, {title}", f"from {against}, points", subject.interval]
    return columns


def rate_cells(rates: PairedRates | None) -> tuple[Cell | Line, ...]:
    """WER, difference and interval; the difference is bold where the interval leaves zero out."""
    if rates is None:
        return ("–", "", "")
    _, low, high = Estimate.read(rates, "difference")
    interval = "" if low is None or high is None else f"{points(low)} to {points(high)}"
    shown = "" if rates["difference"] is None else points(rates["difference"])
    is_certain = low is not None and high is not None and (low > 0 or high < 0)
    return (strong(f"{100 * rates['wer']:.1f}"), strong(shown) if is_certain else shown, Cell.soft(interval))


def _rates(wer: float, difference: Estimate = NO_ESTIMATE) -> PairedRates:
    return record(PairedRates, wer=wer, difference=difference)
