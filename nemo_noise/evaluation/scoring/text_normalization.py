# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Text normalisation before scoring: nothing unless asked for, and what was asked for is in the report."""

import unicodedata
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache


class TextStep(str, Enum):
    """One step of normalisation, applied to reference and hypothesis alike; ``letters`` makes each letter a word."""

    LOWER = "lower"
    STRIP_PUNCTUATION = "strip_punctuation"
    LETTERS = "letters"


def normalize_text(text: str, steps: Sequence[TextStep | str]) -> str:
    """Apply steps in order.

    Args:
        text: reference or hypothesis.
        steps: members of `TextStep` or their values; empty leaves the text as it is.

    Returns:
        The normalised text.

    Raises:
        ValueError: a step is unknown.
    """
    for step in parse_steps(steps):
        text = _STEPS[step](text)
    return text


def parse_steps(steps: Sequence[TextStep | str]) -> tuple[TextStep, ...]:
    """Turn configured names into steps.

    Args:
        steps: members of `TextStep` or their values.

    Returns:
        The steps in order.

    Raises:
        ValueError: a step is unknown; the message lists the known ones.
    """
    return _parse(tuple(steps))


@lru_cache(maxsize=64)  # asked once for every text
def _parse(steps: tuple[TextStep | str, ...]) -> tuple[TextStep, ...]:
    known = [step.value for step in TextStep]
    for step in steps:
        if step not in known:
            raise ValueError(f"text_normalization holds the unknown step {step!r}; known steps are {known}")
    return tuple(TextStep(step) for step in steps)


def _strip_punctuation(text: str) -> str:
    """Blank out punctuation, but keep apostrophes inside words (it's), which change the word."""
    kept = []
    for index, character in enumerate(text):
        is_inside = text[max(index - 1, 0) : index].isalpha() and text[index + 1 : index + 2].isalpha()
        if character in "'’" and is_inside:
            kept.append("'")
        else:
            kept.append(" " if unicodedata.category(character).startswith("P") else character)
    return " ".join("".join(kept).split())


def _spell(text: str) -> str:
    """Every letter as a word, and blanks as one more letter: word error rates of this are those of letters."""
    return " ".join("_".join(text.split()))


_STEPS: dict[TextStep, Callable[[str], str]] = {
    TextStep.LOWER: str.lower,
    TextStep.STRIP_PUNCTUATION: _strip_punctuation,
    TextStep.LETTERS: _spell,
}
