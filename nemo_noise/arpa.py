# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A strict check of ARPA files before a search opens them: an error names file, line and remedy.

NeMo 3.0.0 takes memory for as many n-grams as the header claims, asserts without words, and accepts NaN.
"""

import math
import re
from array import array
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from nemo_noise.foreign_text import printable

__all__ = ["ArpaError", "check_arpa", "is_kenlm_binary"]

KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK": "zip", b"\x28\xb5\x2f\xfd": "zstd"}
MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
REMEDY = "repair it, or train one for it with train_ngram.py"
LARGEST_LOG = 1e6  # of a probability or backoff, in powers of ten


class ArpaError(ValueError):
    """An ARPA file that cannot be used; the message names it, with the line where there is one."""


class _Tokens(NamedTuple):
    """How NeMo writes a recogniser's tokens: each as the one letter of its number plus an offset."""

    size: int
    offset: int


def check_arpa(path: str | Path, *, vocabulary_size: int | None = None, argument: str = "language_model") -> None:
    """Refuse a file that is no whole ARPA model, before any memory is taken for it; an unchanged file is read once.

    ``vocabulary_size`` counts the tokens of the recogniser whose search reads the file, without the blank; None is for
    a model of words of any kind. ``argument`` is the file's option, for messages.

    Raises:
        FileNotFoundError: if there is no such file.
        ArpaError: if the file is another one, is cut off, claims what it does not hold, holds numbers that are no
            logarithms of probabilities, or words where tokens are needed.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{argument}={printable(path)}: no such file; train one with train_ngram.py.")
    state = file.stat()
    _check(
        str(file), vocabulary_size=vocabulary_size, argument=argument, size=state.st_size, changed=state.st_mtime_ns
    )


def is_kenlm_binary(path: str | Path) -> bool:
    """Whether a file is what KenLM's `build_binary` writes."""
    with Path(path).open("rb") as file:
        return file.read(len(KENLM_MAGIC)) == KENLM_MAGIC


@lru_cache(maxsize=16)
def _check(path: str, *, vocabulary_size: int | None, argument: str, size: int, changed: int) -> None:
    """`check_arpa`, once for a file of this size and time of change."""
    from nemo.collections.asr.parts.submodules.ngram_lm.constants import DEFAULT_TOKEN_OFFSET

    tokens = None if vocabulary_size is None else _Tokens(vocabulary_size, DEFAULT_TOKEN_OFFSET)
    reader = _Reader(Path(path), tokens, argument)
    reader.check_kind()
    try:
        with Path(path).open(encoding="utf-8") as file:
            reader.check(enumerate(file, start=1), size)
    except UnicodeDecodeError as error:
        reader.refuse(reader.line + 1, f"is no UTF-8 ({error.reason})")


class _Reader:
    """One pass over an ARPA file; ``tokens`` are what its words must be, None for words of any kind."""

    def __init__(self, path: Path, tokens: _Tokens | None, argument: str) -> None:
        self.path, self.tokens, self.argument = path, tokens, argument
        self.line = 0
        self.previous: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # n-grams that longer ones may begin with
        self.unigrams: set[str] = set()

    def refuse(self, line: int | None, problem: str) -> NoReturn:
        place = printable(self.path) if line is None else f"{printable(self.path)}:{line}"
        whose = "" if self.tokens is None else f" of this recogniser's {self.tokens.size} tokens"
        raise ArpaError(f"{self.argument}={place}: {problem}; it must be an ARPA file{whose}: {REMEDY}.")

    def check_kind(self) -> None:
        with self.path.open("rb") as file:
            start = file.read(64)
        if start.startswith(KENLM_MAGIC):
            self.refuse(
                None, "is a KenLM binary, which NeMo's searches of tokens do not read: give the text it is from"
            )
        for magic, name in PACKED.items():
            if start.startswith(magic):
                self.refuse(None, f"is packed by {name}: unpack it first")
        for mark, encoding in MARKS.items():
            if start.startswith(mark):
                self.refuse(1, f"begins with the byte-order mark of {encoding}: save it as UTF-8 without one")
        if not start.strip():
            self.refuse(None, "is empty")

    def check(self, lines: Iterator[tuple[int, str]], size: int) -> None:
        counts = self._header(lines)
        claimed = sum(count * (2 * order + 2) for order, count in enumerate(counts, start=1))  # bytes, at the least
        if claimed > size:
            self.refuse(
                self.line,
                f"claims {sum(counts)} n-grams, {claimed} bytes or more, but the file has {size}: cut off, or wrong",
            )
        for order, count in enumerate(counts, start=1):
            self._expect(lines, f"\\{order}-grams:")
            self._section(lines, order, count, is_last=order == len(counts))
        self._expect(lines, "\\end\\")

    def _header(self, lines: Iterator[tuple[int, str]]) -> list[int]:
        self.line, first = next(lines, (1, ""))
        if first.strip() != "\\data\\":
            self.refuse(1, f"begins with {printable(repr(first.strip()), 40)}, not with \\data\\")
        counts: list[int] = []
        for self.line, line in lines:
            if not line.strip():
                break
            found = re.fullmatch(r"ngram\s+(\d{1,3})\s*=\s*(\d{1,18})", line.strip())
            if not found:
                self.refuse(self.line, f"{printable(repr(line.strip()), 60)} is no count, as in 'ngram 1=20'")
            if int(found[1]) != len(counts) + 1 or int(found[2]) < 1:
                self.refuse(self.line, f"{line.strip()}: counts must be 1 or more, of the orders 1, 2, 3 and so on")
            counts.append(int(found[2]))
        if len(counts) < (1 if self.tokens is None else 2):
            self.refuse(self.line, f"has {len(counts)} orders, NeMo's searches need 2 or more")
        return counts

    def _expect(self, lines: Iterator[tuple[int, str]], heading: str) -> None:
        for self.line, line in lines:
            if line.strip() == heading:
                return
            if line.strip():
                self.refuse(self.line, f"{printable(repr(line.strip()), 60)} stands where {heading} must")
        self.refuse(self.line, f"ends without {heading}: it is cut off, or a count is wrong")

    def _section(self, lines: Iterator[tuple[int, str]], order: int, count: int, *, is_last: bool) -> None:
        own, heads, tails, places = array("q"), array("q"), array("q"), array("q")
        while len(own) < count:
            self.line, line = next(lines, (self.line, "\\end\\"))
            line = line.rstrip("\n")
            if not line.strip():
                continue
            if line.startswith("\\"):
                self.refuse(self.line, f"{len(own)} n-grams of order {order} are there, the header counts {count}")
            words = self._ngram(line, order, is_last=is_last)
            if self.tokens is not None:
                self._check_tokens(words)
            if order == 1:
                self.unigrams.add(words[0])
            own.append(hash(tuple(words)))
            heads.append(hash(tuple(words[:-1])))
            tails.append(hash(tuple(words[1:])) if words[-1] != END else heads[-1])
            places.append(self.line)
        names = np.array(own, np.int64)
        self._check_once(names, places)
        if order == 1:
            self._check_markers()
        elif self.tokens is not None:
            for parts, what in ((heads, "begins with"), (tails, "backs off to")):
                lost = np.flatnonzero(~np.isin(np.array(parts, np.int64), self.previous))
                if len(lost):
                    self.refuse(
                        places[lost[0]], f"this {order}-gram {what} one of order {order - 1} that is not there"
                    )
        self.previous = names

    def _ngram(self, line: str, order: int, *, is_last: bool) -> list[str]:
        columns = line.split("\t")
        if not 2 <= len(columns) <= 3:
            self.refuse(
                self.line, f"{len(columns)} columns, must be 2 or 3, with tabs between: probability, words, backoff"
            )
        for name, text in zip(("probability", "backoff"), columns[::2], strict=False):
            try:
                value = float(text)
            except ValueError:
                self.refuse(self.line, f"{name}={printable(repr(text), 40)} is no number")
            if not math.isfinite(value) or abs(value) > LARGEST_LOG:
                self.refuse(self.line, f"{name}={value}, must be finite, the logarithm to base 10")
            if name == "probability" and value > 1e-6:
                self.refuse(self.line, f"{name}={value}, must be 0 or less: the logarithm of a probability to base 10")
        words = columns[1].split(" ")
        if len(words) != order or "" in words:
            shown = printable(repr(columns[1]), 60)
            self.refuse(self.line, f"{shown} has {len(words)} words, those of order {order} must have {order}")
        return words

    def _check_tokens(self, words: list[str]) -> None:
        """Refuse words that are no tokens of the recogniser, and markers where NeMo takes none."""
        assert self.tokens is not None
        for place, word in enumerate(words):
            if word in (BEGIN, END, UNKNOWN):
                is_right = len(words) == 1 or (word, place) in ((BEGIN, 0), (END, len(words) - 1))
                if not is_right:
                    self.refuse(
                        self.line, f"{word} stands within a {len(words)}-gram, which NeMo's searches do not take"
                    )
            elif len(word) != 1 or ord(word) < self.tokens.offset:
                self.refuse(
                    self.line,
                    f"{printable(repr(word), 40)} is a word, but NeMo's searches ask for tokens, each written as one "
                    f"letter, {self.tokens.offset} behind its number: use unit=token, or strategy=pyctcdecode",
                )
            elif ord(word) - self.tokens.offset >= self.tokens.size:
                number = ord(word) - self.tokens.offset
                known = f"the recogniser has those from 0 to {self.tokens.size - 1}"
                self.refuse(self.line, f"{printable(repr(word), 40)} is token {number}, {known}")

    def _check_markers(self) -> None:
        for marker in (BEGIN, END):
            if marker not in self.unigrams:
                self.refuse(self.line, f"lacks the unigram {marker}")
        words = self.unigrams - {BEGIN, END, UNKNOWN}
        if self.tokens is not None and UNKNOWN not in self.unigrams and len(words) < self.tokens.size:
            self.refuse(
                self.line,
                f"lacks the unigram {UNKNOWN}, which stands for the {self.tokens.size - len(words)} tokens it lacks",
            )

    def _check_once(self, names: npt.NDArray[np.int64], places: "array[int]") -> None:
        order = np.argsort(names, kind="stable")
        twice = np.flatnonzero(names[order][1:] == names[order][:-1])
        if len(twice):
            first, second = (places[order[twice[0] + step]] for step in (0, 1))
            self.refuse(second, f"holds the n-gram of line {first} again")
