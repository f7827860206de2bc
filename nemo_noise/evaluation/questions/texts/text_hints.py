# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A hint where the way of writing makes errors, not the words: which `text_normalization` takes them out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from nemo_noise.evaluation.blocks.numbers import percent
from nemo_noise.evaluation.hypothesis import Hypothesis, reference_rows
from nemo_noise.evaluation.questions.evidence import Evidence, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion, Weight
from nemo_noise.evaluation.scoring.tally import ScoringOptions, scored_rows
from nemo_noise.evaluation.scoring.text_normalization import TextStep, parse_steps
from nemo_noise.evaluation.scoring.wer import ErrorCounts, sum_errors

__all__ = ["TextHint", "TextHintsQuestion", "hint_at_writing"]

LEAST_SHARE = 0.05  # of the errors; fewer are not worth a word
SAMPLED = 2000  # rows that choose the steps


class TextHint(TypedDict):
    """What the way of writing costs a model; rates are over all mixtures with speech together.

    `steps` is the whole of `text_normalization` that is offered, `errors` become `errors_with`.
    """

    steps: list[str]
    errors: int
    errors_with: int
    wer: float
    wer_with: float


class TextHintsQuestion(EvaluationQuestion[dict[str, TextHint]]):
    """Answered for model and baseline, where the way of writing matters."""

    key = "text_hints"
    is_optional = True
    weight = Weight.REMARK

    def answer(self, evidence: Evidence) -> dict[str, TextHint] | None:
        """Hint by model."""
        scoring = evidence.scoring
        rows = {name: scored_rows(reference_rows(evidence.rows[name]), scoring) for name in evidence.compared}
        hints = {name: hint_at_writing(scored, scoring) for name, scored in rows.items()}
        return {name: hint for name, hint in hints.items() if hint is not None} or None

    def sentences(self, answer: dict[str, TextHint], subject: Subject) -> Sequence[str]:
        """What the way of writing costs, and which option leaves it out."""
        return [_sentence(name, hint) for name, hint in answer.items()]


def hint_at_writing(scored: Sequence[Hypothesis], options: ScoringOptions) -> TextHint | None:
    """Count the errors once more with all further steps, and offer those that matter.

    None where less than 5 % of the errors go, or texts are scored by letter.
    """
    steps = parse_steps(options.text_normalization)
    if TextStep.LETTERS in steps or not scored:
        return None
    offer = _choose(scored[:: max(1, len(scored) // SAMPLED)], options, steps)
    if not offer:
        return None
    plain, best = (_count(scored, options, chosen) for chosen in (steps, (*steps, *offer)))
    if _saved(plain, best) < LEAST_SHARE:
        return None
    return TextHint(
        steps=[step.value for step in (*steps, *offer)],
        errors=plain.errors,
        errors_with=best.errors,
        wer=plain.wer,
        wer_with=best.wer,
    )


def _choose(scored: Sequence[Hypothesis], options: ScoringOptions, steps: Sequence[TextStep]) -> tuple[TextStep, ...]:
    """The further steps that matter in a sample; none where fewer errors go than are worth a look at all rows."""
    plain = _count(scored, options, steps)
    lowers = (TextStep.LOWER, TextStep.LOWER_TURKISH)
    variants: list[tuple[TextStep, ...]] = [(TextStep.NFKC, lower, TextStep.STRIP_PUNCTUATION) for lower in lowers]
    if set(lowers) & set(steps):
        variants = [(TextStep.NFKC, TextStep.STRIP_PUNCTUATION)]
    offers = [tuple(step for step in variant if step not in steps) for variant in variants]
    counted = {offer: _count(scored, options, (*steps, *offer)) for offer in offers}
    offer = min(counted, key=lambda one: counted[one].errors)  # of equals the first
    best = counted[offer]
    if _saved(plain, best) < LEAST_SHARE / 2:
        return ()
    for step in offer:  # leave out what changes nothing
        fewer = tuple(one for one in offer if one is not step)
        without = _count(scored, options, (*steps, *fewer))
        if without.errors - best.errors <= LEAST_SHARE * (plain.errors - best.errors):
            offer, best = fewer, without
    return offer


def _saved(before: ErrorCounts, after: ErrorCounts) -> float:
    """The share of the errors that are gone; none where too few words would be left to compare."""
    return (before.errors - after.errors) / before.errors if before.errors and after.words else 0.0


def _count(scored: Sequence[Hypothesis], options: ScoringOptions, steps: Sequence[TextStep]) -> ErrorCounts:
    how = replace(options, text_normalization=tuple(steps))
    return sum_errors(how.errors(row) for row in scored)


def _sentence(model: str, hint: TextHint) -> str:
    share = percent((hint["errors"] - hint["errors_with"]) / hint["errors"], 0)
    return (
        f"Of the word errors of {model}, {share} are the way of writing (case, punctuation or the form of letters) "
        f"alone: with text_normalization=[{','.join(hint['steps'])}] its WER over all mixtures is "
        f"{percent(hint['wer_with'])} instead of {percent(hint['wer'])}."
    )
