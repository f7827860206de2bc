# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which kinds of errors? Substitutions, deletions, insertions in every cell, and all noise lists side by side."""

from collections.abc import Mapping, Sequence

from nemo_noise.evaluation.blocks.elements import Card, Cell, Column, Key, Line, Section, Table, TableRow, Tile, strong
from nemo_noise.evaluation.blocks.numbers import interval_of, percent, snr_text
from nemo_noise.evaluation.blocks.tables import error_table
from nemo_noise.evaluation.questions.evidence import Results, Shown, mean_of
from nemo_noise.evaluation.questions.question import Question
from nemo_noise.evaluation.scoring.summary import Summary

__all__ = ["ErrorsQuestion"]

KINDS = Key((("substituted", "s"), ("deleted", "d"), ("inserted", "i")))


class ErrorsQuestion(Question):
    """Answered by the cells that every summary has."""

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """Tabulate noise lists and cells of model and baseline."""
        overview = _lists_table(shown.summaries, mean_of(shown.results))
        sections = [] if overview is None else [Section("All lists", "lists", (Card((overview,), scrolls=True),))]
        table = Card((error_table(shown.summaries),), scrolls=True)
        return [*sections, Section("Kinds of errors", "errors", (KINDS, table))]

    def in_tiles(self, results: Results) -> Sequence[Tile]:
        """The worst cell of the model."""
        worst = results["models"][results["model"]]["worst"]
        if worst is None:
            return ()
        note = f"{worst['noise_list']} noise at {snr_text(worst['snr_db'])}"
        return (Tile("worst cell", percent(worst["wer"]), note),)


def _lists_table(summaries: Mapping[str, Summary], over: str) -> Table | None:
    lists = list(dict.fromkeys(name for summary in summaries.values() for name in summary["lists"]))
    rows = []
    for noise in lists:
        for number, (model, summary) in enumerate((m, s) for m, s in summaries.items() if noise in s["lists"]):
            block = summary["lists"][noise]
            clean = None if summary["clean"] is None else summary["clean"]["wer"]
            cells: tuple[Cell | Line, ...] = (
                Cell.text("" if number else noise),
                Cell.text(model),
                percent(clean),
                strong(percent(block["mean_wer"])),
                Cell.soft(interval_of(block, "mean_wer")),
                percent(block["wer_snr_area"]),
                Cell.soft(interval_of(block, "wer_snr_area")),
                percent(block["mean_cer"]),
                percent(block["worst"]["wer"]),
            )
            rows.append(TableRow(cells, starts_group=not number))
    heads = (
        "clean WER",
        f"mean WER, {over}",
        "95 % interval",
        "area under the curve",
        "95 % interval",
        "mean CER",
        "worst WER",
    )
    return Table((Column.text("noise"), Column.text("model"), *heads), tuple(rows)) if rows else None
