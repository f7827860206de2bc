# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The tables that several sections share, and those of errors: heat maps, error kinds, comparisons."""

from collections.abc import Mapping, Sequence

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.blocks import BarPart, Cell, Column, Line, Table, TableRow, strong
from nemo_noise.evaluation.report.numbers import (
    decibels,
    interval_of,
    interval_text,
    percent,
    percent_number,
    snr_text,
    with_minus,
)
from nemo_noise.evaluation.scoring.comparison import Comparison, Difference
from nemo_noise.evaluation.scoring.summary import CellSummary, LabelSummary, Summary

SIGNIFICANT = 0.05


def label_heat_map(labels: Mapping[str, LabelSummary], snrs: Sequence[str]) -> Table:
    """Tabulate WER per noise label and SNR, the worst label first.

    Args:
        labels: summary by label.
        snrs: columns, as keys of the cells.
    """
    highest = max(cell["wer"] for label in labels.values() for cell in label["cells"].values()) or 1.0
    rows = []
    for name, label in sorted(labels.items(), key=lambda item: -item[1]["mean_wer"]):
        cells = [_heat_cell(label["cells"].get(snr), highest) for snr in snrs]
        interval = interval_of(label, "mean_wer")
        mean = Cell(strong(percent_number(label["mean_wer"])), hint=interval)
        rows.append(TableRow((Cell.text(name), *cells, mean)))
    return Table((Column.text("SNR, dB"), *map(with_minus, snrs), "mean"), tuple(rows), is_heat=True)


def error_table(summaries: Mapping[str, Summary]) -> Table:
    """Tabulate WER, its interval, and the kinds of errors per noise list, SNR and model."""
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
    numbers = ("WER", "95 % interval", "", "S", "D", "I", "I at edges", "CER", "words")
    return Table((*heads, *numbers), tuple(rows))


def comparison_table(comparison: Comparison) -> Table:
    """Tabulate reductions, gains and p-values per noise list, and per training seed where there are several."""
    rows = []
    for noise, block in comparison["lists"].items():
        over = ", ".join(f"{snr:g}" for snr in block["mean_over_snr_db"])
        gained, low, high = Estimate.read(block, "db_gained")
        gain = decibels(gained) if low is None else f"{decibels(gained)} ({decibels(low)} to {decibels(high)})"
        rows.append(_difference_row(f"{noise}, mean over {over} dB", block, gain))
        by_seed = block["relative_reduction_by_seed"]
        if len(by_seed) > 1:
            rows += [_seed_row(f"seed {seed}", reduction, "") for seed, reduction in by_seed.items()]
            low, high = block["relative_reduction_with_seeds_low"], block["relative_reduction_with_seeds_high"]
            title = "drawing the training seeds too"
            rows.append(_seed_row(title, block["relative_reduction"], interval_text(low, high)))
    if comparison["clean"] is not None:
        rows.append(_difference_row("clean speech", comparison["clean"], ""))
    heads = ("relative reduction of WER", "95 % interval", "probability of improvement", "gained at equal WER")
    return Table((Column.text(), *heads), tuple(rows))


def cell_tests_table(comparison: Comparison) -> Table:
    """Tabulate both tests of every cell, with the p-values corrected over all of them.

    Returns:
        The table; what stays below 0.05 after the correction is bold.
    """
    cells = [] if comparison["clean"] is None else [("–", "clean", comparison["clean"])]
    for noise, block in comparison["lists"].items():
        cells += [(noise, snr_text(snr), cell) for snr, cell in block["cells"].items()]
    rows, previous = [], ""
    for noise, snr, cell in cells:
        is_first, previous = noise != previous, noise
        statistic = "–" if cell["mapsswe_statistic"] is None else with_minus(f"{cell['mapsswe_statistic']:.2f}")
        segments = "–" if cell["mapsswe_segments"] is None else str(cell["mapsswe_segments"])
        texts = (Cell.text(noise if is_first else ""), Cell.text(snr), percent(cell["difference"]))
        bootstrap = (_probability(cell["p_value"]), corrected(cell["p_value_holm"]))
        matched = (segments, statistic, _probability(cell["mapsswe_p_value"]), corrected(cell["mapsswe_p_value_holm"]))
        interval = Cell.soft(interval_of(cell, "difference"))
        rows.append(TableRow((*texts, interval, *bootstrap, *matched), starts_group=is_first))
    heads = map(Column.text, ("noise", "SNR"))
    numbers = ("difference of WER", "95 % interval", "bootstrap p", "Holm", "MAPSSWE segments", "z", "p", "Holm")
    return Table((*heads, *numbers), tuple(rows))


def corrected(value: float | None) -> Line:
    """A p-value that is corrected for being one of several, bold where it is significant."""
    text = _probability(value)
    return strong(text) if value is not None and value < SIGNIFICANT else text


def _heat_cell(cell: CellSummary | None, highest: float) -> Cell:
    """Colour a cell by its share of the highest WER."""
    if cell is None:
        return Cell("–")
    hint = f"{interval_of(cell, 'wer')}, {cell['words']} words"
    return Cell(percent_number(cell["wer"]), heat=cell["wer"] / highest, hint=hint)


def _difference_row(title: str, block: Difference, gain: str) -> TableRow:
    interval = interval_of(block, "relative_reduction")
    improvement = _probability(block["probability_of_improvement"])
    return TableRow((Cell.text(title), strong(percent(block["relative_reduction"])), interval, improvement, gain))


def _seed_row(title: str, reduction: float | None, interval: str) -> TableRow:
    return TableRow((Cell.text(title, is_sub=True), strong(percent(reduction)), interval, "", ""))


def _probability(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
