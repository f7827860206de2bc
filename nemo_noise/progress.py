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

from nemo_noise.foreign_text import printable

__all__ = ["Progress", "fewer_lines", "progress", "progress_to", "rounded", "write_line"]

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

    def line(self, text: str) -> Any:
        """Writes a line of one's own; without a terminal it stands for that of the tenth in which it comes."""


class _Bar(tqdm):
    """Progress as a bar."""

    def line(self, text: str) -> None:
        self.write(printable(text), file=self.fp)


class _Lines:
    """Progress as lines: `  30 %  120 of 400 utt  whisper  2 min left`."""

    def __init__(self, stream: TextIO, *, total: int, what: str, unit: str, done: int) -> None:
        self.stream, self.total, self.what, self.unit = stream, total, what, unit
        self.lines, self.done, self.begun_with, self.start = _LINES.get(), done, done, time.monotonic()
        self.shown, self.postfix, self.has_line = self._part(), "", False

    def update(self, n: int = 1) -> None:
        self.done += n
        part = self._part()
        if n <= 0 or part <= self.shown:
            return
        self.shown, was_shown, self.has_line = part, self.has_line, False
        if not was_shown:
            count = f"{self.done} of {self.total} {self.unit}"
            self.stream.write(f"{100 * part // self.lines:4d} %  {count}  {self._rest()}\n")
            self.stream.flush()

    def set_postfix_str(self, s: str) -> None:
        self.postfix = s

    def line(self, text: str) -> None:
        self.has_line = True
        self.stream.write(printable(text) + "\n")
        self.stream.flush()

    def _part(self) -> int:
        return self.done * self.lines // max(1, self.total)

    def _rest(self) -> str:
        left = (time.monotonic() - self.start) / max(1, self.done - self.begun_with) * (self.total - self.done)
        words = [self.what, self.postfix, f"{rounded(left)} left" if self.done < self.total else ""]
        return "  ".join(word for word in words if word)


def rounded(seconds: float) -> str:
    """Seconds as people say them, `40 s` or `6 min`."""
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
        with _Bar(total=total, initial=done, desc=what, unit=f" {unit}", file=stream, dynamic_ncols=True) as bar:
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


def write_line(text: str) -> None:
    """Writes a line for people where progress is shown, above a bar if there is one."""
    stream = _STREAM.get() or sys.stderr
    if stream.isatty():
        tqdm.write(printable(text), file=stream)
    else:
        stream.write(printable(text) + "\n")
        stream.flush()


@contextmanager
def fewer_lines(lines: int) -> Iterator[None]:
    """Shows each progress of the block in so many lines instead of ten, where there is no terminal."""
    token = _LINES.set(lines)
    try:
        yield
    finally:
        _LINES.reset(token)
