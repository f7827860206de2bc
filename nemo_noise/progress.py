# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Progress of long work: a bar on a terminal, elsewhere one plain line each 10 % with the time that is left."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TextIO

from tqdm import tqdm

__all__ = ["Progress", "fewer_lines", "progress", "progress_to"]

_STREAM: ContextVar[TextIO | None] = ContextVar(
    "progress_stream", default=None
)  # None: the standard error of the time
_LINES: ContextVar[int] = ContextVar("progress_lines", default=10)


class Progress(Protocol):
    """Something that counts."""

    def update(self, n: int = 1) -> Any:
        """So many more are done."""

    def set_postfix_str(self, s: str) -> Any:
        """What stands behind the count, such as the loss."""


class _Lines:
    """Progress as lines: `  30 %  120 of 400 utt  whisper  2 min left`."""

    def __init__(self, stream: TextIO, *, total: int, what: str, unit: str, done: int) -> None:
        self.stream, self.total, self.what, self.unit = stream, total, what, unit
        self.lines, self.done, self.begun_with, self.start = _LINES.get(), done, done, time.monotonic()
        self.shown = self._part()
        self.postfix = ""

    def update(self, n: int = 1) -> None:
        self.done += n
        part = self._part()
        if n > 0 and part > self.shown:
            self.shown = part
            count = f"{self.done} of {self.total} {self.unit}"
            self.stream.write(f"{100 * part // self.lines:4d} %  {count}  {self._rest()}\n")
            self.stream.flush()

    def set_postfix_str(self, s: str) -> None:
        self.postfix = s

    def _part(self) -> int:
        return self.done * self.lines // max(1, self.total)

    def _rest(self) -> str:
        left = (time.monotonic() - self.start) / max(1, self.done - self.begun_with) * (self.total - self.done)
        words = [self.what, self.postfix, f"{_rounded(left)} left" if self.done < self.total else ""]
        return "  ".join(word for word in words if word)


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@contextmanager
def progress(total: int, what: str, *, unit: str = "utt", done: int = 0) -> Iterator[Progress]:
    """Shows how far a work is, on the standard error or where `progress_to` says.

    Args:
        total: how many there are.
        what: name of the work.
        unit: what is counted.
        done: how many are finished at the start, as of a resumed work.
    """
    stream = _STREAM.get() or sys.stderr
    if stream.isatty():
        with tqdm(total=total, initial=done, desc=what, unit=f" {unit}", file=stream, dynamic_ncols=True) as bar:
            yield bar
    else:
        yield _Lines(stream, total=total, what=what, unit=unit, done=done)


@contextmanager
def progress_to(stream: TextIO) -> Iterator[None]:
    """Shows all progress of the block on this stream."""
    token = _STREAM.set(stream)
    try:
        yield
    finally:
        _STREAM.reset(token)


@contextmanager
def fewer_lines(lines: int) -> Iterator[None]:
    """Shows each progress of the block in so many lines instead of ten, where there is no terminal."""
    token = _LINES.set(lines)
    try:
        yield
    finally:
        _LINES.reset(token)
