# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Gates: what they read, when they fail, and what they refuse."""

import pytest

from nemo_noise.evaluation import Results, ScoringOptions, collect_results
from nemo_noise.evaluation.gates import Gate, GateError, failed_gates, gate_values, parse_gate
from tests.evaluation.rows import synthetic_rows


@pytest.fixture(scope="module")
def results() -> Results:
    rows = synthetic_rows("a", 0.05) + synthetic_rows("b", 0.1) + synthetic_rows("a+shuffled_context", 0.08)
    return collect_results(rows, "a", "b", options=ScoringOptions(replications=100))


@pytest.mark.parametrize(
    ("expression", "gate"),
    [
        ("unseen.mean_wer > 0.3", Gate("unseen.mean_wer", ">", 0.3)),
        ("clean.wer>=.1", Gate("clean.wer", ">=", 0.1)),
        ("unseen.cells.-5.wer < -1e-3", Gate("unseen.cells.-5.wer", "<", -0.001)),
        ("unseen.labels.vacuum cleaner.mean_wer > 1", Gate("unseen.labels.vacuum cleaner.mean_wer", ">", 1.0)),
    ],
)
def test_an_expression_is_path_operator_number(expression: str, gate: Gate) -> None:
    assert parse_gate(expression) == gate


@pytest.mark.parametrize(
    "expression",
    ["", "unseen.mean_wer", "unseen.mean_wer > high", "a > 1 or b > 2", "__import__('os') > 1 > 2", "> 3"],
)
def test_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(GateError, match="path operator number"):
        parse_gate(expression)


def test_gates_fail_where_their_condition_holds(results: Results) -> None:
    gates = [
        parse_gate(each)
        for each in (
            "unseen.mean_wer > 0.01",
            "unseen.mean_wer > 0.99",
            "comparison.unseen.relative_reduction_low < 0",
            "controls.shuffled_context.unseen.relative_reduction < 1",
            "baseline.clean.wer < 1",
        )
    ]
    failures = failed_gates(gates, results)
    assert [failure.split(" (")[0] for failure in failures] == [
        "gate failed: unseen.mean_wer > 0.01",
        "gate failed: controls.shuffled_context.unseen.relative_reduction < 1",
        "gate failed: baseline.clean.wer < 1",
    ]


def test_an_unknown_path_lists_near_names(results: Results) -> None:
    with pytest.raises(GateError, match=r"'unseen.mean_were'.*unseen.mean_wer"):
        failed_gates([parse_gate("unseen.mean_were > 1")], results)


def test_a_null_cannot_pass_a_gate(results: Results) -> None:
    assert gate_values(results)["rtfx"] is None
    with pytest.raises(GateError, match="null"):
        failed_gates([parse_gate("rtfx < 10")], results)
