# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The members of a `.nemo`, counted, measured and named before anything is unpacked."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nemo_noise.checks import near_names
from nemo_noise.foreign_text import printable

__all__ = ["CONFIG_FILE", "ArchiveContents", "check_checkpoint", "read_contents"]

CONFIG_FILE = "model_config.yaml"
MAX_MEMBERS = 1_000
MAX_CONFIG_BYTES = 2 * 2**20
MAX_GROWTH = 4  # unpacked bytes for each byte of the file: weights hardly get smaller by compression
ALWAYS_ALLOWED_BYTES = 16 * 2**20  # small files of zeros do
_READ_BYTES = 1 << 16
_MAX_PICKLE_BYTES = 2**20
_PLAIN_TYPES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE}
_EXPECTED = "it must be a .nemo file"


class ArchiveContents(NamedTuple):
    """What a `.nemo` holds: its configuration as text, and the bytes of everything else."""

    config_text: str
    other_bytes: int


def check_checkpoint(path: str | Path, argument: str) -> Path:
    """Refuse a file that is no `.nemo`, or one that does harm when it is unpacked; the weights are not read.

    Args:
        path: the file.
        argument: its option, for the message.

    Returns:
        The path.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no archive, is cut off, would write outside of its folder, holds anything but plain files,
            is too large unpacked, or has no configuration.
    """
    read_contents(path, f"{argument}={printable(path)}")
    return Path(path)


def _near(checkpoint: Path) -> str:
    """The near names of checkpoints in the folder of one that is not there."""
    return near_names(
        printable(checkpoint.name), sorted(printable(one.name) for one in checkpoint.parent.glob("*.nemo"))
    )


def read_contents(path: str | Path, where: str, config_file: str = CONFIG_FILE) -> ArchiveContents:
    """Read the configuration of a `.nemo`, named ``config_file`` in it, and check all members by their headers.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as `check_checkpoint`.
    """
    checkpoint = Path(path)
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f"{where} does not exist{_near(checkpoint)} (working directory {Path.cwd()}); {_EXPECTED}."
        )
    text, other_bytes = None, 0
    try:
        with _opened(checkpoint, where) as archive:
            for name, member in _checked_members(archive, checkpoint.stat().st_size, where):
                if name == PurePosixPath(config_file):
                    text = _text(archive, member, where)
                elif name.suffix != ".yaml":
                    other_bytes += member.size
                if name.suffix == ".ckpt":
                    _check_weights(archive, member, where)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{where} is no archive, or is cut off ({printable(error)}); {_EXPECTED}.") from error
    if text is None:
        raise ValueError(f"{where} has no {config_file}; {_EXPECTED}, as NeMo's save_to writes it.")
    return ArchiveContents(text, other_bytes)


def _checked_members(
    archive: tarfile.TarFile, file_bytes: int, where: str
) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo]]:
    """Yields the plain files of an archive under their names, each after its header was found harmless."""
    most = max(ALWAYS_ALLOWED_BYTES, MAX_GROWTH * file_bytes)
    seen: set[PurePosixPath] = set()
    unpacked = 0
    for number, member in enumerate(archive, start=1):
        name, shown = PurePosixPath(member.name), printable(member.name, 80)
        unpacked += member.size
        if number > MAX_MEMBERS:
            raise ValueError(f"{where} has more than {MAX_MEMBERS} members; {_EXPECTED}, which has a few.")
        if name.is_absolute() or ".." in name.parts or "\\" in member.name:
            raise ValueError(f"{where} would write {shown!r}, outside of its folder; {_EXPECTED}.")
        if member.type not in _PLAIN_TYPES or member.issparse():
            raise ValueError(f"{where} holds {shown!r}, which is a link or a device; {_EXPECTED} of plain files.")
        if unpacked > most:
            raise ValueError(
                f"{where} has {file_bytes} bytes and would unpack to more than {most}, {shown!r} alone to "
                f"{member.size}; {_EXPECTED} that grows at most {MAX_GROWTH} times."
            )
        if member.isdir():
            continue
        if name in seen:
            raise ValueError(f"{where} holds {shown!r} twice; {_EXPECTED} with each member once.")
        seen.add(name)
        yield name, member


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo, where: str) -> str:
    if member.size > MAX_CONFIG_BYTES:
        raise ValueError(
            f"{where}: {printable(member.name, 80)} has {member.size} bytes; at most {MAX_CONFIG_BYTES} are read."
        )
    source = archive.extractfile(member)
    content = b"" if source is None else source.read()
    if len(content) != member.size:
        raise ValueError(f"{where} is no archive, or is cut off; {_EXPECTED}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where}: {printable(member.name, 80)} is no UTF-8 ({error.reason}); {_EXPECTED}."
        ) from error


def _check_weights(archive: tarfile.TarFile, member: tarfile.TarInfo, where: str) -> None:
    """Refuses weights that grow when torch reads them: PyTorch deflates nothing, and stores no `bytearray`."""
    source, shown = archive.extractfile(member), printable(member.name, 80)
    if source is None:
        return
    grown, pickled = member.size, source.read(_MAX_PICKLE_BYTES)
    if pickled.startswith(b"PK"):
        try:
            with zipfile.ZipFile(source) as records:
                entries = records.infolist()
                grown = sum(entry.file_size for entry in entries)
                names = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
                if grown <= 2 * member.size + _READ_BYTES:
                    pickled = b"".join(records.read(entry) for entry in names)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error):
            return  # torch raises the error
    if grown > 2 * member.size + _READ_BYTES:
        raise ValueError(f"{where}: {shown} has {member.size} bytes and unpacks to {grown}; {_EXPECTED}.")
    if b"\nbytearray\n" in pickled:
        raise ValueError(f"{where}: {shown} holds a bytearray of any length; {_EXPECTED} of tensors.")


@contextmanager
def _opened(path: Path, where: str) -> Iterator[tarfile.TarFile]:
    """An archive as NeMo opens it: plain, or compressed by gzip as before NeMo 1.7."""
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not is_compressed:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                yield archive
            return
        most = max(ALWAYS_ALLOWED_BYTES, MAX_GROWTH * path.stat().st_size)
        with gzip.GzipFile(fileobj=file) as unpacked, tarfile.open(fileobj=_UpTo(unpacked, most, where)) as archive:
            yield archive


class _UpTo(io.RawIOBase):
    """An unpacked stream that ends in an error where it grows too long: also its headers may be bombs."""

    def __init__(self, stream: gzip.GzipFile, most: int, where: str) -> None:
        self._stream, self._most, self._where = stream, most, where

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        pieces: list[bytes] = []  # the limit is met before the memory is taken
        left = self._most + 1 if size < 0 else size
        while left > 0 and (piece := self._stream.read(min(left, _READ_BYTES))):
            self._check(self._stream.tell())
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            self._check(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._most:
            raise ValueError(
                f"{self._where} would unpack to more than {self._most} bytes; {_EXPECTED} that grows at most "
                f"{MAX_GROWTH} times."
            )
