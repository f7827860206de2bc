# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Does the model use its context? The model against itself with a context that is not its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from nemo_noise.evaluation.blocks.elements import Card, Section
from nemo_noise.evaluation.blocks.numbers import interval_text, percent
from nemo_noise.evaluation.blocks.tables import comparison_table
from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.questions.comparisons.comparison import comparison_gates
from nemo_noise.evaluation.questions.evidence import Evidence, Results, Shown, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion, Weight
from nemo_noise.evaluation.scoring.comparison import Comparison, ListComparison, compare
from nemo_noise.evaluation.transcription.arms import Control, control_name

__all__ = ["ControlsQuestion"]

Controls = dict[str, Comparison]

_OTHERS = {  # whose context the model got
    "swapped_noise": "that of the same talker in other noise",
    "swapped_talker": "that of another talker in the same noise",
}
_USES = {
    "swapped_noise": "the model uses what its context holds of the noise",
    "swapped_talker": "the model uses what its context holds of the talker or the utterance, not of the noise alone",
}
_NO_USE = {
    "swapped_noise": "that it uses what its context holds of the noise is not shown",
    "swapped_talker": "that it uses what its context holds of the talker is not shown",
}


class ControlsQuestion(EvaluationQuestion[Controls]):
    """Answered where controls were run; above zero, the control does harm."""

    key = "controls"
    weight = Weight.MAIN

    def further_models(self, evidence: Evidence) -> Sequence[str]:
        """Name the rows of the controls."""
        return [name for name in _names(evidence).values() if name in evidence.rows]

    def answer(self, evidence: Evidence) -> Controls:
        """Compare the model with itself in each control."""
        own = evidence.rows[evidence.model]
        return {
            control: compare(own, evidence.rows[name], evidence.scoring)
            for control, name in _names(evidence).items()
            if name in evidence.rows
        }

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """Tabulate each control in a section of its own."""
        return [
            Section(
                f"Control: own context against {name.replace('_', ' ')}",
                f"control-{number}",
                (Card((comparison_table(control),), scrolls=True),),
            )
            for number, (name, control) in enumerate((self.found_in(shown.results) or {}).items(), start=1)
        ]

    def sentences(self, answer: Controls, subject: Subject) -> Sequence[str]:
        """What each control proves."""
        return [
            _sentence(name, block, noise)
            for name, control in answer.items()
            for noise, block in control["lists"].items()
        ]

    def in_gates(self, results: Results) -> Mapping[str, Any]:
        """The differences by control and noise list."""
        return {self.key: {name: comparison_gates(one) for name, one in (self.found_in(results) or {}).items()}}


def _names(evidence: Evidence) -> dict[str, str]:
    return {control.value: control_name(evidence.model, control) for control in Control}


def _sentence(name: str, block: ListComparison, noise: str) -> str:
    title, other = name.replace("_", " "), _OTHERS.get(name, "another's")
    _, low, high = Estimate.read(block, "relative_reduction")
    change = f"WER {percent(block['wer'])} with its own context, {percent(block['baseline_wer'])} with {other}"
    if low is not None and low > 0:
        shown = _USES.get(name, "the model uses the context of the utterance")
    else:
        change += f", reduction {interval_text(low, high)}"
        shown = _NO_USE.get(name, "no use of the context is shown")
    return f"Control ({title}, {noise} noise): {change}; {shown}."
