# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streaming in the report: a table for each model."""

from collections.abc import Mapping, Sequence

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.blocks import (
    Body,
    Card,
    Cell,
    Column,
    Line,
    Paragraph,
    Section,
    Table,
    TableRow,
    strong,
)
from nemo_noise.evaluation.report.numbers import points
from nemo_noise.evaluation.scoring.streaming import StreamedRates, Streaming, StreamingRow

NOTE = (
    "Algorithmic latency: from the first sample that a chunk's first frame stands for until the chunk can be given, "
    "computing not counted. The difference from offline is paired, on the same mixtures; below zero the stream is "
    "better, bold where the interval leaves zero out. A step is one chunk of one stream alone in the encoder."
)


def streaming_section(models: Mapping[str, Streaming], over: str) -> Section | None:
    """Write the section of the page.

    Args:
        models: the streams by model.
        over: names the SNRs of the mean.

    Returns:
        The section; None where nothing was asked for.
    """
    if not models:
        return None
    cards = (
        Card(_body(one, over), title=f"{name}, {one['mixtures']} mixtures", scrolls=True, is_below=True)
        for name, one in models.items()
    )
    return Section("Streaming against offline", "streaming", (Paragraph(NOTE), *cards))


def _body(streaming: Streaming, over: str) -> Body:
    """Tabulate the latencies of one model, or give the reason why there are none."""
    if streaming["reason"] is not None:
        return (Paragraph(streaming["reason"]),)
    possible = [row for row in streaming["rows"] if row["reason"] is None]
    lists = list(dict.fromkeys(name for row in possible for name in row["lists"]))
    conditions = (["clean"] if any(row["clean"] is not None for row in possible) else []) + lists
    columns: list[Column | str] = [Column.text("chunk"), Column.text("way"), "algorithmic latency, ms"]
    for name in conditions:
        title = "clean" if name == "clean" else f"{name}, mean of {over}"
        columns += [f"WER, {title}", "from offline, points", "95 % interval"]
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
        cells += _cells(row["clean"] if name == "clean" else row["lists"].get(name))
    return TableRow((*cells, *(_number(row[key]) for key in ("rtfx", "step_ms_median", "step_ms_p95"))))


def _cells(rates: StreamedRates | None) -> tuple[Cell | Line, ...]:
    """WER, difference and interval; the difference is bold where the interval leaves zero out."""
    if rates is None:
        return ("–", "", "")
    _, low, high = Estimate.read(rates, "difference")
    interval = "" if low is None or high is None else f"{points(low)} to {points(high)}"
    shown = "" if rates["difference"] is None else points(rates["difference"])
    is_certain = low is not None and high is not None and (low > 0 or high < 0)
    return (strong(f"{100 * rates['wer']:.1f}"), strong(shown) if is_certain else shown, Cell.soft(interval))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}".removesuffix(".0") if value >= 100 else f"{value:.3g}"
