# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One run of a command: its results and errors go to the caller, what others write goes to a log file."""

import json
import os
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import typer

from nemo_noise.foreign_text import printable
from nemo_noise.progress import progress_to

__all__ = ["Session", "session"]

WRONG_INPUT, BUG, STOPPED = 2, 3, 130
PACKAGE = Path(__file__).resolve().parents[1]
NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Session:
    """What a command may write.

    Args:
        out: for results.
        error: for notes, progress and errors.
        as_json: whether the result is one JSON object.
        log: where other programs' lines are; None: they are shown.
        names: what an option of the work below is called on the command line.
    """

    def __init__(
        self, out: TextIO, error: TextIO, *, as_json: bool, log: Path | None, names: Mapping[str, str] = NO_NAMES
    ) -> None:
        self.out, self.error, self.as_json, self.log, self.names = out, error, as_json, log, names

    def note(self, text: str) -> None:
        """Writes lines for people, on the standard error."""
        print("\n".join(printable(line) for line in text.splitlines()), file=self.error, flush=True)

    def loads(self) -> None:
        """Says that NeMo is imported next, which takes a while in which nothing could be written."""
        if "nemo.collections.asr" not in sys.modules:
            self.note("loading NeMo, which takes some 10 s ...")

    def result(self, text: str, data: Mapping[str, Any]) -> None:
        """Writes the result: the text, or with --json the data as one object."""
        shown = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) if self.as_json else text
        print(shown, file=self.out, flush=True)


@contextmanager
def session(
    *,
    as_json: bool = False,
    verbose: bool = False,
    log: str | Path | None = None,
    resumes: bool = False,
    loads: bool = False,
    names: Mapping[str, str] = NO_NAMES,
) -> Iterator[Session]:
    """Runs a command's work with everything that NeMo, Lightning and C libraries write in a log file.

    Errors become one message and the exit status that `application.main` lists; the traceback is in the log.

    Args:
        as_json: see `Session`.
        verbose: whether what others write is shown instead.
        log: the file, which is appended to; None: one in the folder for temporary files, named in error messages.
        resumes: whether the same command goes on where it was stopped; Ctrl-C says so.
        loads: whether it begins with the import of NeMo, see `Session.loads`.
        names: what an option of the work below is called on the command line; an error that begins with it names both.
    """
    with ExitStack() as stack:
        path = None if verbose else _log_file(log)
        out, error = stack.enter_context(_diverted(path)) if path else (sys.stdout, sys.stderr)
        stack.enter_context(progress_to(error))
        current = Session(out, error, as_json=as_json, log=path, names=names)
        if loads:
            current.loads()
        try:
            yield current
        except (typer.Exit, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            command = shlex.join(["nemo-noise", *sys.argv[1:]])
            current.note(f"stopped; go on where it was with\n  {command}" if resumes else "stopped")
            raise typer.Exit(STOPPED) from None
        except Exception as caught:
            raise typer.Exit(_explain(caught, current)) from caught


def _explain(caught: Exception, current: Session) -> int:
    """Writes what went wrong, and returns the exit status."""
    traceback.print_exc()  # into the log, or with --verbose to the terminal
    text = _as_typed(str(caught) or type(caught).__name__, current.names)
    is_missing_package = isinstance(caught, ImportError) and "pip install" in text
    is_input = isinstance(caught, (ValueError, OSError, TypeError)) or is_missing_package
    current.note(f"error: {text}" if is_input else f"error: {type(caught).__name__}: {text}")
    if not (is_input and _is_ours(caught)) and current.log is not None:
        current.note(f"details: {current.log}")
    if current.as_json:
        current.result("", {"error": text, "type": type(caught).__name__})
    return WRONG_INPUT if is_input else BUG


def _as_typed(text: str, names: Mapping[str, str]) -> str:
    """A message under the name that was typed: "noise_lists.hum is ..." begins with "--noise: "."""
    option = re.match(r"[a-z_]+", text)
    return f"{names[option[0]]}: {text}" if option and option[0] in names else text


def _is_ours(caught: Exception) -> bool:
    """Whether we raised it ourselves: then its message says what to do, and nobody has to read a traceback."""
    frames = traceback.extract_tb(caught.__traceback__)
    return bool(frames) and PACKAGE in Path(frames[-1].filename).parents


def _log_file(given: str | Path | None) -> Path:
    if given is None:
        handle, name = tempfile.mkstemp(prefix="nemo-noise-", suffix=".log")
        os.close(handle)
        return Path(name)
    path = Path(given)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written ({error.strerror}): give another output folder") from error
    return path


@contextmanager
def _diverted(log: Path) -> Iterator[tuple[TextIO, TextIO]]:
    """Points the file descriptors 1 and 2 at a log for the block; yields streams to where they pointed before."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    encoding = sys.stdout.encoding or "utf-8"
    with ExitStack() as stack:
        out, error = (
            stack.enter_context(os.fdopen(each, "w", encoding=encoding, errors="replace", buffering=1))
            for each in kept
        )
        target = stack.enter_context(log.open("a", encoding="utf-8", buffering=1))
        os.dup2(target.fileno(), 1)
        os.dup2(target.fileno(), 2)
        stack.enter_context(redirect_stdout(target))  # a notebook's is not file descriptor 1
        stack.enter_context(redirect_stderr(target))
        try:
            yield out, error
        finally:
            target.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
