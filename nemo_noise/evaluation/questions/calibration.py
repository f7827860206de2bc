# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Is a model as sure as it should be? Confidence against the share of right answers."""

import math
from collections.abc import Mapping

from nemo_noise.evaluation.questions.question import Question, Subject
from nemo_noise.evaluation.report.blocks import Card, Cell, Line, Paragraph, Section, Stack, Table, TableRow, strong
from nemo_noise.evaluation.report.charts import BOTTOM, HEIGHT, LEFT, TOP, square, ticks
from nemo_noise.evaluation.report.drawing import Curve, Drawing, Point, Shape, Stroke
from nemo_noise.evaluation.report.numbers import percent, snr_text
from nemo_noise.evaluation.scoring.calibration import Calibration
from nemo_noise.evaluation.scoring.summary import Summary

__all__ = ["CalibrationQuestion"]

NOTE = (
    "Expected calibration error: distance between confidence and share of right answers. "
    "Above the diagonal the model is right more often than it says, below it is too sure."
)


class CalibrationQuestion(Question[Calibration]):
    """Answered where hypotheses come with confidences."""

    def answer(self, summary: Summary) -> Calibration | None:
        """What confidences are worth."""
        return summary["calibration"]

    def section(self, answers: Mapping[str, Calibration], subject: Subject) -> Section:
        """Draw the share of right answers over the confidence, beside a table of errors."""
        table = Stack((_table(answers),), scrolls=True)
        card = Card((_chart(answers, subject), table), is_side_by_side=True)
        return Section("Is it as sure as it should be?", "calibration", (Paragraph(NOTE), card))


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
