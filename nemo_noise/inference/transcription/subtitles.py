# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Subtitles: at most two lines of 42 columns, on the screen long enough to be read, never two at once."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nemo_noise.inference.transcription.pauses import Span
from nemo_noise.inference.transcription.segments import Segment, Word, has_no_spaces, joined

__all__ = ["COLUMNS", "Cue", "cues_of", "estimated_words"]

COLUMNS = 42  # of a line; letters of Chinese, Japanese and Korean take two
LINES = 2
_LONGEST_S = 7.0
_SHORTEST_S = 1.0  # where the next cue leaves the time
_COLUMNS_PER_S = 20.0  # that are read
_PAUSE_S = 1.0  # that ends a cue
_LEAST_S = 0.001  # a cue whose words have no duration still has one


class Cue(NamedTuple):
    """What is on the screen from when to when: seconds, and one or two lines."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


class _Group(NamedTuple):
    words: list[Word]
    lines: tuple[str, ...]


def cues_of(segments: Sequence[Segment]) -> list[Cue]:
    """The cues of segments, in order; times of words that have none are estimated by their letters."""
    groups = [group for segment in segments for group in _groups(segment.words or estimated_words(segment))]
    cues: list[Cue] = []
    for number, group in enumerate(groups):
        start_s, end_s = group.words[0].start_s, group.words[-1].end_s
        start_s = max(start_s, cues[-1].end_s) if cues else start_s
        wanted_s = max(_SHORTEST_S, sum(map(_columns, group.lines)) / _COLUMNS_PER_S)
        following = groups[number + 1].words[0].start_s if number + 1 < len(groups) else start_s + wanted_s
        end_s = max(end_s, min(start_s + wanted_s, following), start_s + _LEAST_S)
        if following > start_s:
            end_s = max(min(end_s, following), start_s + _LEAST_S)
        cues.append(Cue(start_s, end_s, group.lines))
    return cues


def estimated_words(segment: Segment) -> tuple[Word, ...]:
    """Words of a segment without times: its loud spans are shared out by letters."""
    texts = _tokens(segment.text)
    spans = segment.active or (Span(segment.start_s, segment.end_s),)
    total_s = sum(span.end_s - span.start_s for span in spans)
    letters = sum(map(len, texts))
    words, done = [], 0
    for text in texts:
        middle = _span_at(spans, total_s * (done + len(text) / 2) / letters)
        start_s = _clamped(_at(spans, total_s * done / letters), middle)
        done += len(text)
        words.append(Word(text, start_s, _clamped(_at(spans, total_s * done / letters), middle)))
    return tuple(words)


def _at(spans: Sequence[Span], spent_s: float) -> float:
    """The time when so many seconds of the spans are over."""
    for span in spans:
        length_s = span.end_s - span.start_s
        if spent_s <= length_s:
            return span.start_s + spent_s
        spent_s -= length_s
    return spans[-1].end_s


def _span_at(spans: Sequence[Span], spent_s: float) -> Span:
    at = _at(spans, spent_s)
    return next((span for span in spans if at <= span.end_s), spans[-1])


def _clamped(at: float, span: Span) -> float:
    return min(max(at, span.start_s), span.end_s)


def _tokens(text: str) -> list[str]:
    """Words; letters where a script has no spaces, or where a word is longer than a line."""
    tokens: list[str] = []
    for word in text.split():
        if _columns(word) <= COLUMNS and not any(has_no_spaces(letter) for letter in word):
            tokens.append(word)
        else:
            tokens += _without_spaces(word)
    return tokens


def _without_spaces(word: str) -> Iterator[str]:
    """Cuts a word at wide letters, and where it fills a line."""
    held = ""
    for letter in word:
        is_full = _columns(held + letter) > COLUMNS
        is_mark = unicodedata.category(letter).startswith(("P", "M"))
        if is_full or (held and not is_mark and (has_no_spaces(letter) or has_no_spaces(held[-1]))):
            yield held
            held = ""
        held += letter
    if held:
        yield held


def _groups(words: Sequence[Word]) -> Iterator[_Group]:
    held: list[Word] = []
    lines: tuple[str, ...] = ()
    for word in _fitting(words):
        longer = _wrapped([one.text for one in held] + [word.text])
        is_over = held and (
            longer is None or word.end_s - held[0].start_s > _LONGEST_S or word.start_s - held[-1].end_s >= _PAUSE_S
        )
        if is_over:
            yield _Group(held, lines)
            held, longer = [], (word.text,)
        held, lines = [*held, word], longer or (word.text,)
    if held:
        yield _Group(held, lines)


def _fitting(words: Sequence[Word]) -> Iterator[Word]:
    """Words that fit on a line; longer ones, and those of scripts without spaces, are cut and share their time."""
    for word in words:
        parts = _tokens(word.text)
        if len(parts) <= 1:
            yield word
            continue
        cut = estimated_words(Segment(word.start_s, word.end_s, word.text))
        yield from (part._replace(confidence=word.confidence) for part in cut)


def _wrapped(texts: Sequence[str]) -> tuple[str, ...] | None:
    """The texts on one or two lines of like length; None if they do not fit."""
    whole = joined(texts)
    if _columns(whole) <= COLUMNS:
        return (whole,)
    best: tuple[str, ...] | None = None
    for place in range(1, len(texts)):
        lines = (joined(texts[:place]), joined(texts[place:]))
        longest = max(map(_columns, lines))
        if longest <= COLUMNS and (best is None or longest < max(map(_columns, best))):
            best = lines
    return best


def _columns(text: str) -> int:
    return sum(0 if unicodedata.combining(letter) else 2 if _is_wide(letter) else 1 for letter in text)


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in ("W", "F")
