# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The charts of the report: WER over SNR with interval bands, differences with their intervals."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.drawing import Area, Curve, Drawing, Label, Point, Position, Shape, Stroke
from nemo_noise.evaluation.report.numbers import interval_of, interval_text, percent, snr_text, with_minus
from nemo_noise.evaluation.scoring.comparison import ListComparison
from nemo_noise.evaluation.scoring.summary import CellSummary

WIDTH, HEIGHT = 520, 330
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 44
CLEAN_SHARE = 0.14  # of the width, for clean speech right of the curve
ROW_HEIGHT, FOREST_LEFT, FOREST_RIGHT = 26, 96, 190


class Series(NamedTuple):
    """One curve: name, CSS class, cells by SNR key, and the cell of clean speech."""

    name: str
    css_class: str
    cells: dict[str, CellSummary]
    clean: CellSummary | None


class Axes(NamedTuple):
    """Maps values to pixels: SNR range in dB, and the WER at the top."""

    min_snr_db: float
    max_snr_db: float
    max_wer: float

    def x(self, snr_db: float | None) -> float:
        """Horizontal pixel of an SNR, None for clean speech."""
        right = WIDTH - RIGHT
        if snr_db is None:
            return right - CLEAN_SHARE * (right - LEFT) * 0.35
        end = right - CLEAN_SHARE * (right - LEFT)
        span = self.max_snr_db - self.min_snr_db
        share = (snr_db - self.min_snr_db) / span if span else 0.5
        return LEFT + 14 + share * (end - LEFT - 28)

    def y(self, wer: float) -> float:
        """Vertical pixel of a WER."""
        return TOP + (1 - min(wer, self.max_wer) / self.max_wer) * (HEIGHT - TOP - BOTTOM)


def wer_curves(title: str, series: Sequence[Series], max_wer: float) -> Drawing:
    """Draw WER over SNR for one noise list.

    Args:
        title: read out by screen readers.
        series: one curve per model.
        max_wer: highest WER to show, shared by neighbouring charts.
    """
    snrs = sorted({float(snr) for one in series for snr in one.cells})
    axes = Axes(snrs[0], snrs[-1], _nice_ceiling(max_wer))
    has_clean = any(one.clean is not None for one in series)
    shapes = _grid(axes, snrs, has_clean)
    for one in series:
        shapes += _band(axes, one)
    for one, offset in zip(series, _offsets(len(series)), strict=True):
        shapes += _curve(axes, one, offset)
    return Drawing(WIDTH, HEIGHT, tuple(shapes), title)


def highest_wer(series: Sequence[Series]) -> float:
    """Find the highest value that curves and bands reach."""
    cells = [cell for one in series for cell in [*one.cells.values(), one.clean] if cell is not None]
    return max([0.05, *(cell["wer"] for cell in cells), *(cell["wer_high"] or 0.0 for cell in cells)])


def difference_forest(block: ListComparison) -> Drawing:
    """Draw the differences of one noise list in points of WER: the mean, then every SNR.

    Left of the zero line the model is better.
    """
    rows = [("mean", block)] + [(snr_text(snr), cell) for snr, cell in block["cells"].items()]
    ends = [abs(row[key] or 0.0) for _, row in rows for key in ("difference", "difference_low", "difference_high")]
    reach = max([*ends, 0.005]) * 1.1
    height = 34 + ROW_HEIGHT * len(rows) + 22
    middle = FOREST_LEFT + (WIDTH - FOREST_LEFT - FOREST_RIGHT) / 2
    scale = (WIDTH - FOREST_LEFT - FOREST_RIGHT) / 2 / reach
    shapes: list[Shape] = [
        Label((middle - 8, 16), "\N{LEFTWARDS ARROW} better", "end"),
        Label((middle + 8, 16), "worse \N{RIGHTWARDS ARROW}"),
        Stroke((middle, 24), (middle, height - 22), "axis"),
    ]
    for index, (name, row) in enumerate(rows):
        y = 34 + ROW_HEIGHT * (index + 0.5)
        _, low, high = Estimate.read(row, "difference")
        certain = "better" if high is not None and high < 0 else "worse" if low is not None and low > 0 else "open"
        shapes.append(Label((FOREST_LEFT - 10, y + 4), name, "end"))
        if low is not None and high is not None:
            shapes.append(Stroke((middle + low * scale, y), (middle + high * scale, y), f"whisker {certain}"))
        shapes.append(Point((middle + row["difference"] * scale, y), 5.5 if index == 0 else 4, f"dot {certain}"))
        text = f"{percent(row['difference'])} ({interval_text(low, high)})".replace("\N{NO-BREAK SPACE}%", "")
        shapes.append(Label((WIDTH - FOREST_RIGHT + 12, y + 4), text))
    shapes.append(Label((middle, height - 4), "difference in points of WER", "middle"))
    return Drawing(WIDTH, height, tuple(shapes))


def ticks(position: Position, label: str) -> list[Shape]:
    """Draw a grid line of a square chart through a position of its diagonal, and name it on both axes."""
    (x, y), side = position, HEIGHT - TOP - BOTTOM
    return [
        Stroke((LEFT, y), (LEFT + side, y), "grid"),
        Label((LEFT - 8, y + 4), label, "end"),
        Label((x, TOP + side + 18), label, "middle"),
    ]


def square(shapes: Sequence[Shape], title: str, axis: str) -> Drawing:
    """Finish a square chart by the name of its horizontal axis."""
    side = HEIGHT - TOP - BOTTOM
    name = Label((LEFT + side / 2, HEIGHT - 6), axis, "middle")
    return Drawing(LEFT + side + RIGHT, HEIGHT, (*shapes, name), title, is_square=True)


def _grid(axes: Axes, snrs: Sequence[float], has_clean: bool) -> list[Shape]:
    """Draw lines of equal WER and name both axes."""
    shapes: list[Shape] = []
    step = axes.max_wer / 5
    for line in range(6):
        y = axes.y(line * step)
        shapes.append(Stroke((LEFT, y), (WIDTH - RIGHT, y), "grid"))
        shapes.append(Label((LEFT - 8, y + 4), f"{100 * line * step:g}", "end"))
    base = HEIGHT - BOTTOM + 18
    shapes += [Label((axes.x(snr), base), with_minus(f"{snr:g}"), "middle") for snr in snrs]
    if has_clean:
        shapes.append(Label((axes.x(None), base), "clean", "middle"))
    middle = (axes.x(axes.min_snr_db) + axes.x(axes.max_snr_db)) / 2
    return [*shapes, Label((middle, HEIGHT - 6), "SNR in dB", "middle")]


def _band(axes: Axes, series: Series) -> list[Shape]:
    """Fill the intervals of a curve."""
    points = [(float(snr), c["wer_low"], c["wer_high"]) for snr, c in series.cells.items()]
    known = sorted((snr, low, high) for snr, low, high in points if low is not None and high is not None)
    if len(known) < 2:
        return []
    outline = [(snr, high) for snr, _, high in known] + [(snr, low) for snr, low, _ in reversed(known)]
    return [Area(tuple((axes.x(snr), axes.y(wer)) for snr, wer in outline), f"band {series.css_class}")]


def _curve(axes: Axes, series: Series, clean_offset: float) -> list[Shape]:
    """Draw a curve, its points, and clean speech beside it."""
    cells = sorted(((float(snr), cell) for snr, cell in series.cells.items()), key=lambda item: item[0])
    path = tuple((axes.x(snr), axes.y(cell["wer"])) for snr, cell in cells)
    shapes: list[Shape] = [Curve(path, f"curve {series.css_class}")]
    for (snr, cell), position in zip(cells, path, strict=True):
        shapes.append(_point(position, cell, name=f"{series.name}, {snr_text(snr)}", css_class=series.css_class))
    if series.clean is not None:
        x = axes.x(None) + clean_offset
        _, low, high = Estimate.read(series.clean, "wer")
        if low is not None and high is not None:
            shapes.append(Stroke((x, axes.y(low)), (x, axes.y(high)), f"clean {series.css_class}"))
        position = (x, axes.y(series.clean["wer"]))
        shapes.append(_point(position, series.clean, name=f"{series.name}, clean", css_class=series.css_class))
    return shapes


def _point(position: Position, cell: CellSummary, *, name: str, css_class: str) -> Point:
    hint = f"{name}: {percent(cell['wer'])} ({interval_of(cell, 'wer')})"
    return Point(position, 4, f"point {css_class}", hint)


def _offsets(count: int) -> list[float]:
    """Set points of clean speech side by side."""
    return [9.0 * (index - (count - 1) / 2) for index in range(count)]


def _nice_ceiling(value: float) -> float:
    """Round a fraction up so that five steps have round numbers."""
    magnitude = 10 ** math.floor(math.log10(value))
    for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10):
        if value <= factor * magnitude:
            return factor * magnitude
    return value
