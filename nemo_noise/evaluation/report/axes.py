# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The part of the report on rooms, channels, and seen against unseen."""

from html import escape

from nemo_noise.evaluation.report.numbers import interval_text, mean_of, percent
from nemo_noise.evaluation.report.tables import corrected
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.axes import Axes, Rate


def axes_section(results: Results) -> str:
    """Tabulate rooms, channels and the split of the model.

    Args:
        results: the results.

    Returns:
        HTML; empty where there is neither.
    """
    summary = results["models"][results["model"]]
    axes, split = summary.get("axes"), summary.get("split")
    parts, over = [], mean_of(results)
    if axes:
        tables = _grid(axes, over) + _values(axes, over)
        parts.append(f'<h2>Rooms and channels</h2><div class="card scroll">{tables}</div>')
    if "places" in results:
        parts.append(f'<div class="card scroll">{_places(results)}</div>')
    if split:
        rows = ""
        for axis, one in split.items():
            cells = "".join(map(_cell, (one["seen"], one["unseen"], one["gap"])))
            rows += f'<tr><td class="name">{escape(axis)}</td>{cells}</tr>'
        head = '<tr><th class="name"></th><th>seen</th><th>unseen</th><th>gap</th></tr>'
        parts.append(f'<h2>Seen and unseen</h2><div class="card scroll"><table>{head}{rows}</table></div>')
    return "".join(parts)


def _grid(axes: Axes, over: str) -> str:
    channels = list(axes["channel"])
    highest = max((v for row in axes["grid"].values() for v in row.values() if v is not None), default=1.0) or 1.0
    rows = []
    for room, by_channel in axes["grid"].items():
        cells = "".join(
            f'<td class="hot" style="--a:{(by_channel[one] or 0.0) / highest:.2f}">{percent(by_channel[one])}</td>'
            for one in channels
        )
        rows.append(f'<tr><td class="name">{escape(room)}</td>{cells}</tr>')
    head = "".join(f"<th>{escape(one)}</th>" for one in channels)
    return f'<table class="heat"><tr><th class="name">mean WER, {over}</th>{head}</tr>{"".join(rows)}</table>'


def _values(axes: Axes, over: str) -> str:
    rows = [
        f'<tr><td class="name">{axis} {escape(name)}</td><td>{percent(value["clean_wer"])}</td>'
        f"{_cell(value['mean'])}{_cell(value['difference'])}</tr>"
        for axis, values in (("room", axes["room"]), ("channel", axes["channel"]))
        for name, value in values.items()
    ]
    head = f'<tr><th class="name"></th><th>clean</th><th>mean WER, {over}</th><th>difference to the first</th></tr>'
    return f"<table>{head}{''.join(rows)}</table>"


def _places(results: Results) -> str:
    rows = []
    for axis, values in results["places"].items():
        for name, one in values.items():
            interval = interval_text(one["relative_reduction_low"], one["relative_reduction_high"])
            fewer = f'<b>{percent(one["relative_reduction"])}</b> <span class="soft">{interval}</span>'
            cells = "".join(f"<td>{cell}</td>" for cell in (percent(one["wer"]), percent(one["baseline_wer"]), fewer))
            rows.append(f'<tr><td class="name">{axis} {escape(name)}</td>{cells}{corrected(one["p_value_holm"])}</tr>')
    names = f"<th>{escape(results['model'])}</th><th>{escape(str(results['baseline']))}</th>"
    head = f'<tr><th class="name">mean WER, {mean_of(results)}</th>{names}<th>fewer errors</th><th>p, Holm</th></tr>'
    return f"<table>{head}{''.join(rows)}</table>"


def _cell(rate: Rate | None) -> str:
    if rate is None:
        return "<td>–</td>"
    interval = interval_text(rate["mean_wer_low"], rate["mean_wer_high"])
    return f'<td><b>{percent(rate["mean_wer"])}</b> <span class="soft">{interval}</span></td>'
