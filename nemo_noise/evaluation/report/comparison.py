# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The model against the baseline, and against its controls."""

from nemo_noise.evaluation.report.blocks import Block, Card, Fold, Panels, Paragraph, Section, Stack
from nemo_noise.evaluation.report.charts import difference_forest
from nemo_noise.evaluation.report.tables import cell_tests_table, comparison_table
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.comparison import Comparison

TESTS = "Every cell tested: paired bootstrap and MAPSSWE, p-values corrected over all cells (Holm)"


def comparison_sections(results: Results) -> list[Section]:
    """Show differences with their intervals, then each control; none where there is nothing to compare with."""
    comparison = results["comparison"]
    sections = [] if comparison is None else [_comparison(comparison)]
    for number, (name, control) in enumerate(results["controls"].items(), start=1):
        title = f"Control: own context against {name.replace('_', ' ')}"
        sections.append(Section(title, f"control-{number}", (Card((comparison_table(control),), scrolls=True),)))
    return sections


def _comparison(comparison: Comparison) -> Section:
    forests = tuple(
        Card((difference_forest(block),), title=f"{name} noise") for name, block in comparison["lists"].items()
    )
    body: list[Block] = [
        Panels(forests),
        Card((comparison_table(comparison),), scrolls=True, is_below=True),
        Fold(TESTS, (Stack((cell_tests_table(comparison),), scrolls=True),), is_card=True),
    ]
    unpaired = comparison["unpaired_model_rows"] + comparison["unpaired_baseline_rows"]
    if unpaired:
        text = f"{unpaired} hypotheses have no partner and are left out of the comparison."
        body.append(Paragraph(text, is_soft=False))
    return Section(f"{comparison['model']} against {comparison['baseline']}", "comparison", tuple(body))
