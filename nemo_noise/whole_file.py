# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all: a temporary name, fsync, and a rename when all is there."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["write_bytes", "write_text", "writing"]


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; when the block ends well, the file there takes the place of `path`.

    A full disk, an error or a kill leaves the old file as it was. Leftovers of killed processes are removed.

    Args:
        path: the file to write; its folder is made.

    Yields:
        The path to write to, with the same suffix. A block that writes nothing there is an error.

    Raises:
        FileNotFoundError: if the block ends without having written the file.
        OSError: if the folder cannot be written.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final)
    temporary = final.with_name(f".{final.stem}.{os.getpid()}.partial{final.suffix}")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(final)  # atomic, within one folder
        _sync(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


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


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(final: Path) -> None:
    """Removes what processes that no longer run began to write for the same file."""
    name = re.compile(rf"\.{re.escape(final.stem)}\.(\d+)\.partial{re.escape(final.suffix)}")
    for path in final.parent.glob(".*.partial*"):
        match = name.fullmatch(path.name)
        if match and not _is_running(int(match[1])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether a process of this number exists; one that is somebody else's does."""
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True
