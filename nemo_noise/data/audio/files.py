# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio files in and out: loaded as mono float at one rate, written as PCM without ever clipping."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from nemo.utils import logging

from nemo_noise.data.audio.blocks import AudioError, OpenAudio, open_audio
from nemo_noise.data.signal.speech_level import checked_sample_rate
from nemo_noise.foreign_text import printable
from nemo_noise.whole_file import writing

__all__ = [
    "LONGEST_S",
    "AudioError",
    "Recording",
    "change_speed",
    "check_channels",
    "check_finite",
    "is_shorter",
    "load_audio",
    "read_audio",
    "write_audio",
]

PEAK_LIMIT = 0.99  # of full scale, in files that are written
LONGEST_S = 4 * 3600.0  # that are loaded at once: 0.9 GB at 16 kHz
LOUDEST = 1000.0  # full scale is 1.0; a mixture may exceed it, whole numbers saved as floats reach 32768
_FASTEST_HZ = 48_000  # LONGEST_S counts at this rate where the file has a higher one
_SHOWN = 60  # characters of a value in a message
_CANCELLED_DB = 20.0  # under what the loudest channel alone would leave


class Recording(NamedTuple):
    """Samples [T], mono, full scale 1.0, and how many there are per second."""

    samples: npt.NDArray[np.float32]
    sample_rate: int


def load_audio(
    path: str | Path,
    sample_rate: int,
    offset_s: float = 0.0,
    duration_s: float | None = None,
    *,
    longest_s: float = LONGEST_S,
) -> npt.NDArray[np.float32]:
    """Loads audio as mono at the wanted rate; channels are averaged, another rate is resampled.

    Args:
        path: file that libsndfile can read (WAV, FLAC, Ogg, MP3 ...).
        sample_rate: wanted samples per second.
        offset_s: seconds to skip.
        duration_s: seconds to read, all the rest when None; a file that ends sooner gives what it has.
        longest_s: most seconds that are taken into memory.

    Returns:
        Samples, [T], full scale 1.0.

    Raises:
        AudioError: if the file is missing, unreadable, cut off, empty (or ends before the offset), or longer than
            `longest_s`; if its rate lies outside 1 kHz to 768 kHz, it has more than 64 channels, or channels that
            cancel each other; if it holds NaN, infinity or samples far beyond full scale, or the part of it is none.
        ValueError: if the rate is no positive whole number.
    """
    sample_rate = checked_sample_rate(sample_rate)
    samples, file_rate = read_audio(path, offset_s, duration_s, longest_s=longest_s)
    if file_rate != sample_rate:
        samples = soxr.resample(samples, file_rate, sample_rate, quality="HQ")
    if len(samples) == 0:
        raise AudioError(f"{path}: is too short for a sample at {sample_rate} Hz, expected at least one")
    return np.ascontiguousarray(samples, dtype=np.float32)


def read_audio(
    path: str | Path, offset_s: float = 0.0, duration_s: float | None = None, *, longest_s: float = LONGEST_S
) -> Recording:
    """Reads audio as mono at its own rate; arguments and errors as for `load_audio`."""
    for name, seconds in {"offset_s": offset_s, "duration_s": duration_s}.items():
        is_number = isinstance(seconds, (int, float, np.number)) and not isinstance(seconds, bool)
        if seconds is not None and not (is_number and 0 <= seconds < math.inf):
            shown = f"{seconds:g}" if is_number else printable(repr(seconds), _SHOWN)
            raise AudioError(f"{path}: {name} is {shown}, expected seconds, finite and not negative")
    with open_audio(path) as audio:
        return Recording(_mono(audio, offset_s=offset_s, duration_s=duration_s, longest_s=longest_s), audio.rate)


def is_shorter(held_s: float, claimed_s: float) -> bool:
    """Whether audio lacks so much of what a header or a manifest claims that it is not whole: 0.1 s, and 1 %."""
    return held_s < claimed_s - max(0.1, 0.01 * claimed_s)


def write_audio(path: str | Path, samples: npt.NDArray[np.floating], sample_rate: int) -> float:
    """Writes 16-bit PCM; a signal whose peak exceeds 0.99 of full scale is scaled as a whole, which is logged.

    Args:
        path: file to write; its suffix (.wav, .flac) decides the container.
        samples: mono, [T], full scale 1.0.
        sample_rate: samples per second.

    Returns:
        The gain that was applied, 1.0 where the signal fitted.
    """
    peak = float(np.max(np.abs(samples)))
    gain = 1.0
    if peak > PEAK_LIMIT:
        gain = PEAK_LIMIT / peak
        logging.info(f"{path}: the peak {peak:.2f} is beyond full scale, the whole signal is scaled by {gain:.3f}")
    with writing(path) as partial:
        soundfile.write(partial, samples * gain, sample_rate, subtype="PCM_16")
    return gain


def change_speed(samples: npt.NDArray[np.float32], speed: float) -> npt.NDArray[np.float32]:
    """Plays a recording faster (speed > 1) or slower; pitch changes along, as with a tape: [T] -> [T / speed]."""
    if speed == 1.0:
        return samples
    changed: npt.NDArray[np.float32] = soxr.resample(samples, speed, 1.0, quality="HQ")
    return changed


def _mono(audio: OpenAudio, *, offset_s: float, duration_s: float | None, longest_s: float) -> npt.NDArray[np.float32]:
    """Averages the channels of a part, block by block: [T]."""
    path, rate = audio.path, audio.rate
    start = int(min(offset_s * rate, 2.0**62))
    frames = None if duration_s is None else max(1, int(min(duration_s * rate, 2.0**62)))
    most = int(longest_s * min(rate, _FASTEST_HZ))
    if audio.frames is not None:
        if start and start >= audio.frames:
            raise AudioError(f"{path}: offset {offset_s:g} s lies behind its end at {audio.frames / rate:.3f} s")
        _check_length(path, frames=min(audio.frames - start, frames or audio.frames), most=most, rate=rate)
    parts, energies, count = [np.zeros(0, np.float32)], np.zeros(audio.channels + 1), 0
    for block in audio.blocks(start, frames):
        check_finite(path, block)
        mono = block[:, 0] if audio.channels == 1 else block.mean(axis=1)  # [T]
        parts.append(mono)
        count += len(mono)
        _check_length(path, frames=count, most=most, rate=rate)
        if audio.channels > 1:
            energies[:-1] += np.square(block, dtype=np.float64).sum(axis=0)
            energies[-1] += np.square(mono, dtype=np.float64).sum()
    _check_whole(audio, start=start, frames=frames, count=count)
    check_channels(path, energies)
    samples = np.concatenate(parts)
    peak = max(float(samples.max()), -float(samples.min()))
    if peak > LOUDEST:
        raise AudioError(
            f"{path}: its peak is {peak:g}, expected samples around full scale, 1.0 (were whole numbers saved as "
            "floats?)"
        )
    return samples


def check_finite(path: Path, block: npt.NDArray[np.float32]) -> None:
    """Refuses samples that are NaN or infinite by an AudioError."""
    if not np.isfinite(block).all():
        bad = block.size - int(np.count_nonzero(np.isfinite(block)))
        raise AudioError(f"{path}: holds NaN or infinite samples, {bad} of {block.size}, expected finite ones")


def _check_length(path: Path, *, frames: int, most: int, rate: int) -> None:
    if frames > most:
        raise AudioError(
            f"{path}: {frames / rate:g} s are too long to load at once, expected up to {most / rate:g} s; "
            "take parts by `offset` and `duration`"
        )


def _check_whole(audio: OpenAudio, *, start: int, frames: int | None, count: int) -> None:
    rate = audio.rate
    if audio.claimed_frames is not None:
        claimed = audio.claimed_frames - start
        claimed = claimed if frames is None else min(claimed, frames)
        if is_shorter(count / rate, claimed / rate):
            claimed_s = round(audio.claimed_frames / rate, 3)
            raise AudioError(
                f"{audio.path}: is cut off: the duration in its header is {claimed_s:g} s, it holds "
                f"{(start + count) / rate:.3f} s, expected the whole file"
            )
    if audio.lacks_end and (frames is None or is_shorter(count / rate, frames / rate)):
        held_s = (start + count) / rate
        raise AudioError(
            f"{audio.path}: is cut off: its stream has no end, it holds {held_s:.3f} s, expected it whole"
        )
    if count == 0:
        raise AudioError(f"{audio.path}: holds no samples, expected at least one")


def check_channels(path: Path, energies: npt.NDArray[np.float64]) -> None:
    """Refuses channels of opposite sign by an AudioError; energies [channels + 1] are theirs and their average's."""
    channels = len(energies) - 1
    if channels == 1 or not energies[:-1].any():
        return
    left_db = 10.0 * float(np.log10(max(energies[-1], 1e-300) / energies[:-1].max())) + 20.0 * math.log10(channels)
    if left_db < -_CANCELLED_DB:
        raise AudioError(
            f"{path}: its {channels} channels cancel each other (of opposite sign?), their average is silent; "
            "expected channels that can be averaged: take one of them"
        )
