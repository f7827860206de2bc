# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The SNR that contexts know in the report: estimates over truth as a chart, errors as a table."""

import math
from collections.abc import Mapping
from html import escape

from nemo_noise.evaluation.probes.context_snr import ContextSnr, SnrErrors
from nemo_noise.evaluation.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP
from nemo_noise.evaluation.report.numbers import snr_text, with_minus

NOTE = (
    "A linear probe estimates the SNR of each mixture from the model's context alone, without having heard that block "
    "of speech. Line: median; band: from the 10th to the 90th percentile; dashed: the truth. R² is 0 for always "
    "naming the mean."
)
TICK_DB, MOST_DB = 5, 40  # wider steps where estimates reach further


def context_snr_section(models: Mapping[str, ContextSnr], model: str) -> str:
    """Write the section of the page.

    Args:
        models: the estimates by model.
        model: the one that the page is about.

    Returns:
        HTML; empty where nothing was asked for.
    """
    if not models:
        return ""
    known = {name: one for name, one in models.items() if one["reason"] is None}
    absent = "".join(
        f'<p class="soft">{escape(name)}: {escape(one["reason"])}.</p>'
        for name, one in models.items()
        if one["reason"] is not None
    )
    shown = ""
    if known:
        classes = {name: "model" if name == model else "baseline" for name in known}
        shown = f'<div class="card side">{context_snr_chart(known, classes)}<div class="scroll">{_table(known)}</div>'
        shown += "</div>"
    return f'<h2>The SNR that the context knows</h2><p class="soft">{NOTE}</p>{absent}{shown}'


def context_snr_chart(models: Mapping[str, ContextSnr], css_classes: Mapping[str, str]) -> str:
    """Draw estimated over true SNR.

    Args:
        models: the estimates by model, all with `by_snr`.
        css_classes: colour of each model, see `charts.Series`.

    Returns:
        An `<svg>` element.
    """
    bands = [(float(snr), band) for one in models.values() for snr, band in one["by_snr"].items()]
    ends = [value for snr, band in bands for value in (snr, band["low_db"], band["high_db"])]
    step = TICK_DB * max(1, math.ceil((max(ends) - min(ends)) / MOST_DB))
    low, side = step * math.floor(min(ends) / step), HEIGHT - TOP - BOTTOM
    span = max(step * math.ceil(max(ends) / step) - low, step)

    def x(snr_db: float) -> float:
        return LEFT + (snr_db - low) / span * side

    def y(snr_db: float) -> float:
        return TOP + (1 - (snr_db - low) / span) * side

    parts = []
    for value in range(low, low + span + 1, step):
        label = with_minus(f"{value}")
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + side}" y1="{y(value):.1f}" y2="{y(value):.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" class="tick" text-anchor="end">{label}</text>')
        parts.append(
            f'<text x="{x(value):.1f}" y="{TOP + side + 18}" class="tick" text-anchor="middle">{label}</text>'
        )
    parts.append(
        f'<line x1="{LEFT}" x2="{LEFT + side}" y1="{TOP + side}" y2="{TOP}" class="axis" stroke-dasharray="4 4"/>'
    )
    for name, one in reversed(list(models.items())):
        points = sorted(((float(snr), band) for snr, band in one["by_snr"].items()), key=lambda point: point[0])
        outline = [(snr, band["high_db"]) for snr, band in points]
        outline += [(snr, band["low_db"]) for snr, band in reversed(points)]
        path = " ".join(f"{x(snr):.1f},{y(value):.1f}" for snr, value in outline)
        parts.append(f'<polygon points="{path}" class="band {css_classes[name]}"/>')
        path = " ".join(f"{x(snr):.1f},{y(band['median_db']):.1f}" for snr, band in points)
        parts.append(f'<polyline points="{path}" class="curve {css_classes[name]}"/>')
        for snr, band in points:
            text = f"{name} at {snr_text(snr)}: {band['median_db']:.1f} dB"
            text += f" ({band['low_db']:.1f} to {band['high_db']:.1f})"
            circle = (
                f'<circle cx="{x(snr):.1f}" cy="{y(band["median_db"]):.1f}" r="4" class="point {css_classes[name]}">'
            )
            parts.append(f"{circle}<title>{escape(text)}</title></circle>")
    middle = LEFT + side / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" class="tick" text-anchor="middle">true SNR, dB</text>')
    title = "SNR estimated from the context over the true one, in dB"
    return (
        f'<svg viewBox="0 0 {LEFT + side + RIGHT} {HEIGHT}" role="img" aria-label="{title}" class="square">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _table(models: Mapping[str, ContextSnr]) -> str:
    """Tabulate the errors over all lists, and of each."""
    body = ""
    for name, one in models.items():
        rows: list[tuple[str, SnrErrors]] = [] if one["all"] is None else [("all", one["all"])]
        rows += list(one["lists"].items()) if len(one["lists"]) > 1 else []
        for number, (noise, found) in enumerate(rows):
            correlation = "–" if found["pearson_r"] is None else f"{found['pearson_r']:.2f}"
            body += (
                f'<tr class="{"" if number else "group"}"><td class="name">{"" if number else escape(name)}</td>'
                f'<td class="name">{escape(noise)}</td><td><b>{_signed(found["r2"])}</b></td>'
                f"<td>{found['mean_absolute_error_db']:.1f}</td><td>{with_minus(correlation)}</td>"
                f"<td>{found['mixtures']}</td></tr>"
            )
        body += (
            f'<tr><td></td><td class="name soft" colspan="5">{one["folds"]} folds over {one["blocks"]} '
            f"{escape(str(one['block']))}s</td></tr>"
        )
    head = '<th class="name">model</th><th class="name">noise</th><th>R²</th><th>mean absolute error, dB</th>'
    return f"<table><tr>{head}<th>Pearson r</th><th>mixtures</th></tr>{body}</table>"


def _signed(value: float) -> str:
    return with_minus(f"{value:.2f}")
