# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which errors: by word, by length of the utterance, and which words are taken for which."""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict, TypeVar

from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.scoring.alignment import WordAlignment, align_words
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.scoring.wer import sum_errors

LENGTHS = ((1, 1), (2, 3), (4, 6), (7, 10), (11, 15), (16, 25), (26, 10**6))  # words of the reference, both included
_Counted = TypeVar("_Counted", str, tuple[str, str])
KEPT = 40  # entries of each list that go into the JSON


class WordErrors(TypedDict):
    """One word of the references: how often said, taken for another, missed; and what it was most often taken for."""

    word: str
    said: int
    substituted: int
    deleted: int
    error_rate: float
    taken_for: str | None


class LengthErrors(TypedDict):
    """Utterances of `words_from` to `words_to` words (null: and more)."""

    words_from: int
    words_to: int | None
    utterances: int
    words: int
    wer: float
    substitutions: int
    deletions: int
    insertions: int


class Confusion(TypedDict):
    """A word said, another one heard for it, and how often."""

    said: str
    heard: str
    times: int


class WordCount(TypedDict):
    """A word and how often it was missed, or invented."""

    word: str
    times: int


class Analytics(TypedDict):
    """All errors of one model over all cells; each list is cut after 40 entries, the most errors first."""

    words: list[WordErrors]
    lengths: list[LengthErrors]
    confusions: list[Confusion]
    missed: list[WordCount]
    invented: list[WordCount]


def analyze_errors(scored: Sequence[Hypothesis], options: ScoringOptions) -> Analytics:
    """Sort the errors of one model on speech with a reference, clean and noisy."""
    alignments = [align_words(options.reference(row), options.written(row)) for row in scored]
    confusions = Counter(pair for alignment in alignments for pair in alignment.substitutions)
    missed = Counter(word for alignment in alignments for word in alignment.deletions)
    invented = Counter(word for alignment in alignments for word in alignment.insertions)
    return Analytics(
        words=_by_word(alignments, confusions, missed),
        lengths=_by_length(scored, options),
        confusions=[
            Confusion(said=said, heard=heard, times=times) for (said, heard), times in _most_common(confusions)
        ],
        missed=[WordCount(word=word, times=times) for word, times in _most_common(missed)],
        invented=[WordCount(word=word, times=times) for word, times in _most_common(invented)],
    )


def _by_word(
    alignments: Sequence[WordAlignment], confusions: Counter[tuple[str, str]], missed: Counter[str]
) -> list[WordErrors]:
    """Count per word of the references, the most errors first."""
    said = Counter(word for alignment in alignments for word in alignment.reference)
    substituted: Counter[str] = Counter()
    taken_for: dict[str, str] = {}
    for (word, heard), times in _most_common(confusions, limit=None):
        substituted[word] += times
        taken_for.setdefault(word, heard)
    wrong = {word: substituted[word] + missed[word] for word in said}
    worst = sorted((word for word in said if wrong[word]), key=lambda word: (-wrong[word], word))[:KEPT]
    return [
        WordErrors(
            word=word,
            said=said[word],
            substituted=substituted[word],
            deleted=missed[word],
            error_rate=wrong[word] / said[word],
            taken_for=taken_for.get(word),
        )
        for word in worst
    ]


def _by_length(scored: Sequence[Hypothesis], options: ScoringOptions) -> list[LengthErrors]:
    """Sum errors over utterances of like length."""
    counted = [options.errors(row) for row in scored]
    lengths = []
    for low, high in LENGTHS:
        inside = [counts for counts in counted if low <= counts.words <= high]
        if inside:
            total = sum_errors(inside)
            lengths.append(
                LengthErrors(
                    words_from=low,
                    words_to=high if high < LENGTHS[-1][1] else None,
                    utterances=len(inside),
                    words=total.words,
                    wer=total.wer,
                    substitutions=total.substitutions,
                    deletions=total.deletions,
                    insertions=total.insertions,
                )
            )
    return lengths


def _most_common(counter: Counter[_Counted], limit: int | None = KEPT) -> list[tuple[_Counted, int]]:
    """Sort by count, then by name, so that ties come out the same everywhere."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:limit]
