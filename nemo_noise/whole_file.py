# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all: a temporary name, fsync, and a rename when all is there."""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["is_running", "write_bytes", "write_text", "writing", "writing_folder"]

_LONGEST_STEM = 40  # letters of a name in that of its temporary file, which must not be too long either


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, the file there takes the place of `path`.

    A full disk, an error or a kill leaves the old file as it was. Leftovers of killed processes are removed.
    The folder is made. A symbolic link stays, its target is written; what is no file (`/dev/stdout`) is written to
    directly.

    Yields:
        The path to write to, with the same suffix.

    Raises:
        FileNotFoundError: if the block ends without having written the file.
        OSError: if the folder cannot be written.
    """
    final = Path(path)
    if final.is_symlink():
        final = final.resolve()
    if final.exists() and not final.is_file():
        yield final
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(final)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(final)  # atomic, within one folder
        _sync(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; when the block ends well, its files replace those of their names.

    The folder is made, and what else is in it stays. A kill while the files take their places may leave some old and
    some new, each of them whole.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(final)
    temporary.mkdir()
    try:
        yield temporary
        final.mkdir(exist_ok=True)
        for file in sorted(temporary.iterdir()):
            _sync(file)
            file.replace(final / file.name)
        _sync(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all; its folder is made."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is made."""
    with writing(path) as temporary:
        temporary.write_bytes(content)


def is_running(process: int) -> bool:
    """Whether a process of this number exists on this machine, whoever owns it."""
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(final: Path) -> Path:
    """The path of this process's temporary file, with the machine's name; leftovers of dead processes are removed."""
    begin, end = f".{final.stem[:_LONGEST_STEM]}.{platform.node()}-", f".partial{final.suffix}"
    name = re.compile(rf"{re.escape(begin)}(\d+){re.escape(end)}")
    for path in final.parent.glob(".*.partial*"):
        match = name.fullmatch(path.name)
        if match and not is_running(int(match[1])):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return final.with_name(f"{begin}{os.getpid()}{end}")
