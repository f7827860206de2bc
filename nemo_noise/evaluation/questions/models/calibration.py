# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Is a model as sure as it should be? Confidence against the share of right answers.

Method: M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
AAAI 2015 (expected calibration error over bins of equal width).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

import numpy as np

from nemo_noise.evaluation.blocks.charts import BOTTOM, HEIGHT, LEFT, TOP, square, ticks
from nemo_noise.evaluation.blocks.drawing import Curve, Drawing, Point, Shape, Stroke
from nemo_noise.evaluation.blocks.elements import Card, Cell, Line, Paragraph, Section, Stack, Table, TableRow, strong
from nemo_noise.evaluation.blocks.numbers import percent, snr_text
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.evidence import ModelRows, Subject
from nemo_noise.evaluation.questions.question import ModelQuestion
from nemo_noise.evaluation.scoring.alignment import align_words
from nemo_noise.evaluation.scoring.tally import ScoringOptions

__all__ = ["Calibration", "CalibrationQuestion", "calibration_error"]

BINS = 10
NOTE = (
    "Expected calibration error: distance between confidence and share of right answers. "
    "Above the diagonal the model is right more often than it says, below it is too sure."
)
Judged = tuple[float, bool]


class CalibrationBin(TypedDict):
    """Items whose confidence lies in one bin: how sure the model was on average, and how often right."""

    items: int
    confidence: float
    accuracy: float


class Calibration(TypedDict):
    """Confidences against the truth.

    `unit` is "word" where rows have `word_confidence` (right: the word stands there), else "utterance" (right: no
    error). `ece` is the expected calibration error, `ece_by_snr` the same by SNR, "clean" or "10".
    """

    unit: str
    items: int
    rows_left_out: int
    confidence: float
    accuracy: float
    ece: float
    ece_by_snr: dict[str, float]
    bins: list[CalibrationBin]


class CalibrationQuestion(ModelQuestion[Calibration]):
    """Answered where hypotheses come with confidences."""

    key = "calibration"
    gates = ("calibration",)

    def answer(self, rows: ModelRows) -> Calibration | None:
        """Compare confidences with the truth.

        Rows without one, or whose normalised text has another number of words than `word_confidence`, are left out
        and counted.

        Raises:
            ValueError: a confidence is no number from 0 to 1.
        """
        unit = "word" if any(row.word_confidence is not None for row in rows.scored) else "utterance"
        judged_rows = [(row, _judge(row, unit, rows.scoring)) for row in rows.scored]
        judged_rows = [(row, items) for row, items in judged_rows if items is not None]
        everything = [item for _, items in judged_rows for item in items or ()]
        if not everything:
            return None
        by_snr: dict[float, list[Judged]] = {}
        for row, items in judged_rows:
            snr_db = row.cell.snr_db
            by_snr.setdefault(float("inf") if snr_db is None else snr_db, []).extend(items or ())
        return Calibration(
            unit=unit,
            items=len(everything),
            rows_left_out=len(rows.scored) - len(judged_rows),
            confidence=float(np.mean([confidence for confidence, _ in everything])),
            accuracy=float(np.mean([is_right for _, is_right in everything])),
            ece=calibration_error(everything),
            ece_by_snr={
                "clean" if snr == float("inf") else f"{snr:g}": calibration_error(by_snr[snr])
                for snr in sorted(by_snr, reverse=True)
                if by_snr[snr]
            },
            bins=_fill_bins(everything),
        )

    def section(self, answers: Mapping[str, Calibration], subject: Subject) -> Section:
        """Draw the share of right answers over the confidence, beside a table of errors."""
        table = Stack((_table(answers),), scrolls=True)
        card = Card((_chart(answers, subject), table), is_side_by_side=True)
        return Section("Is it as sure as it should be?", "calibration", (Paragraph(NOTE), card))


def calibration_error(judged: Iterable[Judged]) -> float:
    """Mean distance between confidence and accuracy over 10 bins of equal width, each weighing its items."""
    bins = _fill_bins(list(judged))
    total = sum(each["items"] for each in bins)
    return sum(each["items"] * abs(each["confidence"] - each["accuracy"]) for each in bins) / total


def _fill_bins(judged: Sequence[Judged]) -> list[CalibrationBin]:
    """Sort items into bins; empty bins are left out."""
    confidence = np.asarray([item[0] for item in judged])
    is_right = np.asarray([item[1] for item in judged], dtype=np.float64)
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        CalibrationBin(
            items=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(is_right[inside].mean()),
        )
        for inside in (index == number for number in range(BINS))
        if inside.any()
    ]


def _judge(row: Hypothesis, unit: str, options: ScoringOptions) -> list[Judged] | None:
    """Pair the confidences of a row with the truth; None where it has none that fit."""
    alignment = align_words(options.reference(row), options.written(row))
    if unit == "utterance":
        if row.confidence is None:
            return None
        is_right = all(alignment.is_correct) and not alignment.deletions
        return [(_checked(row.confidence, "confidence", row), is_right)]
    confidences = row.word_confidence
    if confidences is None or len(confidences) != len(alignment.is_correct):
        return None
    checked = [_checked(confidence, "word_confidence", row) for confidence in confidences]
    return list(zip(checked, alignment.is_correct, strict=True))


def _checked(value: object, field: str, row: Hypothesis) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{field} is {value!r} in the row of {row.utterance}, should be a number from 0 to 1")
    return float(value)


def _chart(calibrations: Mapping[str, Calibration], subject: Subject) -> Drawing:
    """Draw how often a model is right over how sure it is; a larger point holds more items."""
    side = HEIGHT - TOP - BOTTOM
    shapes: list[Shape] = []
    for line in range(6):
        x, y = LEFT + line / 5 * side, TOP + (1 - line / 5) * side
        shapes += ticks((x, y), f"{100 * line / 5:g}")
    shapes.append(Stroke((LEFT, TOP + side), (LEFT + side, TOP), "axis", is_dashed=True))
    for model, calibration in calibrations.items():
        points = [((LEFT + b["confidence"] * side, TOP + (1 - b["accuracy"]) * side), b) for b in calibration["bins"]]
        shapes.append(Curve(tuple(position for position, _ in points), f"curve {subject.look(model)}"))
        for position, each in points:
            radius = 3 + 6 * math.sqrt(each["items"] / calibration["items"])
            text = f"{model}: {each['items']} {calibration['unit']}s, confidence {percent(each['confidence'])}, "
            text += f"right {percent(each['accuracy'])}"
            shapes.append(Point(position, radius, f"point {subject.look(model)}", text))
    return square(shapes, "Share of right items over confidence, in per cent", "confidence, %")


def _table(calibrations: Mapping[str, Calibration]) -> Table:
    known = list(calibrations.values())
    rows: list[tuple[str, list[Line]]] = [
        ("judged", [f"{one['items']} {one['unit']}s" for one in known]),
        ("mean confidence", [percent(one["confidence"]) for one in known]),
        ("right", [percent(one["accuracy"]) for one in known]),
        ("calibration error, ECE", [strong(percent(one["ece"])) for one in known]),
    ]
    for snr in dict.fromkeys(snr for one in known for snr in one["ece_by_snr"]):
        title = "ECE, clean" if snr == "clean" else f"ECE, {snr_text(snr)}"
        rows.append((title, [percent(one["ece_by_snr"].get(snr)) for one in known]))
    return Table(("", *calibrations), tuple(TableRow((Cell.text(title), *cells)) for title, cells in rows))
