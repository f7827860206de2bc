# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the picture of the README from the first tables of two pages of docs/results.

python docs/figures/streaming_arms.py    # writes docs/figures/streaming_arms.svg
"""

import re
import statistics
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
MATCHED = HERE.parent / "results" / "streaming.md"
WHICH = HERE.parent / "results" / "contexts.md"
PICTURE = HERE / "streaming_arms.svg"
STUDENT_T = 4.303  # two-sided 95 %, three seeds

COLOURS = {"none": "#8a8f98", "constant": "#c47f17", "context": "#0b7285"}


class Arm(NamedTuple):
    """An arm of a table: word errors in %, fewer errors by seed in % of the baseline of its table."""

    clean: float
    noise: float
    noisiest: float
    by_seed: tuple[float, ...]


class Gain(NamedTuple):
    """Fewer errors than a constant context, in %: without noise, and in noise by seed."""

    label: str
    clean: float
    by_seed: tuple[float, ...]

    def interval(self) -> tuple[float, float]:
        """95 % over seeds, by Student's t."""
        mean, half = (
            statistics.mean(self.by_seed),
            STUDENT_T * statistics.stdev(self.by_seed) / len(self.by_seed) ** 0.5,
        )
        return mean - half, mean + half


def arms(page: Path) -> dict[str, Arm]:
    """Reads the first table of a page: name, clean, 20..0 dB, -5 dB, ..., by seed."""
    text = page.read_text(encoding="utf-8")
    lines = text[text.index("\n| arm |") + 1 :].split("\n\n")[0].splitlines()
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    seeds = head.index("by seed")
    table = {}
    for line in lines[2:]:
        cells = [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]
        clean, noise, noisiest = (float(re.split(r"[ \[]", cell)[0]) for cell in cells[1:4])
        table[cells[0]] = Arm(
            clean, noise, noisiest, tuple(float(each) for each in cells[seeds].split(",") if each.strip())
        )
    return table


def gain(label: str, arm: Arm, constant: Arm) -> Gain:
    """Against the constant context; seeds of both are against a third arm, unless the constant one has none."""
    others = constant.by_seed or (0.0,) * len(arm.by_seed)
    seeds = [100 * (1 - (100 - ours) / (100 - theirs)) for ours, theirs in zip(arm.by_seed, others, strict=True)]
    return Gain(label, 100 * (1 - arm.clean / constant.clean), tuple(seeds))


def picture() -> str:
    """The SVG: left, errors of three arms; right, the gain over a constant context by seed, with and without noise."""
    matched, which = arms(MATCHED), arms(WHICH)
    constant = matched["constant context, same parameters"]
    eight = which["constant context of eight numbers"]
    gains = [
        gain("eight numbers; many microphones", which["causal statistics"], eight),
        gain("64 numbers", matched["noise context, trained jointly"], constant),
        gain("64 numbers; pretrained", matched["noise context, pretrained, then jointly"], constant),
    ]
    lines = [
        ("no context", which["no context, running normalisation"], COLOURS["none"]),
        ("constant context, same size", eight, COLOURS["constant"]),
        ("noise context", which["causal statistics"], COLOURS["context"]),
    ]
    style = "text{font:13px sans-serif;fill:#24292f}.h{font-weight:600;font-size:14px}.s{font-size:12px;fill:#57606a}"
    body = [*_errors(lines), *_gains(gains)]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 320" role="img" '
            'aria-label="Word errors with and without a noise context, and the gain by seed">',
            f"<style>{style}</style>",
            '<rect width="900" height="320" rx="8" fill="#ffffff"/>',
            *body,
            "</svg>\n",
        ]
    )


def _errors(lines: list[tuple[str, Arm, str]]) -> list[str]:
    def place(column: int, value: float) -> tuple[float, float]:
        return 70 + 130 * column, 250 - 4.6 * (value - 5)

    drawn = [_text(20, 28, "Words wrong in unseen noise, %", "h")]
    for tick in (10, 20, 30, 40):
        y = place(0, tick)[1]
        drawn += [f'<path d="M50 {y:.1f}H350" stroke="#d8dee4"/>', _text(42, y + 4, str(tick), "s", "end")]
    for column, label in enumerate(("clean", "mean 20..0 dB", "-5 dB")):
        drawn.append(_text(place(column, 0)[0], 272, label, "s", "middle"))
    for row, (label, arm, colour) in enumerate(lines):
        points = [place(column, value) for column, value in enumerate(arm[:3])]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        drawn.append(f'<path d="M70 {58 + 18 * row}h18" stroke="{colour}" stroke-width="2.5"/>')
        drawn.append(_text(95, 62 + 18 * row, label, "s"))
    drawn.append(_text(20, 302, "streaming FastConformer-CTC, 0.65 M, digits", "s"))
    return drawn


def _gains(gains: list[Gain]) -> list[str]:
    def x(percent: float) -> float:
        return 690 + 5.2 * percent

    drawn = [_text(410, 28, "Fewer errors than a constant context of equal size, %", "h")]
    for tick in (-10, 0, 10, 20, 30):
        colour = "#57606a" if tick == 0 else "#d8dee4"
        drawn += [f'<path d="M{x(tick)} 50V250" stroke="{colour}"/>', _text(x(tick), 272, str(tick), "s", "middle")]
    for row, each in enumerate(gains):
        y = 80 + 62 * row
        low, high = each.interval()
        middle = statistics.mean(each.by_seed)
        drawn += [_text(410, y + 4 + 16 * line, part, "s") for line, part in enumerate(each.label.split("; "))]
        drawn.append(f'<path d="M{x(low):.1f} {y}H{x(high):.1f}" stroke="{COLOURS["context"]}" stroke-width="3"/>')
        drawn += [f'<circle cx="{x(seed):.1f}" cy="{y}" r="3" fill="#24292f"/>' for seed in each.by_seed]
        drawn.append(f'<rect x="{x(middle) - 5:.1f}" y="{y - 5}" width="10" height="10" fill="{COLOURS["context"]}"/>')
        ring = f'r="4.5" fill="none" stroke="{COLOURS["context"]}" stroke-width="2"'
        drawn.append(f'<circle cx="{x(each.clean):.1f}" cy="{y + 20}" {ring}/>')
    legend = "square: noise, 20..0 dB; line: 95 % over seeds; dots: seeds; ring: clean"
    drawn.append(_text(410, 302, legend, "s"))
    return drawn


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{text}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
