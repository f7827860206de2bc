# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What does time around the speech cost? WER with seconds of noise on each side, against the same mixtures without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypedDict

from nemo_noise import checks
from nemo_noise.checks import Rule
from nemo_noise.evaluation.blocks.elements import Body, Card, Cell, Column, Line, Paragraph, Section, Table, TableRow
from nemo_noise.evaluation.blocks.numbers import points
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.comparisons.paired_rates import (
    Rates,
    rate_cells,
    rate_columns,
    rates_beside,
    rates_of,
)
from nemo_noise.evaluation.questions.evidence import Evidence, Recogniser, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.robustness import set_aside_other_rows
from nemo_noise.evaluation.transcription.surroundings import SurroundedRun, SurroundingsOptions, run_surrounded

__all__ = ["SurroundedRow", "SurroundedWer", "SurroundingsQuestion", "summarize_surroundings"]

NOTE = (
    "Seconds on each side of the speech: the noise of the mixture goes on there, as loud; clean speech has digital "
    "silence. The difference is paired, on the same mixtures; below zero it is better with them, bold where the "
    "interval leaves zero out."
)
ROWS = "surroundings.jsonl"  # in the output folder
LONGEST_S = 600.0


class SurroundedRow(Rates):
    """The rates with seconds on each side; the first row is that of 0 s, without differences."""

    around_s: float


class SurroundedWer(TypedDict):
    """All lengths of one model, 0 s first; `reason` is why there is none at all."""

    mixtures: int
    rows: list[SurroundedRow]
    reason: str | None


@dataclass(frozen=True)
class SurroundingsQuestion(EvaluationQuestion[dict[str, SurroundedWer]]):
    """Asked where the options name lengths; of every NeMo model.

    Attributes:
        options: what goes around the speech.
    """

    options: SurroundingsOptions = field(default_factory=SurroundingsOptions)
    key: ClassVar[str] = "surroundings"
    is_optional: ClassVar[bool] = True
    rules: ClassVar[Mapping[str, Rule]] = {
        "around_s": checks.listed(checks.number(0, LONGEST_S), "[0.2, 0.5, 2]"),
        "around_trials": checks.maybe(checks.whole(1)),
    }

    def given(self, settings: Mapping[str, Any]) -> "SurroundingsQuestion":
        """The question with the options of a config; 0 s is always answered."""
        lengths = tuple(sorted({float(seconds) for seconds in settings["around_s"] if seconds}))
        return replace(self, options=SurroundingsOptions(lengths, settings["around_trials"]))

    @property
    def asked_by(self) -> str | None:
        """The lengths."""
        return "around_s" if self.options.around_s else None

    def ask(self, recogniser: Recogniser) -> list[SurroundedRun] | str:
        """Run the trials with every length."""
        return run_surrounded(
            recogniser.name,
            recogniser.model,
            recogniser.plan,
            path=recogniser.folder / ROWS,
            surroundings=self.options,
            options=recogniser.options,
        )

    def asked(self, found: Mapping[str, list[SurroundedRun] | str], folder: Path) -> None:
        """Leave the rows of these runs in the file, and move others beside it."""
        rows = [row for runs in found.values() if not isinstance(runs, str) for run in runs for row in run.rows]
        if rows:
            set_aside_other_rows(folder / ROWS, rows)

    def answer(self, evidence: Evidence) -> dict[str, SurroundedWer] | None:
        """Compare each model with its rows of the same mixtures without anything around them."""
        found: Mapping[str, list[SurroundedRun] | str] = evidence.found.get(self.key, {})
        return {
            name: SurroundedWer(mixtures=0, rows=[], reason=runs)
            if isinstance(runs, str)
            else summarize_surroundings(runs, evidence.rows.get(name, []), evidence.scoring)
            for name, runs in found.items()
        } or None

    def section(self, answer: dict[str, SurroundedWer], subject: Subject) -> Section:
        """Tabulate the lengths of each model."""
        cards = (
            Card(_body(one, subject), title=f"{name}, {one['mixtures']} mixtures", scrolls=True, is_below=True)
            for name, one in answer.items()
        )
        return Section("Noise around the speech", "surroundings", (Paragraph(NOTE), *cards))

    def sentences(self, answer: dict[str, SurroundedWer], subject: Subject) -> Sequence[str]:
        """The differences of each length."""
        return [_sentence(name, one) for name, one in answer.items()]


def summarize_surroundings(
    runs: Sequence[SurroundedRun], plain_rows: Sequence[Hypothesis], options: ScoringOptions
) -> SurroundedWer:
    """Compare rows with surroundings with those of the same utterance, noise and SNR without."""
    pairs = {row.pair_key for run in runs for row in run.rows}
    plain = [row.changed(mixture_sha256=None) for row in plain_rows if row.pair_key in pairs]
    if not plain:
        return SurroundedWer(mixtures=0, rows=[], reason="no mixture was transcribed without surroundings")
    rows = [SurroundedRow(around_s=0.0, **rates_of(plain, options))]
    for run in runs:
        # The mixtures are others on purpose, and a pair is refused whose hashes differ.
        unhashed = [row.changed(mixture_sha256=None) for row in run.rows]
        rows.append(SurroundedRow(around_s=run.around_s, **rates_beside(unhashed, plain, options)))
    return SurroundedWer(mixtures=len(plain), rows=rows, reason=None)


def _body(one: SurroundedWer, subject: Subject) -> Body:
    """Tabulate the lengths of one model, or give the reason why there are none."""
    if one["reason"] is not None:
        return (Paragraph(one["reason"]),)
    lists = list(dict.fromkeys(name for row in one["rows"] for name in row["lists"]))
    conditions = (["clean"] if any(row["clean"] is not None for row in one["rows"]) else []) + lists
    columns: list[Column | str] = [Column.text("on each side"), *rate_columns(conditions, subject, "0 s")]
    rows = []
    for row in one["rows"]:
        cells: list[Cell | Line] = [Cell.text(f"{row['around_s']:g} s")]
        for name in conditions:
            cells += rate_cells(row["clean"] if name == "clean" else row["lists"].get(name))
        rows.append(TableRow(tuple(cells)))
    return (Table(tuple(columns), tuple(rows)),)


def _sentence(name: str, one: SurroundedWer) -> str:
    if one["reason"] is not None:
        return f"Noise around the speech, {name}: none, {one['reason']}."
    clauses = [_clause(row) for row in one["rows"] if row["around_s"]]
    return f"Noise around the speech of {name}, WER in points against none: {'; '.join(clauses)}."


def _clause(row: SurroundedRow) -> str:
    blocks = {} if row["clean"] is None else {"clean": row["clean"]}
    changes = [f"{points(block['difference'])} {name}" for name, block in {**blocks, **row["lists"]}.items()]
    return f"{row['around_s']:g} s {', '.join(changes)}"
