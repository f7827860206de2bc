# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How loud a signal is: RMS level, and the active speech level of ITU-T P.56 (method B), which ignores pauses."""

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

# Below this RMS (dB re full scale 1.0) a signal counts as silent: 20 dB under the lone step of a 16-bit file.
SILENCE_DB = -160.0

TIME_CONSTANT_S = 0.03
HANGOVER_S = 0.2
_MARGIN_DB = 15.9
_HIGHEST_HZ = 768_000
NUM_THRESHOLDS = 24
_BLOCK = 64  # samples

FloatArray = npt.NDArray[np.float64]


def active_speech_level_db(signal: npt.ArrayLike, sample_rate: int) -> float:
    """Measures the level of the active part of a speech signal.

    ITU-T P.56 method B: the rectified signal passes two one-pole smoothers of 30 ms; for thresholds 6 dB apart, the
    samples whose envelope was above the threshold within the last 200 ms are active; the level is the one where the
    mean power over active samples lies 15.9 dB above the threshold. The grid of thresholds hangs from the signal's
    peak instead of full scale, so a gain moves the level by exactly that gain, also outside of the 16-bit range.

    Args:
        signal: mono speech, floating point, [T].
        sample_rate: samples per second.

    Returns:
        The active level in dB re full scale (a full-scale square wave is 0 dB).

    Raises:
        ValueError: if the signal is not a finite, non-silent, non-empty float vector, or the rate is not positive.
    """
    samples = checked_signal(signal, "signal")  # [T]
    rate = checked_sample_rate(sample_rate)
    if rms_db(samples) < SILENCE_DB:
        raise ValueError(f"signal: is silent (RMS below {SILENCE_DB:g} dB), it has no active speech level")
    peak = float(np.max(np.abs(samples)))
    samples = samples / peak
    energy = float(np.dot(samples, samples))
    active = _active_samples(samples, rate)  # [thresholds], from the highest threshold down
    if not active.any():  # shorter than the envelope takes to rise: everything is active
        return rms_db(samples) + _decibel(peak)
    return level_of_counts_db(energy, active) + _decibel(peak)


def level_of_counts_db(energy: float, active: FloatArray) -> float:
    """The active level in dB of a signal with peak 1.

    Args:
        energy: sum of its squares.
        active: how many samples are active for the thresholds 1/2, 1/4, 1/8 ..., not all 0. [thresholds]
    """
    is_reached = active > 0
    levels_db = (10.0 * np.log10(energy / active[is_reached])).astype(np.float64)
    thresholds_db = np.arange(-1.0, -len(active) - 1.0, -1.0, dtype=np.float64)[is_reached] * _decibel(2.0)
    return _crossing(levels_db[::-1], thresholds_db[::-1])


def rms_db(signal: npt.NDArray[np.floating]) -> float:
    """Returns the RMS level of a vector in dB re full scale, pauses included; minus infinity for digital silence."""
    mean_square = float(np.mean(np.square(signal, dtype=np.float64)))
    return 10.0 * float(np.log10(mean_square)) if mean_square > 0.0 else -np.inf


def checked_signal(signal: npt.ArrayLike, name: str) -> FloatArray:
    """Returns a mono signal as float64 [T], or raises a ValueError that says what is wrong with argument `name`."""
    samples = np.asarray(signal)
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"{name}: has dtype {samples.dtype}, expected floating point samples, full scale 1.0")
    if samples.ndim != 1:
        raise ValueError(f"{name}: has shape {samples.shape}, expected one mono channel [T]")
    if samples.size == 0:
        raise ValueError(f"{name}: is empty, expected at least one sample")
    bad = samples.size - int(np.count_nonzero(np.isfinite(samples)))
    if bad:
        raise ValueError(f"{name}: {bad} of {samples.size} samples are NaN or infinite, expected finite samples")
    return samples.astype(np.float64)


def checked_sample_rate(sample_rate: int) -> int:
    """Returns the rate as int, or raises a ValueError unless it is a positive whole number of a sound's range."""
    whole = isinstance(sample_rate, (int, np.integer)) and not isinstance(sample_rate, bool)
    if not whole or sample_rate <= 0:
        raise ValueError(f"sample_rate: is {sample_rate!r}, expected a positive whole number of samples per second")
    if sample_rate > _HIGHEST_HZ:
        raise ValueError(f"sample_rate: is {sample_rate}, expected {_HIGHEST_HZ} samples per second at most")
    return int(sample_rate)


def _active_samples(samples: FloatArray, sample_rate: int) -> FloatArray:
    """Counts active samples for the thresholds 1/2, 1/4, 1/8 ... of the peak: [T] -> [thresholds]."""
    pole = np.exp(-1.0 / (sample_rate * TIME_CONSTANT_S))
    envelope = lfilter([(1.0 - pole) ** 2], [1.0, -2.0 * pole, pole**2], np.abs(samples))
    width = int(np.ceil(HANGOVER_S * sample_rate)) + 1  # this sample and the hang-over before it
    blocks = _Blocks(envelope, max(1, min(_BLOCK, width // 2)))
    counts = [blocks.count_held(2.0**-halvings, width) for halvings in range(1, NUM_THRESHOLDS + 1)]
    return np.array(counts, dtype=np.float64)


class _Blocks:
    """An envelope [T] and the peaks of its blocks of `size` samples; the last block may be short."""

    def __init__(self, envelope: FloatArray, size: int) -> None:
        self.envelope, self.size = envelope, size
        self.peaks: FloatArray = np.maximum.reduceat(envelope, np.arange(0, len(envelope), size))

    def count_held(self, threshold: float, width: int) -> int:
        """Counts the samples that have one at or above the threshold among the `width` samples that end with them.

        Only gaps longer than the width take away from the whole, and as two blocks are no longer than it, such a gap
        holds a block that stays below: the peaks show where.
        """
        high = np.flatnonzero(self.peaks >= threshold)  # blocks
        if high.size == 0:
            return 0
        is_gap = np.diff(high) > 1
        count = len(self.envelope) - self._first(int(high[0]), threshold)
        for end, start in zip(high[:-1][is_gap].tolist(), high[1:][is_gap].tolist(), strict=True):
            if (start - end + 1) * self.size > width:
                count -= max(0, self._first(start, threshold) - self._last(end, threshold) - width)
        return count - max(0, len(self.envelope) - self._last(int(high[-1]), threshold) - width)

    def _first(self, block: int, threshold: float) -> int:
        part = self.envelope[block * self.size : (block + 1) * self.size]
        return block * self.size + int(np.argmax(part >= threshold))

    def _last(self, block: int, threshold: float) -> int:
        part = self.envelope[block * self.size : (block + 1) * self.size]
        return block * self.size + len(part) - 1 - int(np.argmax((part >= threshold)[::-1]))


def _crossing(levels_db: FloatArray, thresholds_db: FloatArray) -> float:
    """Interpolates the level where it lies the margin above the threshold; both rise, lowest threshold first."""
    excess_db = levels_db - thresholds_db - _MARGIN_DB
    below = np.flatnonzero(excess_db <= 0.0)
    if below.size == 0:  # the peaks are so sparse that even the highest threshold lies far under the level
        return float(levels_db[-1])
    upper = int(below[0])
    if upper == 0:
        return float(levels_db[0])
    lower = upper - 1
    weight = excess_db[lower] / (excess_db[lower] - excess_db[upper])
    return float(levels_db[lower] + weight * (levels_db[upper] - levels_db[lower]))


def _decibel(amplitude: float) -> float:
    return 20.0 * float(np.log10(amplitude))
