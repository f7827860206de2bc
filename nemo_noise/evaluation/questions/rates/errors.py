# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which kinds of errors? Substitutions, deletions, insertions in every cell, and all noise lists side by side."""

from collections.abc import Mapping, Sequence

from nemo_noise.evaluation.blocks.elements import (
    BarPart,
    Card,
    Cell,
    Column,
    Key,
    Line,
    Section,
    Table,
    TableRow,
    Tile,
    strong,
)
from nemo_noise.evaluation.blocks.numbers import interval_head, interval_of, percent, snr_text
from nemo_noise.evaluation.questions.evidence import Results, Shown, mean_of
from nemo_noise.evaluation.questions.question import Question
from nemo_noise.evaluation.scoring.summary import CellSummary, Summary

__all__ = ["ErrorsQuestion"]

KINDS = Key((("substituted", "s"), ("deleted", "d"), ("inserted", "i")))


class ErrorsQuestion(Question):
    """Answered by the cells that every summary has."""

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """Tabulate noise lists and cells of model and baseline."""
        overview = _lists_table(shown.summaries, mean_of(shown.results))
        sections = [] if overview is None else [Section("All lists", "lists", (Card((overview,), scrolls=True),))]
        table = Card((_error_table(shown.summaries),), scrolls=True)
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
    head = interval_head(next(iter(summaries.values())))
    heads = (
        "clean WER",
        f"mean WER, {over}",
        head,
        "area under the curve",
        head,
        "mean CER",
        "worst WER",
    )
    return Table((Column.text("noise"), Column.text("model"), *heads), tuple(rows)) if rows else None


def _error_table(summaries: Mapping[str, Summary]) -> Table:
    grid = list(
        dict.fromkeys((n, snr) for s in summaries.values() for n, b in s["lists"].items() for snr in b["cells"])
    )
    found: list[tuple[str, str, str, CellSummary]] = []
    found += [("–", "clean", model, s["clean"]) for model, s in summaries.items() if s["clean"] is not None]
    for noise, snr in grid:
        for model, summary in summaries.items():
            if noise in summary["lists"] and snr in summary["lists"][noise]["cells"]:
                found.append((noise, snr_text(snr), model, summary["lists"][noise]["cells"][snr]))
    most = max((cell["wer"] for *_, cell in found), default=1.0) or 1.0
    rows, previous = [], ("", "")
    for noise, snr, model, cell in found:
        is_first, previous = (noise, snr) != previous, (noise, snr)
        rates = [cell[kind] / cell["words"] for kind in ("substitutions", "deletions", "insertions")]
        edges = None if cell["edge_insertions"] is None else cell["edge_insertions"] / cell["words"]
        cells: tuple[Cell | Line, ...] = (
            Cell.text(noise if is_first else ""),
            Cell.text(snr if is_first else ""),
            Cell.text(model),
            strong(percent(cell["wer"])),
            interval_of(cell, "wer"),
            Cell(bar=tuple(BarPart(rate / most, kind) for kind, rate in zip("sdi", rates, strict=True))),
            *map(percent, [*rates, edges, cell["cer"]]),
            str(cell["words"]),
        )
        rows.append(TableRow(cells, starts_group=is_first))
    heads = map(Column.text, ("noise", "SNR", "model"))
    numbers = ("WER", interval_head(next(iter(summaries.values()))), "", "S", "D", "I", "I at edges", "CER", "words")
    return Table((*heads, *numbers), tuple(rows))
