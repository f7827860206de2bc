# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio files, opened and read block by block, so that no header decides how much memory is taken or what is whole."""

import io
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from nemo_noise.data.audio.mp3_frames import bit_rates
from nemo_noise.data.draw.event_counts import EventCounts
from nemo_noise.foreign_text import printable

__all__ = ["COUNTS", "AudioError", "OpenAudio", "open_audio"]

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000
MOST_CHANNELS = 64
KINDS = "WAV, FLAC, Ogg or MP3"
COUNTS = EventCounts()  # of files that were read with a remark

_BLOCK_VALUES = 1 << 20  # samples of all channels
# Sizes that recorders and pipes write before the size is final.
_UNKNOWN_SIZES = ((0x7FFF0000, 0x80000000), (0xFFFF0000, 0xFFFFFFFF))
_CLAIM = re.compile(r"^\s*(?:data|SSND|BODY|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_CLAIM_OF_RF64 = re.compile(r"does not match value from 'ds64' chunk of (\d+)")
_CLAIM_OF_NIST = re.compile(rb"\nsample_count -i (\d+)")
_MP3_WITH_LENGTH = (b"Xing", b"Info", b"VBRI")
_HEADER_BYTES = 1 << 16
_COUNTLESS = 1 << 62  # libsndfile's count of a stream whose header has no number is above
_CUT_OGG = "Junk after the last page"


class AudioError(ValueError):
    """An audio file that is missing, broken, cut off, empty, too long, or holds NaN; foreign text in it is escaped."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class OpenAudio(NamedTuple):
    """An open audio file.

    Attributes:
        path: of the file.
        file: libsndfile's view of it.
        claimed_frames: samples per channel that its header promises; None where it has no number.
        lacks_end: whether its last page is cut, as in an Ogg file that is not whole.
    """

    path: Path
    file: soundfile.SoundFile
    claimed_frames: int | None
    lacks_end: bool = False

    @property
    def rate(self) -> int:
        """Samples per second of the file."""
        return int(self.file.samplerate)

    @property
    def frames(self) -> int | None:
        """Samples per channel as libsndfile counts them, None where it cannot."""
        return int(self.file.frames) if self.file.frames < _COUNTLESS else None

    @property
    def channels(self) -> int:
        """Channels of the file."""
        return int(self.file.channels)

    def blocks(self, start: int = 0, frames: int | None = None) -> Iterator[npt.NDArray[np.float32]]:
        """Reads a part of the file; files that cannot seek are read from their beginning.

        Args:
            start: first sample.
            frames: how many, all the rest when None.

        Yields:
            Samples, [T, channels], as they are in the file; all blocks together may be shorter than the part.
        """
        skipped = 0
        if start and self.file.seekable():
            self.file.seek(start)
        else:
            skipped = start
        size = max(1, _BLOCK_VALUES // self.channels)
        left = math.inf if frames is None else skipped + frames
        while left > 0:
            wanted = int(min(size, left))
            block = self.file.read(wanted, dtype="float32", always_2d=True)  # [T, channels]
            left -= len(block)
            if skipped < len(block):
                yield block[skipped:]
            skipped = max(0, skipped - len(block))
            if len(block) < wanted:
                return


@contextmanager
def open_audio(path: str | Path) -> Iterator[OpenAudio]:
    """Opens an audio file; nothing is decoded yet.

    A WAV whose recorder never wrote the size of its data is open to its end, which is counted and logged.

    Yields:
        The file, to be read within the block.

    Raises:
        AudioError: if the file is missing or unreadable (also while it is read), its rate lies outside 1 kHz to
            768 kHz, or it has more than 64 channels.
    """
    if not isinstance(path, (str, Path)):
        raise AudioError(f"audio file: is {printable(repr(path), 100)}, expected the path of one")
    where = Path(path)
    if not os.path.isfile(where):  # noqa: PTH113  Path.is_file raises for names that are too long
        raise AudioError(f"{where}: no such audio file, expected {KINDS}")
    try:
        with _Streams(where) as streams:
            file = streams.sound_file()
            _check_header(where, file)
            yield OpenAudio(where, file, _claimed_frames(where, file), _CUT_OGG in file.extra_info)
    except AudioError:
        raise
    except (OSError, soundfile.SoundFileError, TypeError, ValueError) as error:
        reason = error if where.stat().st_size else "the file is empty"
        raise AudioError(f"{where}: cannot be read as audio ({reason}), expected {KINDS}") from error


class _Streams:
    """What must be closed again: the file, and libsndfile's view of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[soundfile.SoundFile | BinaryIO] = []

    def __enter__(self) -> "_Streams":
        return self

    def __exit__(self, *_: object) -> None:
        for stream in reversed(self._opened):
            stream.close()

    def sound_file(self) -> soundfile.SoundFile:
        """The file as libsndfile reads it; a WAV that was never closed is closed in what libsndfile gets to see."""
        file = self._keep(soundfile.SoundFile(self._path))
        if file.frames or not _has_unsized_data(self._path):
            return file
        COUNTS.note(
            "data of unknown size",
            f"{self._path}: the header says 0 for the size of its data (a recorder that was cut off), it is read to "
            "its end",
        )
        raw = self._path.open("rb")
        self._opened.append(raw)
        return self._keep(soundfile.SoundFile(_ClosedProperly(raw)))

    def _keep(self, file: soundfile.SoundFile) -> soundfile.SoundFile:
        self._opened.append(file)
        return file


class _ClosedProperly(io.RawIOBase):
    """A WAV file whose size of the whole reads as 8: libsndfile's mark for one that was never closed."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: object) -> int:
        start, view = self._raw.tell(), memoryview(buffer).cast("B")  # type: ignore[arg-type]
        content = self._raw.read(len(view))
        view[: len(content)] = content
        for place, value in enumerate(b"\x08\x00\x00\x00", start=4 - start):
            if 0 <= place < len(content):
                view[place] = value
        return len(content)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _has_unsized_data(path: Path) -> bool:
    """Whether a RIFF file has a data chunk of size 0 with something behind it that is no further chunk."""
    with path.open("rb") as file:
        head = file.read(12)
        return head[:4] == b"RIFF" and head[8:] == b"WAVE" and _data_behind_nothing(file, path.stat().st_size)


def _data_behind_nothing(file: BinaryIO, end: int) -> bool:
    """Walks the chunks of a file whose first one comes next."""
    has_empty_data = False
    while file.tell() < end:
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        is_chunk = len(name) == 4 and name.isascii() and name.decode("ascii").isprintable()
        if not is_chunk or file.tell() + size > end:
            return has_empty_data
        has_empty_data = has_empty_data or (name == b"data" and size == 0)
        file.seek(size + size % 2, io.SEEK_CUR)
    return False


def _check_header(path: Path, file: soundfile.SoundFile) -> None:
    if not LOWEST_RATE_HZ <= file.samplerate <= HIGHEST_RATE_HZ:
        raise AudioError(
            f"{path}: its sample rate is {file.samplerate} Hz, expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        )
    if file.channels > MOST_CHANNELS:
        raise AudioError(f"{path}: has {file.channels} channels, expected 1 to {MOST_CHANNELS}")


def _claimed_frames(path: Path, file: soundfile.SoundFile) -> int | None:
    """What the header promises; libsndfile itself takes what is there, and writes the claim into its log."""
    found = _CLAIM.search(file.extra_info)
    if found:
        claimed, held = int(found[1]), int(found[2])
        if any(low <= claimed <= high for low, high in _UNKNOWN_SIZES):
            COUNTS.note(
                "data of unknown size",
                f"{path}: the header does not say the size of its data (a stream or a recorder that was cut off), it "
                "is read to its end",
            )
            return None
        return round(file.frames * claimed / held) if held and claimed > held else int(file.frames)
    found = _CLAIM_OF_RF64.search(file.extra_info)
    if found:
        return int(found[1])
    with path.open("rb") as raw:
        head = raw.read(_HEADER_BYTES)
    if head.startswith(b"NIST_1A"):
        count = _CLAIM_OF_NIST.search(head)
        return int(count[1]) if count and int(count[1]) > file.frames else int(file.frames)
    if file.format in ("MP3", "MPEG") and not any(mark in head for mark in _MP3_WITH_LENGTH):
        rates = sorted(bit_rates(head))
        if len(rates) > 1:
            raise AudioError(
                f"{path}: is an MP3 of variable bit rate ({rates[0]} to {rates[-1]} kbit/s) without its length, so "
                "that its end would be lost; expected one with a length in its header, or FLAC"
            )
        return None  # estimated from the size of the file
    return int(file.frames) if file.frames < _COUNTLESS else None
