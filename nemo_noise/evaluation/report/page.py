# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML page that needs nothing from elsewhere, from the headline down to how it was made."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nemo_noise import whole_file
from nemo_noise.evaluation.blocks.elements import Clip
from nemo_noise.evaluation.hypothesis import Hypothesis, by_model
from nemo_noise.evaluation.questions import QUESTIONS
from nemo_noise.evaluation.questions.evidence import Results, Shown
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.report.making import making_section
from nemo_noise.evaluation.report.template import render_page
from nemo_noise.evaluation.scoring.summary import Summary


def write_report(
    path: str | Path, results: Results, rows: Sequence[Hypothesis], *, clips: Mapping[str, Clip] | None = None
) -> None:
    """Write the page.

    Args:
        path: the HTML file; its folder is created where absent.
        results: from `collect_results`.
        rows: the hypotheses behind them, for the worst utterances.
        clips: sound by `trial_id`, from `make_clips`; None for none.
    """
    whole_file.write_text(path, render_report(results, rows, clips))


def render_report(results: Results, rows: Sequence[Hypothesis], clips: Mapping[str, Clip] | None = None) -> str:
    """Compose the page.

    Args:
        results: from `collect_results`.
        rows: the hypotheses behind them; empty for a page without utterances.
        clips: sound by `trial_id`; None for none.

    Returns:
        HTML.
    """
    shown = Shown(results, by_model(rows), clips or {})
    title = f"Noise robustness of {results['model']}"
    return render_page(
        title,
        heading=title if results["baseline"] is None else f"{title} against {results['baseline']}",
        overview=_overview(results["models"][results["model"]]),
        tiles=[tile for question in QUESTIONS for tile in question.in_tiles(results)],
        findings=findings(results),
        sections=[*(one for question in QUESTIONS for one in question.on_page(shown)), making_section(results)],
    )


def _overview(summary: Summary) -> str:
    seeds = f", {len(summary['seeds'])} training seeds" if len(summary["seeds"]) > 1 else ""
    lists = ", ".join(summary["lists"]) or "none"
    return f"{summary['utterances']} utterances{seeds}; noise lists: {lists}. WER in per cent unless said otherwise."
