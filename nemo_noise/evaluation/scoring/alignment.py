# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The alignment: which word of the reference was written as what, and what was inserted between the words."""

from functools import lru_cache
from typing import NamedTuple

import jiwer


class WordAlignment(NamedTuple):
    """A hypothesis laid along its reference with the fewest errors, as jiwer aligns them.

    Attributes:
        reference: the words said. [W]
        written: what was written for each of them, None where it was missed. [W]
        inserted: words written before each word of the reference, and after the last one. [W + 1]
        is_correct: for each word of the hypothesis, in order, whether it was said there.
    """

    reference: tuple[str, ...]
    written: tuple[str | None, ...]
    inserted: tuple[tuple[str, ...], ...]
    is_correct: tuple[bool, ...]

    @property
    def substitutions(self) -> list[tuple[str, str]]:
        """Pairs of a word said and another one written for it."""
        pairs = zip(self.reference, self.written, strict=True)
        return [(said, written) for said, written in pairs if written is not None and written != said]

    @property
    def deletions(self) -> list[str]:
        """Words said and missed."""
        return [said for said, written in zip(self.reference, self.written, strict=True) if written is None]

    @property
    def insertions(self) -> list[str]:
        """Words written where none was said."""
        return [word for gap in self.inserted for word in gap]

    @property
    def edge_insertions(self) -> int:
        """Insertions before the first word and after the last one; all of them where nothing was said."""
        return len(self.inserted[0]) + (len(self.inserted[-1]) if self.reference else 0)


@lru_cache(maxsize=65536)
def align_words(reference: str, hypothesis: str) -> WordAlignment:
    """Align two texts word by word."""
    said, hypothesis_words = tuple(reference.split()), tuple(hypothesis.split())
    if not said:
        return WordAlignment((), (), (hypothesis_words,), (False,) * len(hypothesis_words))
    written: list[str | None] = [None] * len(said)
    inserted: list[tuple[str, ...]] = [()] * (len(said) + 1)
    is_correct = [False] * len(hypothesis_words)
    for chunk in jiwer.process_words(" ".join(said), " ".join(hypothesis_words)).alignments[0]:
        words = hypothesis_words[chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "insert":
            inserted[chunk.ref_start_idx] += words
        elif chunk.type in ("equal", "substitute"):
            written[chunk.ref_start_idx : chunk.ref_end_idx] = words
            is_correct[chunk.hyp_start_idx : chunk.hyp_end_idx] = [chunk.type == "equal"] * len(words)
    return WordAlignment(said, tuple(written), tuple(inserted), tuple(is_correct))
