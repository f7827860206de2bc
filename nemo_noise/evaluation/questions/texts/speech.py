# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which speech was it? What was left out, and what has only half of the band."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from nemo_noise.evaluation.mixtures.examination import LeftOut
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.questions.evidence import Evidence, Results, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion, Weight

__all__ = ["SpeechMaterial", "SpeechQuestion", "describe_speech"]

NAMED = 5  # of what is left out
NARROW = (
    ": without a channel, mixtures hold noise alone above {} Hz. With "
    "channels='{{telephone: {{effects: {{telephone_band: {{}}}}}}}}' speech and noise go through one telephone"
)


class LeftOutItem(TypedDict):
    """One utterance or mixture that was not evaluated, `file:line` of its speech, and why."""

    name: str
    source: str
    reason: str


class SpeechMaterial(TypedDict):
    """The audio: how many utterances were taken, which are left out, which mixtures and noises, what has a lower rate.

    `offered` is how many the manifests hold, of which `utterances` were drawn. `resampled_from_hz` counts utterances
    by the rate of their files, "8000", where it is below `sample_rate`; `has_plain_channel` is whether some mixtures
    went through no channel.
    """

    utterances: int
    offered: int
    left_out: list[LeftOutItem]
    left_out_mixtures: list[LeftOutItem]
    left_out_noises: list[LeftOutItem]
    resampled_from_hz: dict[str, int]
    sample_rate: int
    has_plain_channel: bool


class SpeechQuestion(EvaluationQuestion[SpeechMaterial]):
    """Answered by the plan, when all models were run; unknown where only rows are at hand."""

    key = "speech"
    is_optional = True
    weight = Weight.REMARK

    def of_plan(self, plan: MixturePlan) -> SpeechMaterial:
        """What became of the utterances."""
        return describe_speech(plan)

    def answer(self, evidence: Evidence) -> SpeechMaterial | None:
        """What was found in the plan."""
        return evidence.found.get(self.key)

    def sentences(self, answer: SpeechMaterial, subject: Subject) -> Sequence[str]:
        """What was left out, and what was resampled."""
        sentences = []
        offered = answer.get("offered", answer["utterances"])
        if offered > answer["utterances"]:
            sentences.append(f"{answer['utterances']} of {offered} utterances were drawn at random.")
        kinds = (
            (f"{len(answer['left_out'])} of {answer['utterances']} utterances", answer["left_out"]),
            (_counted(len(answer["left_out_mixtures"]), "mixture"), answer["left_out_mixtures"]),
            (_counted(len(answer["left_out_noises"]), "noise"), answer["left_out_noises"]),
        )
        for what, items in kinds:
            if items:
                listed = "; ".join(f"{one['source']} ({one['name']}) {one['reason']}" for one in items[:NAMED])
                more = f"; and {len(items) - NAMED} more, see summary.json" if len(items) > NAMED else ""
                sentences.append(f"Left out: {what}: {listed}{more}.")
        for rate, count in answer["resampled_from_hz"].items():
            kept = answer["utterances"] - len(answer["left_out"])
            resampled = f"{count} of {kept} utterances are resampled from {rate} to {answer['sample_rate']} Hz"
            sentences.append(f"{resampled}{NARROW.format(int(rate) // 2) if answer['has_plain_channel'] else ''}.")
        return sentences

    def in_gates(self, results: Results) -> Mapping[str, Any]:
        """How many utterances, mixtures and noises are left out."""
        speech = self.found_in(results)
        if speech is None:
            return {}
        return {
            "left_out": sum(map(len, (speech["left_out"], speech["left_out_mixtures"], speech["left_out_noises"])))
        }


def describe_speech(plan: MixturePlan) -> SpeechMaterial:
    """Write down what became of the utterances, after the models were run."""
    examined = plan.examined
    return SpeechMaterial(
        utterances=examined.utterances,
        offered=examined.offered or examined.utterances,
        left_out=list(map(_item, examined.left_out)),
        left_out_mixtures=list(map(_item, plan.left_out.values())),
        left_out_noises=[
            LeftOutItem(name=name, source=one.entry.source, reason=one.message.removeprefix(f"{one.entry.source}: "))
            for name, noises in plan.noise_lists.items()
            for one in noises.left_out
        ],
        resampled_from_hz={str(rate): count for rate, count in examined.resampled.items()},
        sample_rate=plan.sample_rate,
        has_plain_channel=any(channel.chain is None for channel in plan.acoustics.channels.values()),
    )


def _item(one: LeftOut) -> LeftOutItem:
    return LeftOutItem(name=one.name, source=one.source, reason=one.reason)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
