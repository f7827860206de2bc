# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What does streaming cost? WER at every latency, and its paired difference from the model offline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypedDict

import numpy as np

from nemo_noise import checks
from nemo_noise.checks import Rule
from nemo_noise.evaluation.blocks.elements import (
    Body,
    Card,
    Cell,
    Column,
    Line,
    Paragraph,
    Section,
    Table,
    TableRow,
)
from nemo_noise.evaluation.blocks.numbers import points
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.comparisons.paired_rates import (
    PairedRates,
    rate_cells,
    rate_columns,
    rates_beside,
    rates_of,
)
from nemo_noise.evaluation.questions.evidence import Evidence, Recogniser, Subject
from nemo_noise.evaluation.questions.models.speed import summarize_speed
from nemo_noise.evaluation.questions.question import EvaluationQuestion
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.robustness import set_aside_other_rows
from nemo_noise.evaluation.transcription.streaming import StreamedRun, StreamingOptions, run_streams

__all__ = ["Streaming", "StreamingQuestion", "summarize_streaming"]

NOTE = (
    "Algorithmic latency: from the first sample that a chunk's first frame stands for until the chunk can be given, "
    "computing not counted. The difference from offline is paired, on the same mixtures; below zero the stream is "
    "better, bold where the interval leaves zero out. A step is one chunk of one stream alone in the encoder."
)
ROWS = "streaming.jsonl"  # in the output folder
MOST_LEFT_S = 86_400.0


class StreamingRow(TypedDict):
    """One line of the table. `reason` is why a latency is not possible; then all numbers are null.

    `chunk_ms` and `latency_ms` are null offline; `step_ms_*` are those of one stream alone, of the encoder.
    """

    chunk_ms: float | None
    way: str | None
    latency_ms: float | None
    reason: str | None
    clean: PairedRates | None
    lists: dict[str, PairedRates]
    rtfx: float | None
    steps: int
    step_ms_median: float | None
    step_ms_p95: float | None


class Streaming(TypedDict):
    """All latencies of one model, offline first; `reason` is why there is none at all."""

    mixtures: int
    not_possible: int
    rows: list[StreamingRow]
    reason: str | None


_NOTHING = StreamingRow(
    chunk_ms=None,
    way=None,
    latency_ms=None,
    reason=None,
    clean=None,
    lists={},
    rtfx=None,
    steps=0,
    step_ms_median=None,
    step_ms_p95=None,
)


@dataclass(frozen=True)
class StreamingQuestion(EvaluationQuestion[dict[str, Streaming]]):
    """Asked where the options name latencies; of every model.

    Attributes:
        options: what is streamed.
    """

    options: StreamingOptions = field(default_factory=StreamingOptions)
    key: ClassVar[str] = "streaming"
    is_optional: ClassVar[bool] = True
    rules: ClassVar[Mapping[str, Rule]] = {
        "streaming_ms": checks.listed(checks.number(above=0), "[80, 320]"),
        "streaming_trials": checks.maybe(checks.whole(1)),
        "streaming_left_s": checks.number(0, MOST_LEFT_S),
    }

    def given(self, settings: Mapping[str, Any]) -> "StreamingQuestion":
        """The question with the options of a config."""
        options = StreamingOptions(*(settings[name] for name in self.rules))
        return replace(self, options=options)

    @property
    def asked_by(self) -> str | None:
        """The latencies."""
        return "streaming_ms" if self.options.latencies_ms else None

    def ask(self, recogniser: Recogniser) -> list[StreamedRun]:
        """Stream the trials at every latency."""
        return run_streams(
            recogniser.name,
            recogniser.model,
            recogniser.plan,
            path=recogniser.folder / ROWS,
            streaming=self.options,
            options=recogniser.options,
        )

    def asked(self, found: Mapping[str, list[StreamedRun] | str], folder: Path) -> None:
        """Leave the rows of these streams in the file, and move others beside it."""
        rows = [row for runs in found.values() if not isinstance(runs, str) for run in runs for row in run.rows]
        if rows:
            set_aside_other_rows(folder / ROWS, rows)

    def answer(self, evidence: Evidence) -> dict[str, Streaming] | None:
        """Compare the streams of each model with its offline rows."""
        found: Mapping[str, list[StreamedRun] | str] = evidence.found.get(self.key, {})
        return {
            name: Streaming(mixtures=0, not_possible=0, rows=[], reason=runs)
            if isinstance(runs, str)
            else summarize_streaming(runs, evidence.rows.get(name, []), evidence.scoring)
            for name, runs in found.items()
        } or None

    def section(self, answer: dict[str, Streaming], subject: Subject) -> Section:
        """Tabulate the latencies of each model."""
        cards = (
            Card(_body(one, subject), title=f"{name}, {one['mixtures']} mixtures", scrolls=True, is_below=True)
            for name, one in answer.items()
        )
        return Section("Streaming against offline", "streaming", (Paragraph(NOTE), *cards))

    def sentences(self, answer: dict[str, Streaming], subject: Subject) -> Sequence[str]:
        """The differences of each latency."""
        return [_sentence(name, one) for name, one in answer.items()]


def summarize_streaming(
    runs: Sequence[StreamedRun], offline_rows: Sequence[Hypothesis], options: ScoringOptions
) -> Streaming:
    """Compare streams with the offline rows of the same model on the same mixtures."""
    streamed = {row.trial_id for run in runs for row in run.rows}
    offline = [row for row in offline_rows if row.trial_id in streamed]
    rows = [_offline_row(offline, options)] if offline else []
    rows += [_streamed_row(run, offline, options) for run in runs]
    impossible = sum(run.reason is not None for run in runs)
    return Streaming(mixtures=len(offline), not_possible=impossible, rows=rows, reason=None)


def _offline_row(rows: Sequence[Hypothesis], options: ScoringOptions) -> StreamingRow:
    rates = rates_of(rows, options)
    return {
        **_NOTHING,
        "way": "offline",
        "clean": rates["clean"],
        "lists": rates["lists"],
        "rtfx": summarize_speed(rows)["rtfx"],
    }


def _streamed_row(run: StreamedRun, offline: Sequence[Hypothesis], options: ScoringOptions) -> StreamingRow:
    if run.reason is not None:
        return {**_NOTHING, "chunk_ms": run.chunk_ms, "reason": run.reason}
    steps_ms = 1000.0 * np.array(run.steps_s)
    return StreamingRow(
        chunk_ms=run.chunk_ms,
        way=run.way,
        latency_ms=run.latency_ms,
        reason=None,
        **rates_beside(run.rows, offline, options),
        rtfx=summarize_speed(run.rows)["rtfx"],
        steps=len(steps_ms),
        step_ms_median=float(np.median(steps_ms)) if len(steps_ms) else None,
        step_ms_p95=float(np.percentile(steps_ms, 95)) if len(steps_ms) else None,
    )


def _body(streaming: Streaming, subject: Subject) -> Body:
    """Tabulate the latencies of one model, or give the reason why there are none."""
    if streaming["reason"] is not None:
        return (Paragraph(streaming["reason"]),)
    possible = [row for row in streaming["rows"] if row["reason"] is None]
    lists = list(dict.fromkeys(name for row in possible for name in row["lists"]))
    conditions = (["clean"] if any(row["clean"] is not None for row in possible) else []) + lists
    columns: list[Column | str] = [Column.text("chunk"), Column.text("way"), "algorithmic latency, ms"]
    columns += rate_columns(conditions, subject, "offline")
    columns += ["RTFx in batches", "step, ms", "95 % below, ms"]
    table = Table(tuple(columns), tuple(_row(row, conditions) for row in streaming["rows"]))
    if not streaming["not_possible"]:
        return (table,)
    return (table, Paragraph(f"{streaming['not_possible']} of the latencies not possible."))


def _row(row: StreamingRow, conditions: Sequence[str]) -> TableRow:
    chunk = Cell.text("offline" if row["chunk_ms"] is None else f"{row['chunk_ms']:g} ms")
    if row["reason"] is not None:
        reason = f"not possible: {row['reason']}"
        return TableRow((chunk, Cell.text(reason, wraps=True, columns=3 * len(conditions) + 5)))
    way = Cell.text("" if row["chunk_ms"] is None else row["way"] or "", wraps=True)
    cells: list[Cell | Line] = [chunk, way, _number(row["latency_ms"])]
    for name in conditions:
        cells += rate_cells(row["clean"] if name == "clean" else row["lists"].get(name))
    return TableRow((*cells, *(_number(row[key]) for key in ("rtfx", "step_ms_median", "step_ms_p95"))))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}".removesuffix(".0") if value >= 100 else f"{value:.3g}"


def _sentence(name: str, streaming: Streaming) -> str:
    if streaming["reason"] is not None:
        return f"Streaming of {name}: none, {streaming['reason']}."
    clauses = [_row_clause(row) for row in streaming["rows"] if row["chunk_ms"] is not None]
    return f"Streaming of {name}, WER in points against offline: {'; '.join(clauses)}."


def _row_clause(row: StreamingRow) -> str:
    if row["reason"] is not None:
        return f"{row['chunk_ms']:g} ms not possible"
    blocks = {} if row["clean"] is None else {"clean": row["clean"]}
    changes = [f"{points(block['difference'])} {name}" for name, block in {**blocks, **row["lists"]}.items()]
    return f"{row['chunk_ms']:g} ms {', '.join(changes)}"
