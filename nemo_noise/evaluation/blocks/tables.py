# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The table that several questions share: a comparison of two models; and p-values as it writes them."""

from nemo_noise.evaluation.blocks.elements import Cell, Column, Line, Table, TableRow, strong
from nemo_noise.evaluation.blocks.numbers import (
    decibels,
    interval_head,
    interval_of,
    percent,
    points,
)
from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.scoring.comparison import Comparison, Difference

SIGNIFICANT = 0.05
LEAST_SHOWN = 0.001


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
            rows += [_sub_row(f"seed {seed}", percent(reduction), "") for seed, reduction in by_seed.items()]
        if block["reduction_beyond_clean"] is not None:
            interval = interval_of(block, "reduction_beyond_clean")
            rows.append(_sub_row("more than on clean speech", points(block["reduction_beyond_clean"]), interval))
    if comparison["clean"] is not None:
        rows.append(_difference_row("clean speech", comparison["clean"], ""))
    heads = (
        "relative reduction of WER",
        interval_head(comparison),
        "probability of improvement",
        "gained at equal WER",
    )
    return Table((Column.text(), *heads), tuple(rows))


def corrected(value: float | None) -> Line:
    """A p-value that is corrected for being one of several, bold where it is significant."""
    text = probability(value)
    return strong(text) if value is not None and value < SIGNIFICANT else text


def _difference_row(title: str, block: Difference, gain: str) -> TableRow:
    interval = interval_of(block, "relative_reduction")
    improvement = probability(block["probability_of_improvement"])
    return TableRow((Cell.text(title), strong(percent(block["relative_reduction"])), interval, improvement, gain))


def _sub_row(title: str, value: str, interval: str) -> TableRow:
    return TableRow((Cell.text(title, is_sub=True), strong(value), interval, "", ""))


def probability(value: float | None) -> str:
    """A probability or p-value; a dash where there is none. What three digits cannot show is not written as 0 or 1."""
    if value is None:
        return "–"
    if 0 <= value < LEAST_SHOWN:
        return f"< {LEAST_SHOWN}"
    return f"> {1 - LEAST_SHOWN}" if 1 - LEAST_SHOWN < value < 1 else f"{value:.3f}"
