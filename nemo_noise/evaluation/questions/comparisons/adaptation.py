# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What does adapting give, to each utterance or along streams, and what does it cost? The model against itself."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

from nemo_noise.evaluation.blocks.elements import Card, Paragraph, Section, Table, TableRow, strong
from nemo_noise.evaluation.blocks.numbers import percent
from nemo_noise.evaluation.blocks.tables import comparison_table
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.comparisons.comparison import comparison_gates, comparison_sentences
from nemo_noise.evaluation.questions.evidence import Evidence, Results, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion, Weight
from nemo_noise.evaluation.scoring.comparison import Comparison, compare
from nemo_noise.evaluation.scoring.tally import ScoringOptions, scored_rows
from nemo_noise.evaluation.transcription.adapted import adapted_name

__all__ = ["AdaptationGain", "AdaptationQuestion", "StreamAdaptationQuestion"]

NOTE = (
    "Speech, clean and noisy. The others are heard as without: too short, not to be believed, or no step improved "
    "anything."
)


class AdaptationGain(TypedDict):
    """Gain and cost, over clean and noisy speech.

    `comparison` is the adapted model against itself unadapted: a reduction above zero shows that adapting helps.
    `adapted` of `utterances` were decoded with weights (also of earlier segments of a stream) or statistics that are
    not the model's, the others as without; `steps` are those of a mean utterance. `transcribe_s` has all of it,
    `plain_transcribe_s` is the same utterances one by one, unadapted, and `times_as_long` their ratio; null where it
    was not measured.
    """

    comparison: Comparison
    utterances: int
    adapted: int
    share_adapted: float
    steps: float
    transcribe_s: float | None
    plain_transcribe_s: float | None
    times_as_long: float | None


class AdaptationQuestion(EvaluationQuestion[AdaptationGain]):
    """Answered where the model was run adapting to each utterance.

    Attributes:
        along_stream: whether it adapts along streams instead.
        way: the same in words.
        anchor: of the section.
    """

    key = "adaptation"
    weight = Weight.MAIN
    along_stream: ClassVar[bool] = False
    way: ClassVar[str] = "to each utterance"
    anchor: ClassVar[str] = "adaptation"

    def further_models(self, evidence: Evidence) -> Sequence[str]:
        """Name the rows of the adapted model."""
        name = adapted_name(evidence.model, along_stream=self.along_stream)
        return [name] if name in evidence.rows else []

    def answer(self, evidence: Evidence) -> AdaptationGain | None:
        """Compare the model that adapts with itself unadapted, on the same mixtures."""
        for name in self.further_models(evidence):
            return _measure(evidence.rows[name], evidence.rows[evidence.model], evidence.scoring)
        return None

    def section(self, answer: AdaptationGain, subject: Subject) -> Section:
        """Tabulate what adapting gives, how often it happened, and what it costs."""
        title = f"{subject.model} adapted {self.way}, against itself"
        return Section(
            title, self.anchor, (Card((comparison_table(answer["comparison"]),), scrolls=True), _cost(answer))
        )

    def sentences(self, answer: AdaptationGain, subject: Subject) -> Sequence[str]:
        """How often the model adapted and what that cost, then what it gave."""
        cost = ""
        if answer["times_as_long"] is not None:
            cost = f", at {answer['times_as_long']:.1f} times the plain time, one by one"
        often = f"{answer['adapted']} of {answer['utterances']} utterances ({percent(answer['share_adapted'])})"
        steps = f"{answer['steps']:.1f} steps each on average"
        first = f"{answer['comparison']['model']} adapted to {often}, {steps}{cost}."
        return [first, *comparison_sentences(answer["comparison"])]

    def in_gates(self, results: Results) -> Mapping[str, Any]:
        """The differences by noise list, and the cost."""
        gain = self.found_in(results)
        if gain is None:
            return {}
        cost = {"share_adapted": gain["share_adapted"], "steps": gain["steps"], "times_as_long": gain["times_as_long"]}
        return {self.key: comparison_gates(gain["comparison"]) | cost}


class StreamAdaptationQuestion(AdaptationQuestion):
    """Answered where the model was run adapting along streams."""

    key = "stream_adaptation"
    along_stream = True
    way = "along streams"
    anchor = "stream-adaptation"


def _measure(
    adapted_rows: Sequence[Hypothesis], plain_rows: Sequence[Hypothesis], options: ScoringOptions
) -> AdaptationGain:
    rows = scored_rows(adapted_rows, options)
    adapted = sum(row.is_adapted for row in rows)
    both = [(row.transcribe_s, row.plain_transcribe_s) for row in rows]
    timed = [(spent, plain) for spent, plain in both if spent is not None and plain is not None]
    spent_s, plain_s = float(sum(spent for spent, _ in timed)), float(sum(plain for _, plain in timed))
    return AdaptationGain(
        comparison=compare(adapted_rows, plain_rows, options),
        utterances=len(rows),
        adapted=adapted,
        share_adapted=adapted / len(rows),
        steps=sum(row.adaptation_steps for row in rows) / len(rows),
        transcribe_s=spent_s if timed else None,
        plain_transcribe_s=plain_s if timed else None,
        times_as_long=spent_s / plain_s if plain_s else None,
    )


def _cost(gain: AdaptationGain) -> Card:
    seconds = [
        f"{gain[name]:.1f}" if gain[name] is not None else "–" for name in ("plain_transcribe_s", "transcribe_s")
    ]
    ratio = "–" if gain["times_as_long"] is None else f"{gain['times_as_long']:.1f}"
    counts = (f"{gain['adapted']} of {gain['utterances']}", percent(gain["share_adapted"]), f"{gain['steps']:.1f}")
    heads = ("adapted", "share", "steps each", "plain, alone, s", "adapting, s", "times as long")
    cost = Table(heads, (TableRow((*counts, *seconds, strong(ratio))),))
    return Card((cost, Paragraph(NOTE)), scrolls=True, is_below=True)
