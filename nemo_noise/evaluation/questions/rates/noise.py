# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How many words are wrong in which noise? WER over SNR for each noise list, by noise label and SNR."""

from collections.abc import Mapping, Sequence

from nemo_noise.evaluation.blocks.charts import Series, highest_wer, wer_curves
from nemo_noise.evaluation.blocks.elements import (
    Card,
    Cell,
    Column,
    Legend,
    Panels,
    Paragraph,
    Section,
    Table,
    TableRow,
    Tile,
    strong,
)
from nemo_noise.evaluation.blocks.numbers import interval_of, percent, percent_number, with_minus
from nemo_noise.evaluation.questions.evidence import Results, Shown, mean_of
from nemo_noise.evaluation.questions.question import Question, Weight
from nemo_noise.evaluation.scoring.summary import CellSummary, LabelSummary
from nemo_noise.evaluation.transcription.adapted import adapted_name

__all__ = ["NoiseQuestion", "primary_list"]


class NoiseQuestion(Question):
    """Answered by the cells that every summary has."""

    weight = Weight.MAIN
    gates = ("clean", "worst")

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """Draw WER over SNR, and tabulate it by noise label; nothing without noise."""
        if not shown.results["models"][shown.results["model"]]["lists"]:
            return ()
        return (_curves(shown.results), _heat_maps(shown.results))

    def in_tiles(self, results: Results) -> Sequence[Tile]:
        """The mean WER in one noise list, and the WER of clean speech."""
        summary = results["models"][results["model"]]
        baseline = None if results["baseline"] is None else results["models"][results["baseline"]]
        tiles, primary = [], primary_list(results)
        if primary is not None:
            block = summary["lists"][primary]
            note = interval_of(block, "mean_wer")
            if baseline is not None and primary in baseline["lists"]:
                note += f"; baseline {percent(baseline['lists'][primary]['mean_wer'])}"
            tiles.append(Tile(f"WER, {primary} noise, {mean_of(results)}", percent(block["mean_wer"]), note))
        if summary["clean"] is not None:
            note = interval_of(summary["clean"], "wer")
            if baseline is not None and baseline["clean"] is not None:
                note += f"; baseline {percent(baseline['clean']['wer'])}"
            tiles.append(Tile("WER on clean speech", percent(summary["clean"]["wer"]), note))
        return tiles


def primary_list(results: Results) -> str | None:
    """Choose the noise list that headline numbers are about: "unseen" where there is one, else the last."""
    lists = list(results["models"][results["model"]]["lists"])
    return "unseen" if "unseen" in lists else (lists[-1] if lists else None)


def _curves(results: Results) -> Section:
    """One panel per noise list, all on one scale."""
    lists = list(results["models"][results["model"]]["lists"])
    panels = {name: _series(results, name) for name in lists}
    highest = max(highest_wer(series) for series in panels.values())
    legend = Legend(tuple((one.name, one.css_class) for one in reversed(panels[lists[0]])))
    charts = tuple(
        Card((wer_curves(f"WER over SNR in {name} noise", series, highest),), title=f"{name} noise")
        for name, series in panels.items()
    )
    return Section("WER over SNR", "wer", (legend, Panels(charts)))


def _series(results: Results, noise_list: str) -> list[Series]:
    """The curves of one noise list, the model last so that it lies on top."""
    model = results["model"]
    looks = {model: "model", results["baseline"]: "baseline"}
    looks |= {adapted_name(model): "adapted", adapted_name(model, along_stream=True): "adapted stream"}
    return [
        Series(name, looks.get(name, "control"), summary["lists"][noise_list]["cells"], summary["clean"])
        for name, summary in reversed(results["models"].items())
        if noise_list in summary["lists"]
    ]


def _heat_maps(results: Results) -> Section:
    """One map per noise list, for the model."""
    cards = tuple(
        Card(
            (_label_heat_map(block["labels"], list(block["cells"])),),
            title=f"{name} noise, {results['model']}",
            scrolls=True,
        )
        for name, block in results["models"][results["model"]]["lists"].items()
    )
    note = Paragraph("The number of words differs from cell to cell; point at one for its interval.")
    return Section("Which noise", "noise", (note, Panels(cards)))


def _label_heat_map(labels: Mapping[str, LabelSummary], snrs: Sequence[str]) -> Table:
    """WER per noise label and SNR, the worst label first."""
    highest = max(cell["wer"] for label in labels.values() for cell in label["cells"].values()) or 1.0
    rows = []
    for name, label in sorted(labels.items(), key=lambda item: -item[1]["mean_wer"]):
        cells = [_heat_cell(label["cells"].get(snr), highest) for snr in snrs]
        interval = interval_of(label, "mean_wer")
        mean = Cell(strong(percent_number(label["mean_wer"])), hint=interval)
        rows.append(TableRow((Cell.text(name), *cells, mean)))
    return Table((Column.text("SNR, dB"), *map(with_minus, snrs), "mean"), tuple(rows), is_heat=True)


def _heat_cell(cell: CellSummary | None, highest: float) -> Cell:
    """Colour a cell by its share of the highest WER."""
    if cell is None:
        return Cell("–")
    hint = f"{interval_of(cell, 'wer')}, {cell['words']} words"
    return Cell(percent_number(cell["wer"]), heat=cell["wer"] / highest, hint=hint)
