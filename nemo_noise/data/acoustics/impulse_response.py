# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Impulse responses of rooms: where the direct sound is, how long it rings, how much of it is direct."""

import numpy as np
import numpy.typing as npt
from scipy.signal import oaconvolve

from nemo_noise.data.acoustics.effect import Wave
from nemo_noise.data.signal.speech_level import checked_sample_rate, checked_signal

__all__ = [
    "at_level_of",
    "convolve_aligned",
    "direct_sample",
    "direct_to_reverberant_db",
    "no_impulse_response",
    "reverberation_time_s",
    "split_direct",
    "with_direct_to_reverberant_db",
]

DIRECT_WINDOW_S = 0.0025  # around the direct sound; as in the ACE challenge (Eaton et al., 2016)
_ONSET = 0.1  # ISO 3382-1: the direct sound has come where the response first rises to 20 dB below its peak
_ONSET_SEARCH_S = 0.001
_GONE = 10.0 ** (-50.0 / 20.0)  # of the peak
_SHORT_S, _LOUD_WITHIN_S, _PIECE_S = 0.01, 0.05, 0.05
_RISE_DB = 10.0


def direct_sample(response: Wave, sample_rate: int) -> int:
    """Finds the direct sound: the largest sample within 1 ms after the onset (20 dB below the peak, ISO 3382-1).

    Returns:
        Its index in the response [N]; a louder reflection is not taken for it.

    Raises:
        ValueError: if the response is empty, silent or not finite.
    """
    magnitude = np.abs(checked_signal(response, "response"))
    if not magnitude.any():
        raise ValueError("response: is silent, expected an impulse response")
    onset = int(np.argmax(magnitude >= _ONSET * magnitude.max()))
    window = 1 + int(_ONSET_SEARCH_S * checked_sample_rate(sample_rate))
    return onset + int(np.argmax(magnitude[onset : onset + window]))


def reverberation_time_s(response: Wave, sample_rate: int) -> float:
    """Measures RT60 from the slope of Schroeder's backward integral between -5 and -25 dB (T20, ISO 3382-2).

    Returns:
        Seconds in which the sound of a response [N] would fall by 60 dB.

    Raises:
        ValueError: if the response does not fall by 25 dB.
    """
    energy = np.cumsum(np.square(response[direct_sample(response, sample_rate) :][::-1]))[::-1]
    level_db = 10.0 * np.log10(np.maximum(energy / energy[0], 1e-30))
    fitted = np.flatnonzero((level_db <= -5.0) & (level_db >= -25.0))
    if len(fitted) < 2 or level_db[-1] > -25.0:
        raise ValueError(f"response: falls by {-level_db[-1]:.1f} dB only, RT60 needs 25 dB")
    slope_db_per_s = float(np.polyfit(fitted / sample_rate, level_db[fitted], 1)[0])
    return -60.0 / slope_db_per_s


def split_direct(response: Wave, sample_rate: int) -> tuple[Wave, Wave]:
    """Splits a response into its direct sound (2.5 ms on either side) and the reverberation: [N] -> [N], [N]."""
    reach = max(1, int(DIRECT_WINDOW_S * sample_rate))
    middle = direct_sample(response, sample_rate)
    direct = np.zeros_like(response)
    near = slice(max(0, middle - reach), middle + reach + 1)
    direct[near] = response[near]
    return direct, response - direct


def direct_to_reverberant_db(response: Wave, sample_rate: int) -> float:
    """Measures the direct-to-reverberant ratio, dB; infinite where there is no reverberation."""
    direct, reverberation = split_direct(response, sample_rate)
    rest = float(np.sum(np.square(reverberation)))
    return 10.0 * float(np.log10(np.sum(np.square(direct)) / rest)) if rest > 0.0 else np.inf


def with_direct_to_reverberant_db(response: Wave, sample_rate: int, ratio_db: float) -> Wave:
    """Scales the direct sound so that the ratio becomes `ratio_db`, as a talker does who comes near: [N] -> [N]."""
    direct, reverberation = split_direct(response, sample_rate)
    own_db = direct_to_reverberant_db(response, sample_rate)
    if not np.isfinite(own_db):
        raise ValueError("response: has no reverberation, its direct-to-reverberant ratio cannot be set")
    return direct * 10.0 ** ((ratio_db - own_db) / 20.0) + reverberation


def convolve_aligned(wave: Wave, response: Wave, direct: int) -> Wave:
    """Convolves and takes the delay of the direct sound out again: [T], [N] -> [T]."""
    full: Wave = oaconvolve(wave, response, mode="full")
    return full[direct : direct + len(wave)]


def at_level_of(wave: Wave, reference: Wave) -> Wave:
    """Scales a wave to the RMS level of another; a silent wave stays silent."""
    own = float(np.sqrt(np.mean(np.square(wave))))
    return wave * (float(np.sqrt(np.mean(np.square(reference)))) / own) if own > 0.0 else wave


def no_impulse_response(samples: npt.NDArray[np.floating], sample_rate: int) -> str | None:
    """Why a recording is no impulse response: speech, noise, a constant and a sweep do not die away.

    A response is loudest within 50 ms after its onset, has fallen by 10 dB (Schroeder's integral) halfway to where it
    is 50 dB below its peak, and never rises again by 10 dB, from one 50 ms to another, while it is within 30 dB of its
    loudest. What lasts less than 10 ms is a microphone or a lone direct sound, and taken.

    Returns:
        The reason for samples [N]; None for an impulse response.
    """
    magnitude = np.abs(np.asarray(samples, dtype=np.float64))
    if not magnitude.any():
        return "is silent, expected an impulse response"
    magnitude /= magnitude.max()
    start = int(np.argmax(magnitude >= _ONSET))
    end = len(magnitude) - int(np.argmax(magnitude[::-1] >= _GONE))
    energy = np.square(magnitude[start:end])
    seconds = len(energy) / sample_rate
    if seconds < _SHORT_S:
        return None
    loudest_s = int(np.argmax(energy)) / sample_rate
    if loudest_s > _LOUD_WITHIN_S:
        return f"is loudest {loudest_s:.2f} s after its onset, expected an impulse response, loud at once"
    remaining = np.cumsum(energy[::-1])[::-1]
    fallen_s = int(np.argmax(remaining < 0.1 * remaining[0])) / sample_rate
    if fallen_s > 0.5 * seconds:
        fallen = f"falls by 10 dB only after {fallen_s:.2f} of {seconds:.2f} s"
        return f"{fallen}, expected an impulse response, which dies away"
    rise_db = _largest_rise_db(energy, max(1, int(_PIECE_S * sample_rate)))
    if rise_db > _RISE_DB:
        return f"rises again by {rise_db:.0f} dB, expected an impulse response, which dies away"
    return None


def _largest_rise_db(energy: Wave, piece: int) -> float:
    """How far the energy of a piece lies above that of the quietest before it, within 30 dB of the loudest."""
    pieces = np.pad(energy, (0, -len(energy) % piece)).reshape(-1, piece).sum(axis=1)
    level_db = 10.0 * np.log10(np.maximum(pieces / pieces.max(), 1e-3))
    return float(np.max(level_db - np.minimum.accumulate(level_db)))
