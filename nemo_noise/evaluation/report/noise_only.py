# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What is written where nobody speaks: rates, and the longest texts."""

from collections import Counter
from collections.abc import Sequence

from nemo_noise.evaluation.hypothesis import Condition, Hypothesis, by_model
from nemo_noise.evaluation.report.blocks import (
    Block,
    Card,
    Cell,
    Column,
    Heading,
    Items,
    Line,
    Section,
    Table,
    TableRow,
    soft,
    strong,
)
from nemo_noise.evaluation.report.numbers import percent
from nemo_noise.evaluation.report.utterances import cut_text
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.hallucination import NoiseOnlySummary, SilenceSummary
from nemo_noise.evaluation.scoring.tally import ScoringOptions

SHOWN_INVENTED = 8


def noise_only_section(results: Results, rows: Sequence[Hypothesis], options: ScoringOptions) -> Section | None:
    """Tabulate characters per minute by model and noise, and list the longest texts.

    Args:
        results: the results.
        rows: hypothesis rows behind them; may be empty.
        options: how to score.

    Returns:
        The section; None where no model was asked.
    """
    lines = []
    for name, summary in results["models"].items():
        whole = summary["noise_only"]
        if whole is not None:
            blocks: list[tuple[str, NoiseOnlySummary | None]] = [("all", whole)]
            blocks += [(noise, block["noise_only"]) for noise, block in summary["lists"].items()]
            lines += [
                _row(name, noise, block=block, counts=(block["noise_crops"], block["empty_references"]))
                for noise, block in blocks
                if block is not None
            ]
        silence = summary["silence"]
        if silence is not None:
            lines.append(_row(name, "digital silence", block=silence, counts=(silence["pieces"], "")))
    if not lines:
        return None
    heads = ("characters per minute", "pieces with text", "pieces", "utterances with empty reference", "minutes")
    body: list[Block] = [Table((Column.text("model"), Column.text("noise"), *heads), tuple(lines))]
    texts = _invented_texts(by_model(rows).get(results["model"], []), options)
    if texts:
        body += [Heading(f"The longest texts of {results['model']}", is_below=True), Items(texts)]
    return Section("Where nobody speaks", "noise-only", (Card(tuple(body), scrolls=True),))


def _row(
    model: str, noise: str, *, block: NoiseOnlySummary | SilenceSummary, counts: tuple[int, int | str]
) -> TableRow:
    rate, share = strong(f"{block['characters_per_minute']:.1f}"), percent(block["share_with_text"])
    return TableRow((Cell.text(model), Cell.text(noise), rate, share, *map(str, counts), f"{block['minutes']:.1f}"))


def _invented_texts(rows: Sequence[Hypothesis], options: ScoringOptions) -> tuple[Line, ...]:
    """The longest texts where nobody spoke, each with its noise."""
    silent = [row for row in rows if row.condition is Condition.NOISE_ONLY and options.written(row)]
    texts = Counter((row.noise_label or str(row.cell.noise_list), options.written(row)) for row in silent)
    longest = sorted(texts.items(), key=lambda item: -len(item[0][1]))[:SHOWN_INVENTED]
    return tuple(
        (soft(f"{label}:"), cut_text(text), *((soft(f"({times} times)"),) if times > 1 else ()))
        for (label, text), times in longest
    )
