# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Any recording as a stream of mono blocks at one rate, so that its length takes no memory."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from nemo_noise.data.audio.blocks import AudioError, OpenAudio, open_audio
from nemo_noise.data.audio.files import LOUDEST, check_channels, check_finite, is_shorter
from nemo_noise.data.audio.media import INSTALL, MEDIA_SUFFIXES, OpenMedia, has_media, open_media

__all__ = ["MonoStream", "open_mono"]

_BLOCK_S = 10.0  # of a file's own rate that are resampled at once


@dataclass
class MonoStream:
    """A recording that is read once, from its beginning.

    Attributes:
        path: of the file.
        sample_rate: of the blocks.
        duration_s: seconds that header or container claim, of the part; None where they do not.
        begins_s: where its audio begins on the time line of the file, as in a video.
        remarks: what was done with it, or what it lacks, a sentence each; complete when all was read.
    """

    path: Path
    sample_rate: int
    duration_s: float | None
    begins_s: float
    source: OpenAudio | OpenMedia
    offset_s: float
    length_s: float | None
    channel: int | None
    remarks: list[str] = field(default_factory=list)

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Reads, mixes down and resamples.

        Yields:
            Samples, [T], at the rate of the stream; all are finite.

        Raises:
            AudioError: if the file breaks, holds no samples, NaN or samples far beyond full scale, or channels that
                cancel each other.
        """
        rate = self.source.rate
        resampler = None if rate == self.sample_rate else soxr.ResampleStream(rate, self.sample_rate, 1, "float32")
        count = 0
        for mono in self._mono():
            count += len(mono)
            block = mono if resampler is None else resampler.resample_chunk(mono)
            if len(block):
                yield block
        if resampler is not None:
            tail = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            if len(tail):
                yield tail
        self._remark_on_length(count / rate)

    def _mono(self) -> Iterator[npt.NDArray[np.float32]]:
        source, channels = self.source, self.source.channels
        start = round(self.offset_s * source.rate)
        frames = None if self.length_s is None else max(1, round(self.length_s * source.rate))
        energies = np.zeros(channels + 1)
        for block in _regrouped(source.blocks(start, frames), int(_BLOCK_S * source.rate)):
            check_finite(self.path, block)
            if self.channel is not None:
                mono = block[:, self.channel - 1]
            else:
                mono = block[:, 0] if channels == 1 else block.mean(axis=1)  # [T]
                if channels > 1:
                    energies[:-1] += np.square(block, dtype=np.float64).sum(axis=0)
                    energies[-1] += np.square(mono, dtype=np.float64).sum()
                    check_channels(self.path, energies)
            peak = float(np.abs(mono).max())
            if peak > LOUDEST:
                raise AudioError(
                    f"{self.path}: its peak is {peak:g}, expected samples around full scale, 1.0 (were whole numbers "
                    "saved as floats?)"
                )
            yield np.ascontiguousarray(mono, dtype=np.float32)

    def _remark_on_length(self, held_s: float) -> None:
        if not held_s:
            behind = f" behind its offset of {self.offset_s:g} s" if self.offset_s else ""
            raise AudioError(f"{self.path}: holds no samples{behind}, expected at least one")
        is_cut = isinstance(self.source, OpenAudio) and self.source.lacks_end
        if self.duration_s is not None and is_shorter(held_s, self.duration_s):
            self.remarks.append(f"is cut off: it holds {held_s:.1f} s of the {self.duration_s:.1f} s that it claims")
        elif is_cut and self.length_s is None:
            self.remarks.append(f"is cut off: its stream has no end, it holds {held_s:.1f} s")


@contextmanager
def open_mono(
    path: str | Path,
    sample_rate: int,
    *,
    channel: int | None = None,
    offset_s: float = 0.0,
    length_s: float | None = None,
) -> Iterator[MonoStream]:
    """Opens a recording of any format, to be read within the block.

    libsndfile reads what it can; PyAV, if it is installed, the rest.

    Args:
        path: audio or video file.
        sample_rate: of the samples that are wanted.
        channel: which one is taken, 1 for the first (the left); None averages all.
        offset_s: seconds to skip.
        length_s: seconds to read; None: to the end.

    Raises:
        AudioError: if the file cannot be read, or has no such channel.
    """
    with ExitStack() as stack:
        source: OpenAudio | OpenMedia = _opened(stack, Path(path))
        if channel is not None and not 1 <= channel <= source.channels:
            held = "1 channel" if source.channels == 1 else f"{source.channels} channels"
            raise AudioError(f"{path}: channel is {channel}, the file has {held}, expected 1 to {source.channels}")
        stream = MonoStream(
            Path(path), sample_rate, _claimed_s(source, offset_s, length_s), _begins_s(source), source, offset_s,
            length_s, channel,
        )  # fmt: skip
        if source.channels > 1 and channel is None:
            stream.remarks.append(f"its {source.channels} channels were averaged; --channel 1 takes the first alone")
        yield stream


def _opened(stack: ExitStack, path: Path) -> OpenAudio | OpenMedia:
    is_media = path.suffix.lower() in MEDIA_SUFFIXES and path.is_file()
    if is_media:
        return stack.enter_context(open_media(path))
    try:
        return stack.enter_context(open_audio(path))
    except AudioError as first:
        if not path.is_file() or not path.stat().st_size:
            raise
        if not has_media():
            raise AudioError(f"{first}; {INSTALL}") from first
        try:
            return stack.enter_context(open_media(path))
        except AudioError:
            raise first from None


def _claimed_s(source: OpenAudio | OpenMedia, offset_s: float, length_s: float | None) -> float | None:
    if isinstance(source, OpenMedia):
        held = source.duration_s
    else:
        frames = source.claimed_frames if source.claimed_frames is not None else source.frames
        held = None if frames is None else frames / source.rate
    left = None if held is None else max(0.0, held - offset_s)
    known = [seconds for seconds in (left, length_s) if seconds is not None]
    return min(known, default=None)


def _begins_s(source: OpenAudio | OpenMedia) -> float:
    return source.begins_s if isinstance(source, OpenMedia) else 0.0


def _regrouped(blocks: Iterator[npt.NDArray[np.float32]], size: int) -> Iterator[npt.NDArray[np.float32]]:
    """Joins the small blocks of codecs and cuts large ones, so that most have one size: [T, channels]."""
    held: list[npt.NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count >= size:
            whole = held[0] if len(held) == 1 else np.concatenate(held)
            full = count // size * size
            yield from (whole[start : start + size] for start in range(0, full, size))
            held, count = [whole[full:]], count - full
    if count:
        yield np.concatenate(held)
