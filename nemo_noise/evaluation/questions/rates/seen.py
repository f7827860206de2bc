# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Is it worse in what it was not trained with? Seen against unseen noise lists, rooms and channels."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from nemo.utils import logging

from nemo_noise.evaluation import hypothesis
from nemo_noise.evaluation.blocks.elements import Card, Cell, Column, Section, Table, TableRow
from nemo_noise.evaluation.questions.evidence import ModelRows, Subject
from nemo_noise.evaluation.questions.question import ModelQuestion
from nemo_noise.evaluation.questions.rates.mean_rates import change, mean_rate, rate_line
from nemo_noise.evaluation.scoring.summary import Rate
from nemo_noise.evaluation.scoring.tally import Tally

__all__ = ["SeenQuestion", "Split"]


class Split(TypedDict):
    """Seen against unseen values of one axis; `gap` is unseen minus seen, paired. Null where a side is missing."""

    seen: Rate | None
    unseen: Rate | None
    gap: Rate | None


class SeenQuestion(ModelQuestion[dict[str, Split]]):
    """Answered where the config names what was seen: by axis (noise, room, channel), the others at their first."""

    key = "split"
    is_optional = True
    gates = ("split",)

    def answer(self, rows: ModelRows) -> dict[str, Split] | None:
        """Compare seen with unseen; None where nothing is named."""
        given = {axis: names for axis, names in rows.scoring.seen.items() if names}
        tally = rows.tally_everywhere
        if not given or tally is None:
            return None
        return {axis: _split(tally, axis, names) for axis, names in given.items()}

    def section(self, answers: Mapping[str, dict[str, Split]], subject: Subject) -> Section | None:
        """Tabulate the sides of the model and their gap."""
        rows = [
            TableRow((Cell.text(axis), *map(rate_line, (one["seen"], one["unseen"], one["gap"]))))
            for axis, one in answers.get(subject.model, {}).items()
        ]
        table = Table((Column.text(), "seen", "unseen", "gap"), tuple(rows))
        return Section("Seen and unseen", "seen-and-unseen", (Card((table,), scrolls=True),)) if rows else None

    def sentences(self, answers: Mapping[str, dict[str, Split]], subject: Subject) -> Sequence[str]:
        """The gap of the model."""
        return [
            f"{subject.model} in unseen against seen {axis}s: {change(one['gap'])} WER, mean of {subject.over}."
            for axis, one in answers.get(subject.model, {}).items()
            if one["gap"] is not None
        ]


def _split(tally: Tally, axis: str, names: Mapping[str, bool]) -> Split:
    sides: dict[bool, list[hypothesis.Cell]] = {True: [], False: []}
    for name, is_seen in names.items():
        if axis == "noise":
            cells = tally.noisy_cells(noise_lists=[name])
        else:
            cells = tally.noisy_cells(tally.places[0]._replace(**{axis: name}))
        if not cells:
            logging.warning(f"seen: there are no noisy rows of the {axis} {name!r}: left out")
        sides[is_seen] += cells
    gap = mean_rate(tally, sides[False], sides[True]) if sides[True] and sides[False] else None
    return Split(seen=mean_rate(tally, sides[True]), unseen=mean_rate(tally, sides[False]), gap=gap)
