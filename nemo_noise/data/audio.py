# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio files in and out: loaded as mono float at one rate, written as PCM without ever clipping."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from nemo.utils import logging

from nemo_noise.data.speech_level import checked_sample_rate

PEAK_LIMIT = 0.99  # of full scale, in files that are written


class AudioError(ValueError):
    """An audio file that is missing, broken, empty or holds NaN."""


def load_audio(
    path: str | Path, sample_rate: int, offset_s: float = 0.0, duration_s: float | None = None
) -> npt.NDArray[np.float32]:
    """Loads audio as mono at the wanted rate; channels are averaged, another rate is resampled.

    Args:
        path: file that libsndfile can read (WAV, FLAC, Ogg, MP3 ...).
        sample_rate: wanted samples per second.
        offset_s: seconds to skip.
        duration_s: seconds to read, all the rest when None; a file that ends sooner gives what it has.

    Returns:
        Samples, [T], full scale 1.0.

    Raises:
        AudioError: if the file is missing, unreadable, empty (or ends before the offset), or holds NaN or infinity, or
            the part of it is none.
        ValueError: if the rate is no positive whole number.
    """
    sample_rate = checked_sample_rate(sample_rate)
    for name, seconds in {"offset_s": offset_s, "duration_s": duration_s}.items():
        if seconds is not None and not 0 <= seconds < math.inf:
            raise AudioError(f"{path}: {name} is {seconds:g}, expected seconds, finite and not negative")
    samples, file_rate = _decode(Path(path), offset_s, duration_s)
    if file_rate != sample_rate:
        samples = soxr.resample(samples, file_rate, sample_rate, quality="HQ")
    return np.ascontiguousarray(samples, dtype=np.float32)


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
    soundfile.write(path, samples * gain, sample_rate, subtype="PCM_16")
    return gain


def change_speed(samples: npt.NDArray[np.float32], speed: float) -> npt.NDArray[np.float32]:
    """Plays a recording faster (speed > 1) or slower; pitch changes along, as with a tape: [T] -> [T / speed]."""
    if speed == 1.0:
        return samples
    changed: npt.NDArray[np.float32] = soxr.resample(samples, speed, 1.0, quality="HQ")
    return changed


def _decode(path: Path, offset_s: float, duration_s: float | None) -> tuple[npt.NDArray[np.float32], int]:
    """Reads float32 mono samples [T] and the file's own rate."""
    if not path.is_file():
        raise AudioError(f"{path}: no such audio file, expected WAV, FLAC, Ogg or MP3")
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            start = int(offset_s * rate)
            if start and start >= file.frames:
                raise AudioError(f"{path}: offset {offset_s:g} s lies behind its end at {file.frames / rate:.3f} s")
            file.seek(start)
            frames = -1 if duration_s is None else max(1, int(duration_s * rate))
            samples = file.read(frames, dtype="float32", always_2d=True)  # [T, channels]
    except (OSError, soundfile.SoundFileError) as error:
        reason = error if path.stat().st_size else "the file is empty"
        raise AudioError(f"{path}: cannot be read as audio ({reason}), expected WAV, FLAC, Ogg or MP3") from error
    if len(samples) == 0:
        raise AudioError(f"{path}: holds no samples, expected at least one")
    if not np.isfinite(samples).all():
        bad = samples.size - int(np.count_nonzero(np.isfinite(samples)))
        raise AudioError(f"{path}: holds NaN or infinite samples, {bad} of {samples.size}, expected finite ones")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)  # [T]
    return mono, rate
