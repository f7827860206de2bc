# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The charts of the report as inline SVG: WER over SNR with interval bands, and differences with their intervals."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from nemo_noise.evaluation.report.numbers import interval_text, percent, snr_text, with_minus
from nemo_noise.evaluation.scoring.calibration import Calibration
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


def wer_curves(title: str, series: Sequence[Series], max_wer: float) -> str:
    """Draw WER over SNR for one noise list.

    Args:
        title: read out by screen readers.
        series: one curve per model.
        max_wer: highest WER to show, shared by neighbouring charts.

    Returns:
        An `<svg>` element.
    """
    snrs = sorted({float(snr) for one in series for snr in one.cells})
    axes = Axes(snrs[0], snrs[-1], _nice_ceiling(max_wer))
    has_clean = any(one.clean is not None for one in series)
    parts = [_grid(axes, snrs, has_clean)]
    parts += [_band(axes, one) for one in series]
    parts += [_curve(axes, one, offset) for one, offset in zip(series, _offsets(len(series)), strict=True)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def highest_wer(series: Sequence[Series]) -> float:
    """Find the highest value that curves and bands reach."""
    cells = [cell for one in series for cell in [*one.cells.values(), one.clean] if cell is not None]
    return max([0.05, *(cell["wer"] for cell in cells), *(cell["wer_high"] or 0.0 for cell in cells)])


def difference_forest(block: ListComparison) -> str:
    """Draw the differences of one noise list in points of WER: the mean, then every SNR.

    Args:
        block: the comparison on the list.

    Returns:
        An `<svg>` element; left of the zero line the model is better.
    """
    rows = [("mean", block)] + [(snr_text(snr), cell) for snr, cell in block["cells"].items()]
    ends = [abs(row[key] or 0.0) for _, row in rows for key in ("difference", "difference_low", "difference_high")]
    reach = max([*ends, 0.005]) * 1.1
    height = 34 + ROW_HEIGHT * len(rows) + 22
    middle = FOREST_LEFT + (WIDTH - FOREST_LEFT - FOREST_RIGHT) / 2
    scale = (WIDTH - FOREST_LEFT - FOREST_RIGHT) / 2 / reach
    base = height - 22
    parts = [
        f'<text x="{middle - 8}" y="16" class="tick" text-anchor="end">\N{LEFTWARDS ARROW} better</text>',
        f'<text x="{middle + 8}" y="16" class="tick">worse \N{RIGHTWARDS ARROW}</text>',
        f'<line x1="{middle}" x2="{middle}" y1="24" y2="{base}" class="axis"/>',
    ]
    for index, (name, row) in enumerate(rows):
        y = 34 + ROW_HEIGHT * (index + 0.5)
        low, high = row["difference_low"], row["difference_high"]
        certain = "better" if high is not None and high < 0 else "worse" if low is not None and low > 0 else "open"
        parts.append(f'<text x="{FOREST_LEFT - 10}" y="{y + 4}" class="tick" text-anchor="end">{escape(name)}</text>')
        if low is not None and high is not None:
            ends_x = middle + low * scale, middle + high * scale
            parts.append(
                f'<line x1="{ends_x[0]:.1f}" x2="{ends_x[1]:.1f}" y1="{y}" y2="{y}" class="whisker {certain}"/>'
            )
        radius = 5.5 if index == 0 else 4
        x = middle + row["difference"] * scale
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="{radius}" class="dot {certain}"/>')
        text = f"{percent(row['difference'])} ({interval_text(low, high)})".replace("\N{NO-BREAK SPACE}%", "")
        parts.append(f'<text x="{WIDTH - FOREST_RIGHT + 12}" y="{y + 4}" class="tick">{escape(text)}</text>')
    parts.append(
        f'<text x="{middle}" y="{height - 4}" class="tick" text-anchor="middle">difference in points of WER</text>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'


def reliability_chart(calibrations: Mapping[str, Calibration], css_classes: Mapping[str, str]) -> str:
    """Draw how often a model is right over how sure it is; on the diagonal it is as good as its word.

    Args:
        calibrations: by model.
        css_classes: colour of each model, see `Series`.

    Returns:
        An `<svg>` element; a larger point holds more items.
    """
    left, top, side = LEFT, TOP, HEIGHT - TOP - BOTTOM
    parts = []
    for line in range(6):
        share = line / 5
        x, y = left + share * side, top + (1 - share) * side
        parts.append(f'<line x1="{left}" x2="{left + side}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" class="tick" text-anchor="end">{100 * share:g}</text>')
        parts.append(
            f'<text x="{x:.1f}" y="{top + side + 18}" class="tick" text-anchor="middle">{100 * share:g}</text>'
        )
    parts.append(
        f'<line x1="{left}" x2="{left + side}" y1="{top + side}" y2="{top}" class="axis" stroke-dasharray="4 4"/>'
    )
    for model, calibration in calibrations.items():
        points = [(left + b["confidence"] * side, top + (1 - b["accuracy"]) * side, b) for b in calibration["bins"]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        parts.append(f'<polyline points="{path}" class="curve {css_classes[model]}"/>')
        for x, y, each in points:
            radius = 3 + 6 * math.sqrt(each["items"] / calibration["items"])
            text = f"{model}: {each['items']} {calibration['unit']}s, confidence {percent(each['confidence'])}, "
            text += f"right {percent(each['accuracy'])}"
            circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="point {css_classes[model]}">'
            parts.append(f"{circle}<title>{escape(text)}</title></circle>")
    middle = left + side / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" class="tick" text-anchor="middle">confidence, %</text>')
    title = "Share of right items over confidence, in per cent"
    return (
        f'<svg viewBox="0 0 {left + side + RIGHT} {HEIGHT}" role="img" aria-label="{title}" class="square">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _grid(axes: Axes, snrs: Sequence[float], has_clean: bool) -> str:
    """Draw lines of equal WER and name both axes."""
    parts = []
    step = axes.max_wer / 5
    for line in range(6):
        y = axes.y(line * step)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        label = f"{100 * line * step:g}"
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="tick" text-anchor="end">{label}</text>')
    base = HEIGHT - BOTTOM + 18
    for snr in snrs:
        label = with_minus(f"{snr:g}")
        parts.append(f'<text x="{axes.x(snr):.1f}" y="{base}" class="tick" text-anchor="middle">{label}</text>')
    if has_clean:
        parts.append(f'<text x="{axes.x(None):.1f}" y="{base}" class="tick" text-anchor="middle">clean</text>')
    middle = (axes.x(axes.min_snr_db) + axes.x(axes.max_snr_db)) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}" class="tick" text-anchor="middle">SNR in dB</text>')
    return "".join(parts)


def _band(axes: Axes, series: Series) -> str:
    """Fill the intervals of a curve."""
    points = [(float(snr), c["wer_low"], c["wer_high"]) for snr, c in series.cells.items()]
    known = sorted((snr, low, high) for snr, low, high in points if low is not None and high is not None)
    if len(known) < 2:
        return ""
    outline = [(snr, high) for snr, _, high in known] + [(snr, low) for snr, low, _ in reversed(known)]
    path = " ".join(f"{axes.x(snr):.1f},{axes.y(wer):.1f}" for snr, wer in outline)
    return f'<polygon points="{path}" class="band {series.css_class}"/>'


def _curve(axes: Axes, series: Series, clean_offset: float) -> str:
    """Draw a curve, its points, and clean speech beside it."""
    cells = sorted(((float(snr), cell) for snr, cell in series.cells.items()), key=lambda item: item[0])
    path = " ".join(f"{axes.x(snr):.1f},{axes.y(cell['wer']):.1f}" for snr, cell in cells)
    parts = [f'<polyline points="{path}" class="curve {series.css_class}"/>']
    for snr, cell in cells:
        parts.append(_point(axes.x(snr), axes, cell, f"{series.name}, {snr_text(snr)}", series.css_class))
    if series.clean is not None:
        x = axes.x(None) + clean_offset
        low, high = series.clean["wer_low"], series.clean["wer_high"]
        if low is not None and high is not None:
            ends = f'y1="{axes.y(low):.1f}" y2="{axes.y(high):.1f}"'
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" {ends} class="clean {series.css_class}"/>')
        parts.append(_point(x, axes, series.clean, f"{series.name}, clean", series.css_class))
    return "".join(parts)


def _point(x: float, axes: Axes, cell: CellSummary, name: str, css_class: str) -> str:
    """Draw a point that says its value when pointed at."""
    text = f"{name}: {percent(cell['wer'])} ({interval_text(cell['wer_low'], cell['wer_high'])})"
    circle = f'<circle cx="{x:.1f}" cy="{axes.y(cell["wer"]):.1f}" r="4" class="point {css_class}">'
    return f"{circle}<title>{escape(text)}</title></circle>"


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
