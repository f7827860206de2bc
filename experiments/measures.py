# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a column of a table may show of an arm's rows, by the statistics of the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.hypothesis import Cell, Hypothesis
from nemo_noise.evaluation.scoring.comparison import PairedTallies, pair_rows
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally, scored_rows

__all__ = ["MEASURES", "OF_ONE_ARM", "Measured", "holds"]


@dataclass(frozen=True)
class Measured:
    """The rows of an arm and of the baseline that a column holds.

    Attributes:
        rows: of the arm, all seeds.
        baseline: of the baseline; None for the baseline itself, and where there is none.
        scoring: how they are scored.
    """

    rows: Sequence[Hypothesis]
    baseline: Sequence[Hypothesis] | None
    scoring: ScoringOptions

    def paired(self) -> PairedTallies:
        """Count the errors of both on the same mixtures."""
        pairs = pair_rows(self.rows, self.baseline or (), self.scoring)
        return PairedTallies(pairs.model_rows, pairs.baseline_rows, self.scoring)


def holds(row: Hypothesis, where: Mapping[str, Any]) -> bool:
    """Whether a row has the values of `where`: a field -> a value, or a list of them."""
    for name, wanted in where.items():
        value = row.condition.value if name == "condition" else row.fields.get(name)
        if value not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


def _cells(tally: Tally) -> list[Cell]:
    """Every cell with noise, or that of clean speech; each weighs the same."""
    noisy = [cell for name in tally.noise_lists() for cell in tally.cells(name)]
    return noisy or tally.clean_cells()


def _wer(measured: Measured) -> str:
    tally = Tally(scored_rows(measured.rows, measured.scoring), measured.scoring)
    return _percent(tally.rates(_cells(tally)).mean().estimate(lowest=0.0), 2)


def _points(measured: Measured) -> str:
    tallies = measured.paired()
    difference = tallies.difference(_cells(tallies.model))
    return _percent(Estimate.read(difference, "difference"), 2)


def _reduction(measured: Measured) -> str:
    tallies = measured.paired()
    difference = tallies.difference(_cells(tallies.model))
    return _percent(Estimate.read(difference, "relative_reduction"), 1)


def _p(measured: Measured) -> float | None:
    tallies = measured.paired()
    return tallies.difference(_cells(tallies.model))["p_value"]


def _reduction_by_seed(measured: Measured) -> str:
    tallies = measured.paired()
    found = tallies.reduction_by_seed(_cells(tallies.model)).values()
    return ", ".join("–" if value is None else f"{100 * value:.1f}" for value in found)


def _beyond_clean(measured: Measured) -> str:
    return _percent(_interaction(measured)[0], 2)


def _reduction_beyond_clean(measured: Measured) -> str:
    return _percent(_interaction(measured)[1], 1)


def _interaction(measured: Measured) -> tuple[Estimate, Estimate]:
    tallies = measured.paired()
    noisy, clean = _cells(tallies.model), tallies.model.clean_cells()
    if not clean or noisy == clean:
        raise ValueError("a gain beyond clean needs rows of clean speech and of noise; `where` leaves some out")
    return tallies.beyond_clean(noisy, clean)


def _pieces_with_text(measured: Measured) -> str:
    written = [bool(measured.scoring.written(row)) for row in measured.rows]
    return f"{100 * sum(written) / len(written):.1f} ({sum(written)} of {len(written)})"


def _characters_a_minute(measured: Measured) -> str:
    unknown = next((row for row in measured.rows if row.duration_s is None), None)
    if unknown is not None:
        raise ValueError(f"characters a minute need a duration, which utterance {unknown.utterance!r} has not")
    characters = sum(len(measured.scoring.written(row)) for row in measured.rows)
    return f"{60 * characters / sum(row.duration_s or 0.0 for row in measured.rows):.1f}"


def _count(measured: Measured) -> str:
    return f"{len(measured.rows):,}"


def _percent(estimate: Estimate, digits: int) -> str:
    if estimate.value is None:
        return "–"
    text = f"{100 * estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:.{digits}f}, {100 * estimate.high:.{digits}f}]"


MEASURES: Mapping[str, Callable[[Measured], Any]] = {
    "wer": _wer,
    "points": _points,
    "reduction": _reduction,
    "p": _p,
    "reduction_by_seed": _reduction_by_seed,
    "beyond_clean": _beyond_clean,
    "reduction_beyond_clean": _reduction_beyond_clean,
    "pieces_with_text": _pieces_with_text,
    "characters_a_minute": _characters_a_minute,
    "rows": _count,
}
OF_ONE_ARM = frozenset({"wer", "pieces_with_text", "characters_a_minute", "rows"})
