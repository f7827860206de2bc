# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Gates: comparisons such as `unseen.mean_wer > 0.3` that make an evaluation fail, read without evaluating code.

A path starts at a noise list (`unseen.cells.0.wer`), or at `clean`, `worst`, `noise_only`, `silence`, `groups`,
`calibration`, `speed`, `rtfx`, `axes` (rooms, channels), `split` (seen, unseen), `left_out`; at `baseline` for the
same of the baseline; at `comparison`, `controls.shuffled_context`, `adaptation` or `stream_adaptation` for differences
(`comparison.unseen.relative_reduction_low`, `comparison.clean.difference_high`).
"""

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from nemo_noise.evaluation.questions import BY_WEIGHT
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.foreign_text import printable

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
EXPRESSION = re.compile(rf"\s*(?P<path>[^<>=!]+?)\s*(?P<operator><=|>=|==|!=|<|>)\s*(?P<number>{NUMBER})\s*")


class GateError(ValueError):
    """A gate that cannot be read or has nothing to look at."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # it repeats names of others


@dataclass(frozen=True)
class Gate:
    """One condition of failure.

    Attributes:
        path: where the value stands, names joined by dots.
        operator: <, <=, >, >=, == or !=.
        number: what the value is compared with.
    """

    path: str
    operator: str
    number: float

    def __str__(self) -> str:
        return f"{self.path} {self.operator} {self.number:g}"


def parse_gate(expression: str) -> Gate:
    """Read `path operator number`.

    Raises:
        GateError: the expression has another form.
    """
    match = EXPRESSION.fullmatch(expression) if isinstance(expression, str) else None
    if match is None:
        raise GateError(
            f"fail_if holds {expression!r}, should be `path operator number` with one of {' '.join(OPERATORS)}, "
            "as in 'unseen.mean_wer > 0.3'"
        )
    return Gate(match["path"], match["operator"], float(match["number"]))


def failed_gates(gates: Sequence[Gate], results: Results) -> list[str]:
    """List the gates that failed, a sentence each, in order."""
    return judge_gates(gates, results)[0]


def judge_gates(gates: Sequence[Gate], results: Results) -> tuple[list[str], list[str]]:
    """List the gates that failed, and those that passed, a sentence each, in order.

    Raises:
        GateError: a path does not exist (near names are listed) or its value is null.
    """
    values = gate_values(results)
    check_paths(gates, values)
    failures, passes = [], []
    for gate in gates:
        value = values[gate.path]
        if value is None:
            raise GateError(f"fail_if: the value at {gate.path!r} is null: it could not be computed from these rows")
        if OPERATORS[gate.operator](value, gate.number):
            failures.append(f"gate failed: {gate} (it is {value:.6g})")
        else:
            passes.append(f"gate passed: not {gate} (it is {value:.6g})")
    return failures, passes


def check_paths(gates: Sequence[Gate], known: Iterable[str]) -> None:
    """Refuse gates that look at nothing.

    Raises:
        GateError: a path is not among them; near names are listed.
    """
    paths = list(known)
    for gate in gates:
        if gate.path not in paths:
            beside = [path for path in paths if path.rpartition(".")[0] == gate.path.rpartition(".")[0]]
            near = difflib.get_close_matches(gate.path, [*beside, *paths], n=5, cutoff=0.5) or sorted(paths)[:5]
            is_alone = not any(path.startswith("baseline.") for path in paths)
            if is_alone and gate.path.startswith(("comparison.", "baseline.")):
                needs = "it compares with a baseline, and none is given: give a baseline"
                raise GateError(f"fail_if: no value at {gate.path!r}: {needs}")
            raise GateError(f"fail_if: no value at {gate.path!r}; near names: {', '.join(dict.fromkeys(near))}")


def gate_values(results: Results) -> dict[str, float | None]:
    """List all that a gate can look at: value by path."""
    tree: dict[str, Any] = _summary_tree(results["models"][results["model"]])
    if results["baseline"] is not None:
        tree["baseline"] = _summary_tree(results["models"][results["baseline"]])
    for question in BY_WEIGHT:
        tree |= question.in_gates(results)
    return dict(_leaves(tree, ""))


def _summary_tree(summary: Summary) -> dict[str, Any]:
    """What some summaries have gives way to a noise list of that name, and the list to what all of them have."""
    known = cast(Mapping[str, Any], summary)
    some, every = (
        {name: known[name] for one in BY_WEIGHT if one.is_optional is flag for name in one.gates if name in known}
        for flag in (True, False)
    )
    return {**some, **summary["lists"], **every}


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float | None]]:
    """Walk down to the numbers."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{prefix}{name}", value
