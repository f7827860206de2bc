# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What was said when: words, segments and whole files, with times in seconds of the recording."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from nemo_noise.inference.transcription.pauses import Piece, Span

__all__ = [
    "DropReason",
    "Dropped",
    "Segment",
    "TranscribedFile",
    "Word",
    "has_no_spaces",
    "joined",
    "one_line",
    "segments_of",
]

_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
_PAUSE_S = 1.0  # between words that ends a segment
_LONGEST_S = 15.0  # of a segment, where a shorter pause may end it
_SHORT_PAUSE_S = 0.3


class Word(NamedTuple):
    """One word.

    Attributes:
        text: without white space.
        start_s: where it begins.
        end_s: where it ends.
        confidence: from 0 to 1, None where the recogniser has none.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


class DropReason(str, Enum):
    """Why something is in no text."""

    SILENCE = "silence"  # no sound above the lowest level
    STEADY = "steady sound"  # its level does not change as that of speech does
    LOOP = "loop"  # the recogniser repeated itself
    NO_SPEECH = "no speech"  # the recogniser itself took it for none
    NO_VOICE = "no voice"  # the voice activity detector found none


class Dropped(NamedTuple):
    """A part whose text was left out.

    Attributes:
        start_s: where it begins.
        end_s: where it ends.
        reason: why.
        text: what the recogniser wrote; empty where it was not run.
    """

    start_s: float
    end_s: float
    reason: DropReason
    text: str = ""


@dataclass(frozen=True)
class Segment:
    """A sentence, or what stands between two pauses.

    Attributes:
        start_s: where it begins.
        end_s: where it ends.
        text: on one line, without control characters.
        words: with their times, None where the recogniser gives none.
        active: where it is loud, for times within it where words have none.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] | None = None
    active: tuple[Span, ...] = ()


@dataclass(frozen=True)
class TranscribedFile:
    """One recording, transcribed.

    Attributes:
        path: as it was given; `-` for the standard input.
        system: name of the recogniser.
        duration_s: of the recording.
        segments: in order.
        dropped: parts whose text was left out.
        remarks: what was done with the audio, or is wrong with it.
        language: that was asked for, None where none was.
        outputs: files that were written, or stood there already.
        error: why there is no text; None where all went well.
        is_old: whether its outputs stood there already, so that nothing was transcribed.
    """

    path: str
    system: str
    duration_s: float = 0.0
    segments: tuple[Segment, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    remarks: tuple[str, ...] = ()
    language: str | None = None
    outputs: tuple[Path, ...] = ()
    error: str | None = None
    is_old: bool = False

    @property
    def text(self) -> str:
        """All of it on one line."""
        return joined([segment.text for segment in self.segments])


def one_line(text: str) -> str:
    """Text without line breaks and control characters; white space becomes single spaces."""
    shown = (" " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text)
    return " ".join("".join(shown).split())


def joined(texts: Sequence[str]) -> str:
    """Texts with spaces between, but none beside letters of a script that has none."""
    line = ""
    for text in texts:
        is_tight = bool(line) and (has_no_spaces(line[-1]) or has_no_spaces(text[0]))
        line += text if not line or is_tight else f" {text}"
    return line


def has_no_spaces(letter: str) -> bool:
    """Whether a letter is of a script without spaces between words, as Chinese and Japanese; Korean has them."""
    return unicodedata.east_asian_width(letter) in ("W", "F") and "HANGUL" not in unicodedata.name(letter, "")


def segments_of(piece: Piece, text: str, words: Sequence[Word] | None) -> list[Segment]:
    """The segments of a piece: by sentences and pauses where words have times, else one.

    Args:
        piece: that was transcribed.
        text: of the recogniser; empty gives none.
        words: with times from the start of the piece; None for none.
    """
    text = one_line(text)
    if not text:
        return []
    if not words:
        start_s, end_s = _active_span(piece)
        return [Segment(start_s, end_s, text, None, piece.active)]
    timed = list(_in_recording(piece, words))
    return [_segment(group) for group in _groups(timed)]


def _in_recording(piece: Piece, words: Iterable[Word]) -> Iterable[Word]:
    """Words in the recording's time, none before the one before it or outside of the piece."""
    last_s = piece.start_s
    for word in words:
        text = one_line(word.text)
        if not text:
            continue
        start_s = min(max(piece.start_s + word.start_s, last_s), piece.end_s)
        end_s = min(max(piece.start_s + word.end_s, start_s), piece.end_s)
        last_s = start_s
        yield Word(text, start_s, end_s, word.confidence)


def _groups(words: Sequence[Word]) -> list[list[Word]]:
    groups: list[list[Word]] = []
    for number, word in enumerate(words):
        before = words[number - 1] if number else None
        if before is None or _ends(before, word, groups[-1][0].start_s):
            groups.append([])
        groups[-1].append(word)
    return groups


def _ends(before: Word, word: Word, begun_s: float) -> bool:
    pause_s = word.start_s - before.end_s
    is_long = before.end_s - begun_s >= _LONGEST_S
    return pause_s >= _PAUSE_S or before.text.endswith(_SENTENCE_ENDS) or (is_long and pause_s >= _SHORT_PAUSE_S)


def _segment(words: Sequence[Word]) -> Segment:
    text = joined([word.text for word in words])
    return Segment(words[0].start_s, words[-1].end_s, text, tuple(words))


def _active_span(piece: Piece) -> Span:
    if not piece.active:
        return Span(piece.start_s, piece.end_s)
    return Span(piece.active[0].start_s, piece.active[-1].end_s)
