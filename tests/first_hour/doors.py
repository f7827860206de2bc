# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where a mistake is typed: a program of the repository, the command, a line of Python; all in this process."""

import contextlib
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What came of words that were typed.

    Attributes:
        status: exit status; 0: everything is taken for right.
        text: all that was written.
    """

    status: int
    text: str


Door = Callable[[str, Callable[[], str]], Answer]


def program(path: str) -> Door:
    """A program below the repository; words as a shell splits them, without its quotes."""

    def typed(words: str, read: Callable[[], str]) -> Answer:
        file = str(ROOT / path)
        with _arguments([file, *_split(words)]):
            return _answer(lambda: runpy.run_path(file, run_name="__main__"), read)

    return typed


def command(words: str, read: Callable[[], str]) -> Answer:
    """The command `nemo-noise`."""
    from nemo_noise.command_line import main

    with _arguments(["nemo-noise", *_split(words)]):
        return _answer(main, read)


def without(package: str) -> Door:
    """The command where a package is not installed."""

    def typed(words: str, read: Callable[[], str]) -> Answer:
        before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == package}
        for name in [*before, package]:
            sys.modules[name] = None  # type: ignore[assignment]
        try:
            return command(words, read)
        finally:
            del sys.modules[package]
            sys.modules.update(before)

    return typed


def python(call: Callable[[], object]) -> Door:
    """A line of Python, as in a notebook; the words are the line for people."""
    return lambda _, read: _answer(call, read)


def _split(words: str) -> list[str]:
    """Words are apart by two spaces, so that one may hold spaces."""
    return [word for word in words.split("  ") if word]


@contextlib.contextmanager
def _arguments(arguments: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, arguments
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        sys.argv = before
        GlobalHydra.instance().clear()


def _answer(run: Callable[[], object], read: Callable[[], str]) -> Answer:
    error, status = "", 0
    try:
        run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        error = "" if isinstance(end.code, int | None) else str(end.code)
    except Exception:  # as Python would show it
        status, error = 1, traceback.format_exc()
    return Answer(status, read() + error)
