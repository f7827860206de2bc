# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of pages that are written from kept rows.

A page holds `<!-- rows: experiments/<question> <table> -->` and `<!-- end of rows -->`; what is between is generated.
`rows/tables.yaml` of the question says which arms and columns a table has.

python -m experiments.tables    # writes the tables of README.md and docs/
"""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

from experiments.measures import MEASURES, OF_ONE_ARM, Measured, holds
from experiments.rows import read_rows
from nemo_noise import whole_file
from nemo_noise.evaluation.blocks.tables import probability
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.tally import MIN_SPEAKERS, ScoringOptions

__all__ = ["Column", "RowsTable", "pages_with_rows", "read_arms", "with_tables"]

REPOSITORY = Path(__file__).resolve().parents[1]
DEFINITIONS = "tables.yaml"
MARKED = re.compile(r"(<!-- rows: (\S+) (\S+) -->\n).*?(<!-- end of rows -->)", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """One column, or one for each value of a field.

    Attributes:
        measure: a name in `measures.MEASURES`.
        where: field of a row -> value, or list of values.
        each: field whose every value has a column; the value stands for {} in the title.
        baseline: arm to compare with, if it is not the table's.
    """

    measure: str
    where: Mapping[str, Any] = field(default_factory=dict)
    each: str | None = None
    baseline: str | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ValueError(f"measure={self.measure!r} should be one of {sorted(MEASURES)}")


@dataclass(frozen=True)
class RowsTable:
    """A line an arm.

    Attributes:
        arms: arm -> its title; the order of the lines.
        columns: title -> column.
        baseline: arm that others are compared with.
        text_normalization: steps for reference and text.
    """

    arms: Mapping[str, str]
    columns: Mapping[str, Column]
    baseline: str | None = None
    text_normalization: tuple[str, ...] = ()

    @classmethod
    def read(cls, question: str | Path, name: str) -> "RowsTable":
        """Read a definition.

        Raises:
            ValueError: there is none of this name, or it is wrong; the message names the file.
        """
        path = Path(question) / "rows" / DEFINITIONS
        tables = yaml.safe_load(path.read_text(encoding="utf-8"))
        if name not in tables:
            raise ValueError(f"{path} has no table {name!r}; there are {sorted(tables)}")
        given = dict(tables[name])
        try:
            given["columns"] = {title: Column(**column) for title, column in given["columns"].items()}
            given["text_normalization"] = tuple(given.get("text_normalization", ()))
            return cls(**given)
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(f"{path}: table {name!r}: {error}") from error

    def markdown(self, rows: Mapping[str, Sequence[Hypothesis]]) -> str:
        """Make the table and the line below it.

        Args:
            rows: arm -> its rows, all seeds.

        Raises:
            ValueError: an arm has no rows, or a column cannot be made of them.
        """
        missing = [arm for arm in self.arms if not rows.get(arm)]
        if missing:
            raise ValueError(f"arms {missing} have no rows; there are those of {sorted(rows)}")
        columns = {title: self._cells(title, column, rows) for title, column in self._expanded(rows)}
        lines = [f"| {' | '.join(('arm', *columns))} |", "|---" * (len(columns) + 1) + "|"]
        for arm, title in self.arms.items():
            lines.append(f"| {' | '.join((title, *(cells[arm] for cells in columns.values())))} |")
        return "\n".join([*lines, "", self._basis(rows)])

    def _expanded(self, rows: Mapping[str, Sequence[Hypothesis]]) -> Iterator[tuple[str, Column]]:
        for title, column in self.columns.items():
            if column.each is None:
                yield title, column
                continue
            every = [row for arm in self.arms for row in rows[arm] if holds(row, column.where)]
            for value in sorted({row.fields[column.each] for row in every if row.fields.get(column.each) is not None}):
                where = {**column.where, column.each: value}
                yield title.replace("{}", str(value)), Column(column.measure, where, baseline=column.baseline)

    def _cells(self, title: str, column: Column, rows: Mapping[str, Sequence[Hypothesis]]) -> dict[str, str]:
        """Arm -> what stands in a column; nothing where an arm has no such row, or is the baseline."""
        scoring = ScoringOptions(text_normalization=self.text_normalization)
        baseline = column.baseline or self.baseline
        chosen = {arm: [row for row in every if holds(row, column.where)] for arm, every in rows.items()}
        found: dict[str, Any] = {}
        for arm in self.arms:
            if not chosen[arm] or (column.measure not in OF_ONE_ARM and arm == baseline):
                continue
            if column.measure not in OF_ONE_ARM and (baseline is None or not chosen.get(baseline)):
                raise ValueError(f"column {title!r} needs rows of a baseline, got baseline={baseline!r}")
            others = chosen.get(baseline) if baseline is not None else None
            found[arm] = MEASURES[column.measure](Measured(chosen[arm], others, scoring))
        if column.measure == "p":
            found = {arm: probability(p) for arm, p in zip(found, holm_adjusted(list(found.values())), strict=True)}
        return {arm: found.get(arm, "") for arm in self.arms}

    def _basis(self, rows: Mapping[str, Sequence[Hypothesis]]) -> str:
        """What the intervals are over."""
        spoken = [row for arm in self.arms for row in rows[arm] if row.is_spoken]
        seeds = sorted({len({row.seed for row in rows[arm]}) for arm in self.arms})
        trainings = " or ".join(map(str, seeds)) + (" training" if seeds == [1] else " trainings") + " an arm"
        if not spoken:
            return f"*{trainings}; nobody speaks; without intervals.*"
        speakers = {row.value("speaker") for row in spoken}
        drawn = f"{len({row.utterance for row in spoken})} utterances"
        if None in speakers:
            of = "speakers not named, so for these speakers only"
        elif len(speakers) < MIN_SPEAKERS:
            of = f"{len(speakers)} speaker{'s' * (len(speakers) > 1)}, so for these speakers only"
        else:
            of = f"{len(speakers)} speakers, drawn as blocks"
        beyond = " and other trainings" if max(seeds) > 1 else "; a further training may differ by more"
        return f"*{drawn} of {of}; {trainings}. Brackets: 95 %, for other utterances{beyond}.*"


def read_arms(question: str | Path, arms: Sequence[str]) -> dict[str, list[Hypothesis]]:
    """Read the rows `<arm>_<seed>.jsonl.xz` of arms.

    Raises:
        ValueError: an arm has no file.
    """
    folder, rows = Path(question) / "rows", {}
    for arm in arms:
        files = sorted(path for path in folder.glob(f"{arm}_*.jsonl.xz") if re.fullmatch(r"\d+", _seed(path, arm)))
        if not files:
            raise ValueError(f"arm {arm!r}: no file {folder / f'{arm}_<seed>.jsonl.xz'}")
        rows[arm] = [row for path in files for row in _seeded(path, _seed(path, arm))]
    return rows


def with_tables(text: str, root: Path = REPOSITORY) -> str:
    """A page with its tables written again from the rows."""

    def table(found: re.Match[str]) -> str:
        made = RowsTable.read(root / found[2], found[3])
        named = {column.baseline for column in made.columns.values()} | {made.baseline}
        arms = dict.fromkeys((*made.arms, *(name for name in named if name is not None)))
        return f"{found[1]}\n{made.markdown(read_arms(root / found[2], list(arms)))}\n\n{found[4]}"

    return MARKED.sub(table, text)


def pages_with_rows(root: Path = REPOSITORY) -> list[Path]:
    """README.md and the pages of docs/ that hold a table from rows."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in pages if MARKED.search(page.read_text(encoding="utf-8"))]


def _seed(path: Path, arm: str) -> str:
    return path.name.removeprefix(f"{arm}_").removesuffix(".jsonl.xz")


def _seeded(path: Path, seed: str) -> list[Hypothesis]:
    """Rows of one model name, so that arms pair; the seed is that of the file's name."""
    return [row.changed(seed=seed) for row in read_rows(path)]


def _main() -> None:
    PARSER.parse_args()
    for page in pages_with_rows():
        whole_file.write_text(page, with_tables(page.read_text(encoding="utf-8")))
        print(page.relative_to(REPOSITORY))


if __name__ == "__main__":
    _main()
