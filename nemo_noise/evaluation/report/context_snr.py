# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The SNR that contexts know in the report: estimates over truth as a chart, errors as a table."""

import math
from collections.abc import Mapping

from nemo_noise.evaluation.probes.context_snr import ContextSnr, SnrErrors
from nemo_noise.evaluation.report.blocks import (
    Block,
    Card,
    Cell,
    Column,
    Line,
    Paragraph,
    Section,
    Stack,
    Table,
    TableRow,
    strong,
)
from nemo_noise.evaluation.report.charts import BOTTOM, HEIGHT, LEFT, TOP, square, ticks
from nemo_noise.evaluation.report.drawing import Area, Curve, Drawing, Point, Position, Shape, Stroke
from nemo_noise.evaluation.report.numbers import snr_text, with_minus

NOTE = (
    "A linear probe estimates the SNR of each mixture from the model's context alone, without having heard that block "
    "of speech. Line: median; band: from the 10th to the 90th percentile; dashed: the truth. R² is 0 for always "
    "naming the mean."
)
TICK_DB, MOST_DB = 5, 40  # wider steps where estimates reach further


def context_snr_section(models: Mapping[str, ContextSnr], model: str) -> Section | None:
    """Write the section of the page.

    Args:
        models: the estimates by model.
        model: the one that the page is about.

    Returns:
        The section; None where nothing was asked for.
    """
    if not models:
        return None
    known = {name: one for name, one in models.items() if one["reason"] is None}
    body: list[Block] = [Paragraph(NOTE)]
    body += [Paragraph(f"{name}: {one['reason']}.") for name, one in models.items() if one["reason"] is not None]
    if known:
        classes = {name: "model" if name == model else "baseline" for name in known}
        table = Stack((_table(known),), scrolls=True)
        body.append(Card((context_snr_chart(known, classes), table), is_side_by_side=True))
    return Section("The SNR that the context knows", "context-snr", tuple(body))


def context_snr_chart(models: Mapping[str, ContextSnr], css_classes: Mapping[str, str]) -> Drawing:
    """Draw estimated over true SNR.

    Args:
        models: the estimates by model, all with `by_snr`.
        css_classes: colour of each model, see `charts.Series`.
    """
    bands = [(float(snr), band) for one in models.values() for snr, band in one["by_snr"].items()]
    ends = [value for snr, band in bands for value in (snr, band["low_db"], band["high_db"])]
    step = TICK_DB * max(1, math.ceil((max(ends) - min(ends)) / MOST_DB))
    low, side = step * math.floor(min(ends) / step), HEIGHT - TOP - BOTTOM
    span = max(step * math.ceil(max(ends) / step) - low, step)

    def place(true_db: float, estimated_db: float) -> Position:
        return LEFT + (true_db - low) / span * side, TOP + (1 - (estimated_db - low) / span) * side

    shapes: list[Shape] = []
    for value in range(low, low + span + 1, step):
        shapes += ticks(place(value, value), with_minus(f"{value}"))
    shapes.append(Stroke((LEFT, TOP + side), (LEFT + side, TOP), "axis", is_dashed=True))
    for name, one in reversed(list(models.items())):
        points = sorted(((float(snr), band) for snr, band in one["by_snr"].items()), key=lambda point: point[0])
        outline = [place(snr, band["high_db"]) for snr, band in points]
        outline += [place(snr, band["low_db"]) for snr, band in reversed(points)]
        medians = tuple(place(snr, band["median_db"]) for snr, band in points)
        shapes += [Area(tuple(outline), f"band {css_classes[name]}"), Curve(medians, f"curve {css_classes[name]}")]
        for position, (snr, band) in zip(medians, points, strict=True):
            hint = f"{name} at {snr_text(snr)}: {band['median_db']:.1f} dB"
            hint += f" ({band['low_db']:.1f} to {band['high_db']:.1f})"
            shapes.append(Point(position, 4, f"point {css_classes[name]}", hint))
    return square(shapes, "SNR estimated from the context over the true one, in dB", "true SNR, dB")


def _table(models: Mapping[str, ContextSnr]) -> Table:
    """Tabulate the errors over all lists, and of each."""
    rows = []
    for name, one in models.items():
        errors: list[tuple[str, SnrErrors]] = [] if one["all"] is None else [("all", one["all"])]
        errors += list(one["lists"].items()) if len(one["lists"]) > 1 else []
        for number, (noise, found) in enumerate(errors):
            correlation = "–" if found["pearson_r"] is None else f"{found['pearson_r']:.2f}"
            cells: tuple[Cell | Line, ...] = (
                Cell.text("" if number else name),
                Cell.text(noise),
                strong(with_minus(f"{found['r2']:.2f}")),
                f"{found['mean_absolute_error_db']:.1f}",
                with_minus(correlation),
                str(found["mixtures"]),
            )
            rows.append(TableRow(cells, starts_group=not number))
        folds = f"{one['folds']} folds over {one['blocks']} {one['block']}s"
        rows.append(TableRow(("", Cell.text(folds, is_soft=True, columns=5))))
    heads = ("R²", "mean absolute error, dB", "Pearson r", "mixtures")
    return Table((Column.text("model"), Column.text("noise"), *heads), tuple(rows))
