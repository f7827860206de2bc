# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whose speech is understood? WER of each value of a field of the manifest, such as gender or language."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from nemo.utils import logging

from nemo_noise.evaluation.blocks.elements import Card, Cell, Column, Line, Paragraph, Section, Table, TableRow, strong
from nemo_noise.evaluation.blocks.numbers import interval_of, interval_text, percent
from nemo_noise.evaluation.estimate import NO_ESTIMATE, record
from nemo_noise.evaluation.hypothesis import Hypothesis, by_key
from nemo_noise.evaluation.questions.evidence import ModelRows, Subject
from nemo_noise.evaluation.questions.question import ModelQuestion
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally

__all__ = ["Groups", "GroupsQuestion", "group_gap"]

MAX_GROUPS = 24
NOTE = "Mean over all noise lists; the gap is the highest minus the lowest."


class GroupSummary(TypedDict):
    """One value of a field: WER on clean speech, and the mean of the WERs at 20..0 dB over all noise lists."""

    utterances: int
    words: int
    clean_wer: float | None
    mean_wer: float | None
    mean_wer_low: float | None
    mean_wer_high: float | None


Groups = dict[str, dict[str, GroupSummary]]


class GroupsQuestion(ModelQuestion[Groups]):
    """Answered by the fields of the manifest that have several values."""

    key = "groups"
    gates = ("groups",)

    def answer(self, rows: ModelRows) -> Groups:
        """Summarise each value of each of `group_fields`; a field with 1 or more than 24 values is left out."""
        groups: Groups = {}
        for field in rows.scoring.group_fields:
            by_value = by_key(rows.scored, lambda row, field=field: row.value(field))  # type: ignore[misc]
            values = sorted(value for value in by_value if value is not None)
            if len(values) > MAX_GROUPS:
                logging.warning(
                    f"group_fields: {field!r} has {len(values)} values, at most {MAX_GROUPS} are shown: left out"
                )
            elif len(values) > 1:
                groups[field] = {value: _summarize_group(by_value[value], rows.scoring) for value in values}
        return groups

    def section(self, answers: Mapping[str, Groups], subject: Subject) -> Section | None:
        """Tabulate the groups of each field under their gap; None where no field has two values."""
        fields = dict.fromkeys(field for groups in answers.values() for field in groups)
        rows = [row for field in fields for row in _rows(answers, field)]
        if not rows:
            return None
        heads = (f"WER, {subject.over}", subject.interval, "clean") * len(answers)
        over: tuple[Column | str, ...] = ("", "", *(Column(model, columns=3) for model in answers))
        table = Table((Column.text("group"), "utterances", *heads), tuple(rows), over)
        return Section("Whose speech", "groups", (Paragraph(NOTE), Card((table,), scrolls=True)))


def group_gap(values: Mapping[str, GroupSummary]) -> float | None:
    """Highest minus lowest mean WER among the groups of a field; None where fewer than two have one."""
    rates = [group["mean_wer"] for group in values.values() if group["mean_wer"] is not None]
    return max(rates) - min(rates) if len(rates) > 1 else None


def _summarize_group(rows: Sequence[Hypothesis], options: ScoringOptions) -> GroupSummary:
    tally = Tally(rows, options)
    cells = tally.noisy_cells()
    every_cell = [cell for name in tally.noise_lists() for cell in tally.cells(name)] + tally.clean_cells()
    return record(
        GroupSummary,
        utterances=len({row.utterance for row in rows}),
        words=sum(tally.totals(cell).words for cell in every_cell),
        clean_wer=tally.clean_wer(),
        mean_wer=tally.mean_wer(cells) if cells else NO_ESTIMATE,
    )


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
