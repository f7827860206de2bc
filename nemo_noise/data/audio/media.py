# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio of m4a, mp4, webm, aac, wma and video files, decoded block by block by PyAV: the one door to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nemo_noise.data.audio.blocks import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, MOST_CHANNELS, AudioError

__all__ = ["MEDIA_SUFFIXES", "OpenMedia", "has_media", "open_media"]

INSTALL = "m4a, mp4, webm, aac, wma and video files need PyAV: pip install 'nemo-noise[media]'"
# Containers of one recording. Playlists are none of them: they name further files and addresses.
CONTAINERS = (
    *("aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf", "eac3", "flac", "flv"),
    *("matroska", "mov", "mp3", "mpeg", "mpegts", "ogg", "rm", "tta", "w64", "wav", "wv", "webm"),
)
# What libsndfile does not read, by the names that such files have; used where a folder is looked through.
MEDIA_SUFFIXES = (
    *(".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv", ".mka", ".aac", ".wma", ".wmv"),
    *(".avi", ".flv", ".mpg", ".mpeg", ".amr", ".ac3"),
)


@dataclass(frozen=True)
class OpenMedia:
    """An open media file, with the fields of `OpenAudio`.

    Attributes:
        path: of the file.
        rate: samples per second of its first audio track.
        channels: of that track.
        duration_s: seconds that the container claims, None where it does not.
        begins_s: where the audio begins in the recording, as when a video starts before its sound, seconds.
    """

    path: Path
    rate: int
    channels: int
    duration_s: float | None
    begins_s: float
    container: Any
    stream: Any

    def blocks(self, start: int = 0, frames: int | None = None) -> Iterator[npt.NDArray[np.float32]]:
        """Decodes a part of the track; it is decoded from its beginning.

        Yields:
            Samples, [T, channels]; all blocks together may be shorter than the part.
        """
        end = None if frames is None else start + frames
        done = 0
        for block in self._decoded():
            first, last = max(0, start - done), len(block) if end is None else min(len(block), end - done)
            done += len(block)
            if first < last:
                yield block[first:last]
            if end is not None and done >= end:
                return

    def _decoded(self) -> Iterator[npt.NDArray[np.float32]]:
        import av

        resampler = av.AudioResampler(format="fltp")
        for frame in self.container.decode(self.stream):
            for part in resampler.resample(frame):
                yield self._checked(part)
        for part in resampler.resample(None):
            yield self._checked(part)

    def _checked(self, frame: Any) -> npt.NDArray[np.float32]:
        block: npt.NDArray[np.float32] = frame.to_ndarray().T  # [T, channels]
        if frame.sample_rate != self.rate or block.shape[1] != self.channels:
            raise AudioError(
                f"{self.path}: changes from {self.rate} Hz and {self.channels} channels to {frame.sample_rate} Hz and "
                f"{block.shape[1]} within, expected one format"
            )
        return block


def has_media() -> bool:
    """Whether PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def open_media(path: str | Path) -> Iterator[OpenMedia]:
    """Opens the first audio track of a media file, to be read within the block.

    Raises:
        AudioError: if PyAV is not installed; the file is none, or has no audio; or it breaks while it is read.
    """
    where = Path(path)
    try:
        import av
        from av.error import FFmpegError
    except ImportError as error:
        raise AudioError(f"{where}: {INSTALL}") from error
    options = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}
    try:
        with av.open(str(where.absolute()), container_options=options, metadata_errors="ignore") as container:
            yield _opened(where, container)
    except AudioError:
        raise
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{where}: cannot be read as audio ({reason}), expected audio or video") from error


def _opened(path: Path, container: Any) -> OpenMedia:
    if not container.streams.audio:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise AudioError(f"{path}: has no audio track (it holds {kinds}), expected one")
    stream = container.streams.audio[0]
    rate, channels = stream.rate, stream.codec_context.layout.nb_channels
    if not rate or not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ or not 1 <= channels <= MOST_CHANNELS:
        raise AudioError(
            f"{path}: its audio has {rate} Hz and {channels} channels, expected {LOWEST_RATE_HZ} to "
            f"{HIGHEST_RATE_HZ} Hz and 1 to {MOST_CHANNELS} channels"
        )
    seconds = None if container.duration is None else container.duration / 1e6
    begins_s = 0.0
    if stream.start_time is not None and container.start_time is not None and len(container.streams) > 1:
        begins_s = max(0.0, float(stream.start_time * stream.time_base) - container.start_time / 1e6)
    return OpenMedia(path, int(rate), int(channels), seconds, begins_s, container, stream)
