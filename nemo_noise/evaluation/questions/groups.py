# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whose speech is understood? WER of each value of a field, such as gender or language."""

from collections.abc import Mapping

from nemo_noise.evaluation.questions.question import Question, Subject
from nemo_noise.evaluation.report.blocks import Card, Cell, Column, Line, Paragraph, Section, Table, TableRow, strong
from nemo_noise.evaluation.report.numbers import interval_of, interval_text, percent
from nemo_noise.evaluation.scoring.groups import Groups, GroupSummary, group_gap
from nemo_noise.evaluation.scoring.summary import Summary

__all__ = ["GroupsQuestion"]

NOTE = "Mean over all noise lists; the gap is the highest minus the lowest."


class GroupsQuestion(Question[Groups]):
    """Answered by the fields of the manifest that have several values."""

    def answer(self, summary: Summary) -> Groups:
        """WER by field and value."""
        return summary["groups"]

    def section(self, answers: Mapping[str, Groups], subject: Subject) -> Section | None:
        """Tabulate the groups of each field under their gap; None where no field has two values."""
        fields = dict.fromkeys(field for groups in answers.values() for field in groups)
        rows = [row for field in fields for row in _rows(answers, field)]
        if not rows:
            return None
        heads = (f"WER, {subject.over}", "95 % interval", "clean") * len(answers)
        over: tuple[Column | str, ...] = ("", "", *(Column(model, columns=3) for model in answers))
        table = Table((Column.text("group"), "utterances", *heads), tuple(rows), over)
        return Section("Whose speech", "groups", (Paragraph(NOTE), Card((table,), scrolls=True)))


def _rows(answers: Mapping[str, Groups], field: str) -> list[TableRow]:
    """The gap of a field for each model, then its values."""
    by_model = [groups.get(field, {}) for groups in answers.values()]
    cells: list[Cell | Line] = [Cell.text(strong(field)), ""]
    for values in by_model:
        cells += [Cell.soft(f"gap {percent(group_gap(values))}"), "", ""]
    rows = [TableRow(tuple(cells), starts_group=True)]
    for value in dict.fromkeys(value for values in by_model for value in values):
        groups = [values.get(value) for values in by_model]
        count = next(group["utterances"] for group in groups if group is not None)
        numbers = [cell for group in groups for cell in _numbers(group)]
        rows.append(TableRow((Cell.text(value, is_sub=True), str(count), *numbers)))
    return rows


def _numbers(group: GroupSummary | None) -> tuple[Cell | Line, ...]:
    if group is None:
        return (strong(percent(None)), Cell.soft(interval_text(None, None)), percent(None))
    interval = Cell.soft(interval_of(group, "mean_wer"))
    return (strong(percent(group["mean_wer"])), interval, percent(group["clean_wer"]))
