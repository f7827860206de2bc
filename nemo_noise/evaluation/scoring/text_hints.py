# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A hint where the way of writing makes errors, not the words: which `text_normalization` takes them out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.scoring.text_normalization import TextStep, parse_steps
from nemo_noise.evaluation.scoring.wer import ErrorCounts, sum_errors

__all__ = ["TextHint", "hint_at_writing"]

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
