# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that repeat themselves: how compressible they are, how often words stand in a row, and tokens in a loop."""

import zlib
from collections.abc import Sequence

__all__ = ["compression_ratio", "longest_loop", "loop_start"]

_LONGEST_GRAM = 30  # words or tokens of what is repeated
_LETTERS = 20  # of one word that is taken letter by letter
_LOOP_TOKENS = 32  # of a run of repetitions that ends a search
_LOOP_TURNS = 6  # of the same tokens in it


def compression_ratio(text: str) -> float:
    """Bytes of a text over those that zlib makes of it, as Whisper computes it; 0 for no text."""
    content = " ".join(text.split()).encode()
    return len(content) / len(zlib.compress(content)) if content else 0.0


def longest_loop(text: str, least_words: int) -> int:
    """How often the same one to thirty words stand in a row, of runs of as many words or more; at least 1.

    A text without spaces, as of Chinese, is taken letter by letter.
    """
    words = text.lower().split()
    if len(words) == 1 and len(words[0]) > _LETTERS:
        words = list(words[0])
    most = 1
    for size in range(1, _LONGEST_GRAM + 1):
        same = 0  # words that equal those one gram earlier
        for place in range(size, len(words)):
            same = same + 1 if words[place] == words[place - size] else 0
            if same + size >= least_words:
                most = max(most, same // size + 1)
    return most


def loop_start(tokens: Sequence[int]) -> int | None:
    """Where the second turn of a loop begins that a text ends in; None where it ends in none.

    A loop is one to thirty tokens that stand six times in a row or more, 32 tokens or more in all. Texts that people
    say stay below, as in "no, no, no" or a number of equal digits.
    """
    for size in range(1, _LONGEST_GRAM + 1):
        length = max(_LOOP_TOKENS, _LOOP_TURNS * size)
        if len(tokens) < length:
            continue
        tail = list(tokens[-length:])
        if tail[size:] == tail[:-size]:
            start = len(tokens) - length
            while start > 0 and tokens[start - 1] == tokens[start - 1 + size]:
                start -= 1
            return start + size
    return None
