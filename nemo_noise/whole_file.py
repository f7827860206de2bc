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
    """Gives a temporary path beside `path`; when the block ends well, the file there takes the place of `path`.

    A full disk, an error or a kill leaves the old file as it was. Leftovers of killed processes are removed. A
    symbolic link stays, its target is written; what is no file (`/dev/stdout`) is written to directly.

    Args:
        path: the file to write; its folder is made.

    Yields:
        The path to write to, with the same suffix. A block that writes nothing there is an error.

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
    """Gives a temporary folder beside `path`; when the block ends well, the files there replace those of their names.

    A kill while the files take their places may leave some old and some new, each of them whole.

    Args:
        path: the folder to fill; made, and what else is in it stays.

    Yields:
        An empty folder to write to.
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
    """Writes a text file, UTF-8, whole or not at all.

    Args:
        path: the file to write; its folder is made.
        text: all of its content.
    """
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Args:
        path: the file to write; its folder is made.
        content: all of it.
    """
    with writing(path) as temporary:
        temporary.write_bytes(content)


def is_running(process: int) -> bool:
    """Whether a process of this number exists on this machine; one that is somebody else's does.

    Args:
        process: its number.
    """
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(final: Path) -> Path:
    """The name of this process for what is being written, once what dead processes left beside it is gone.

    It holds the name of the machine, as another one may write in the same folder.
    """
    begin, end = f".{final.stem[:_LONGEST_STEM]}.{platform.node()}-", f".partial{final.suffix}"
    name = re.compile(rf"{re.escape(begin)}(\d+){re.escape(end)}")
    for path in final.parent.glob(".*.partial*"):
        match = name.fullmatch(path.name)
        if match and not is_running(int(match[1])):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return final.with_name(f"{begin}{os.getpid()}{end}")
