# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streaming in the report: a table for each model."""

from collections.abc import Mapping
from html import escape

from nemo_noise.evaluation.report.numbers import points
from nemo_noise.evaluation.scoring.streaming import StreamedRates, Streaming

NOTE = (
    "Algorithmic latency: from the first sample that a chunk's first frame stands for until the chunk can be given, "
    "computing not counted. The difference from offline is paired, on the same mixtures; below zero the stream is "
    "better, bold where the interval leaves zero out. A step is one chunk of one stream alone in the encoder."
)


def streaming_section(models: Mapping[str, Streaming], over: str) -> str:
    """Write the section of the page.

    Args:
        models: the streams by model.
        over: names the SNRs of the mean.

    Returns:
        HTML; empty where nothing was asked for.
    """
    if not models:
        return ""
    cards = "".join(
        f'<div class="card scroll below"><h3>{escape(name)}, {streaming["mixtures"]} mixtures</h3>'
        f"{_table(streaming, over) if streaming['reason'] is None else _absent(streaming['reason'])}</div>"
        for name, streaming in models.items()
    )
    return f'<h2>Streaming against offline</h2><p class="soft">{NOTE}</p>{cards}'


def _table(streaming: Streaming, over: str) -> str:
    """Tabulate the latencies of one model."""
    possible = [row for row in streaming["rows"] if row["reason"] is None]
    lists = list(dict.fromkeys(name for row in possible for name in row["lists"]))
    columns = (["clean"] if any(row["clean"] is not None for row in possible) else []) + lists
    head = '<th class="name">chunk</th><th class="name">way</th><th>algorithmic latency, ms</th>'
    for name in columns:
        title = "clean" if name == "clean" else f"{escape(name)}, mean of {over}"
        head += f"<th>WER, {title}</th><th>from offline, points</th><th>95 % interval</th>"
    head += "<th>RTFx in batches</th><th>step, ms</th><th>95 % below, ms</th>"
    body = ""
    for row in streaming["rows"]:
        chunk = "offline" if row["chunk_ms"] is None else f"{row['chunk_ms']:g} ms"
        if row["reason"] is not None:
            wide = f'<td class="name" colspan="{3 * len(columns) + 5}" style="white-space:normal">'
            body += f'<tr><td class="name">{chunk}</td>{wide}not possible: {escape(row["reason"])}</td></tr>'
            continue
        way = "" if row["chunk_ms"] is None else escape(row["way"] or "")
        cells = "".join(_cells(row["clean"] if name == "clean" else row["lists"].get(name)) for name in columns)
        numbers = "".join(f"<td>{_number(row[key])}</td>" for key in ("rtfx", "step_ms_median", "step_ms_p95"))
        body += (
            f'<tr><td class="name">{chunk}</td><td class="name" style="white-space:normal">{way}</td>'
            f"<td>{_number(row['latency_ms'])}</td>{cells}{numbers}</tr>"
        )
    counted = f'<p class="soft">{streaming["not_possible"]} of the latencies not possible.</p>'
    return f"<table><tr>{head}</tr>{body}</table>{counted if streaming['not_possible'] else ''}"


def _cells(rates: StreamedRates | None) -> str:
    """WER, difference and interval; the colour of the forest where the interval leaves zero out."""
    if rates is None:
        return "<td>–</td><td></td><td></td>"
    low, high = rates["difference_low"], rates["difference_high"]
    interval = "" if low is None or high is None else f"{points(low)} to {points(high)}"
    shown = "" if rates["difference"] is None else points(rates["difference"])
    is_certain = low is not None and high is not None and (low > 0 or high < 0)
    shown = f"<b>{shown}</b>" if is_certain else shown
    return f'<td><b>{100 * rates["wer"]:.1f}</b></td><td>{shown}</td><td class="soft">{interval}</td>'


def _absent(reason: str) -> str:
    return f'<p class="soft">{escape(reason)}</p>'


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}".removesuffix(".0") if value >= 100 else f"{value:.3g}"
