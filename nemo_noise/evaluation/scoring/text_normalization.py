# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Text normalisation before scoring: what looks alike is alike; further steps are asked for and reported."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache

from nemo_noise.checks import near_names

__all__ = ["TextStep", "composed", "normalize_text", "parse_steps"]

# Cf of Unicode that are drawn: signs before Arabic, Syriac and Kaithi numbers.
_DRAWN = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}
# Marks without ink: grapheme joiner, Hangul fillers, Khmer vowels, Mongolian and general variation selectors.
_INKLESS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0}
_INKLESS |= {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
_HAS_INKLESS = re.compile(f"[{''.join(map(chr, sorted(_INKLESS)))}]")
_JOINERS = "\u200c\u200d"
_JOINED_SCRIPTS = range(0x0600, 0x1CFF)  # Arabic to Vedic: here a joiner changes how letters are written


class TextStep(str, Enum):
    """One step of normalisation, applied to reference and hypothesis alike.

    ``nfkc`` makes full-width letters, ligatures and the like plain ones. ``lower_turkish`` is ``lower`` for Turkish,
    where I is the capital of the dotless i. ``letters`` makes each letter a word. ``whisper_english`` and
    ``whisper_basic`` are the normalisers of Whisper's paper (package whisper_normalizer), which public leaderboards
    score with: the first also writes numbers as digits, American spelling and whole words for contractions.
    """

    LOWER = "lower"
    LOWER_TURKISH = "lower_turkish"
    STRIP_PUNCTUATION = "strip_punctuation"
    NFKC = "nfkc"
    LETTERS = "letters"
    WHISPER_ENGLISH = "whisper_english"
    WHISPER_BASIC = "whisper_basic"


def composed(text: str) -> str:
    r"""Write a text in the one form of all that look alike: always done, as no reader could see the difference.

    Args:
        text: any text.

    Returns:
        The text with letters and their accents composed (NFC), without control and format characters (soft hyphen,
        zero-width space, marks of direction, byte-order mark). Joiners stay in scripts in which they change letters.
    """
    if text.isprintable() and not _HAS_INKLESS.search(text):
        return unicodedata.normalize("NFC", text)
    kept = [c for index, c in enumerate(text) if not _is_invisible(c, text[index - 1 : index])]
    return unicodedata.normalize("NFC", "".join(kept))


def normalize_text(text: str, steps: Sequence[TextStep | str]) -> str:
    """Apply `composed`, then steps in order.

    Raises:
        ValueError: a step is unknown.
    """
    text = composed(text)
    for step in parse_steps(steps):
        text = composed(_STEPS[step](text))
    return text


def parse_steps(steps: Sequence[TextStep | str]) -> tuple[TextStep, ...]:
    """Turn configured names into steps.

    Raises:
        ValueError: it is no list, or a step is unknown; the message lists the known ones.
    """
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        known = [step.value for step in TextStep]
        raise ValueError(f"text_normalization is {steps!r}, should be a list of some of {known}, as in [lower]")
    return _parse(tuple(map(_hashable, steps)))


@lru_cache(maxsize=64)  # asked once for every text
def _parse(steps: tuple[TextStep | str, ...]) -> tuple[TextStep, ...]:
    known = [step.value for step in TextStep]
    for step in steps:
        if step not in known:
            near = near_names(str(step), known)
            raise ValueError(f"text_normalization holds the unknown step {step!r}{near}; known steps are {known}")
    return tuple(TextStep(step) for step in steps)


def _hashable(step: TextStep | str) -> TextStep | str:
    return step if isinstance(step, str) else repr(step)


def _is_invisible(character: str, before: str) -> bool:
    if character in _JOINERS:
        is_picture = unicodedata.category(before or "a") in ("So", "Sk", "Mn")  # of several, as families are
        return not (is_picture or ord(before or "a") in _JOINED_SCRIPTS)
    category = unicodedata.category(character)
    if category == "Cc":
        return not character.isspace()
    return ord(character) in _INKLESS or (category == "Cf" and ord(character) not in _DRAWN)


def _lower(text: str) -> str:
    """Lower case; the capital dotted I becomes a plain i, where Python would leave its dot behind as a mark."""
    return text.replace("İ", "i").lower()


def _lower_turkish(text: str) -> str:
    return text.replace("İ", "i").replace("I", "ı").lower()


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


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


@lru_cache(maxsize=1)
def _whisper_english_normalizer() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer  # a requirement of nemo_toolkit[asr]

    normalizer: Callable[[str], str] = EnglishTextNormalizer()
    return normalizer


@lru_cache(maxsize=1)
def _whisper_basic_normalizer() -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer

    normalizer: Callable[[str], str] = BasicTextNormalizer()
    return normalizer


def _whisper_english(text: str) -> str:
    return " ".join(_whisper_english_normalizer()(text).split())


def _whisper_basic(text: str) -> str:
    return " ".join(_whisper_basic_normalizer()(text).split())


_STEPS: dict[TextStep, Callable[[str], str]] = {
    TextStep.LOWER: _lower,
    TextStep.LOWER_TURKISH: _lower_turkish,
    TextStep.STRIP_PUNCTUATION: _strip_punctuation,
    TextStep.NFKC: _nfkc,
    TextStep.LETTERS: _spell,
    TextStep.WHISPER_ENGLISH: _whisper_english,
    TextStep.WHISPER_BASIC: _whisper_basic,
}
