# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise without recordings: classes of environments, each drawn anew with its own random properties."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import signal

__all__ = ["NOISE_CLASSES", "draw_noise"]

Samples = npt.NDArray[np.float32]
Generator = np.random.Generator
Wave = npt.NDArray[np.float64]


def draw_noise(label: str, *, num_samples: int, sample_rate: int, rng: Generator) -> Samples:
    """Draws one environment of a class and records it.

    Args:
        label: a key of `NOISE_CLASSES`.
        num_samples: wanted length T.
        sample_rate: hertz.
        rng: decides on the environment (tones, colours, densities) and on every event in it.

    Returns:
        Samples, [T], root mean square 0.1, cut at full scale 1.0.

    Raises:
        ValueError: There is no such class.
    """
    if label not in NOISE_CLASSES:
        raise ValueError(f"label: is {label!r}, expected one of {', '.join(NOISE_CLASSES)}")
    wave = NOISE_CLASSES[label](num_samples, sample_rate, rng)  # [T]
    wave = wave - wave.mean()
    wave = wave * (0.1 / max(float(np.sqrt(np.mean(wave**2))), 1e-9))
    return np.clip(wave, -1.0, 1.0).astype(np.float32)


def _coloured(num_samples: int, slope_db_per_octave: float, rng: Generator) -> Wave:
    """Makes Gaussian noise whose spectrum falls (or rises) by a slope; [T], root mean square 1."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1.0))
    octaves = np.maximum(octaves, np.log2(max(num_samples / 400.0, 1.0)))  # flat below 40 Hz at 16 kHz
    wave = np.fft.irfft(spectrum * 10.0 ** (slope_db_per_octave * octaves / 20.0), num_samples)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)), dtype=np.float64)


def _band(wave: Wave, *, low_hz: float, high_hz: float, sample_rate: int) -> Wave:
    sections = signal.butter(2, [low_hz, min(high_hz, 0.45 * sample_rate)], "bandpass", fs=sample_rate, output="sos")
    return np.asarray(signal.sosfilt(sections, wave), dtype=np.float64)


def _slow(*, num_samples: int, sample_rate: int, rate_hz: float, rng: Generator) -> Wave:
    """Makes a curve that wanders between about -1 and 1, `rate_hz` times a second; [T]."""
    knots = max(4, int(num_samples / sample_rate * rate_hz) + 2)
    curve = np.interp(np.linspace(0, knots - 1, num_samples), np.arange(knots), rng.uniform(-1, 1, knots))
    return np.asarray(curve, dtype=np.float64)


def _events(*, num_samples: int, per_second: float, sample_rate: int, rng: Generator) -> npt.NDArray[np.int64]:
    count = max(1, int(rng.poisson(per_second * num_samples / sample_rate)))
    return np.sort(rng.integers(num_samples, size=count))


def _steady(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """A fan or a channel: stationary, of one colour between violet and brown."""
    return _coloured(num_samples, float(rng.uniform(-7.0, 3.0)), rng)


def _hum(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """A transformer: harmonics of the mains and some hiss."""
    time_s = np.arange(num_samples) / sample_rate
    mains_hz, decay = float(rng.choice([50.0, 60.0, 100.0, 120.0])), float(rng.uniform(0.3, 1.0))
    wave = np.zeros(num_samples)
    for harmonic in range(1, 41):
        level = harmonic**-decay * float(rng.uniform(0.2, 1.0))
        wave += level * np.sin(2 * np.pi * harmonic * mains_hz * time_s + rng.uniform(0, 2 * np.pi))
    return wave + 0.2 * _coloured(num_samples, -3.0, rng)


def _rain(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """Rain: a bright hiss, and drops that ring shortly."""
    hiss = _band(
        rng.standard_normal(num_samples), low_hz=float(rng.uniform(800, 2000)), high_hz=7000.0, sample_rate=sample_rate
    )
    impulses = np.zeros(num_samples)
    places = _events(num_samples=num_samples, per_second=float(rng.uniform(80, 300)), sample_rate=sample_rate, rng=rng)
    impulses[places] += rng.exponential(20.0, size=len(places)) * rng.choice([-1.0, 1.0], size=len(places))
    drops = _band(
        impulses,
        low_hz=float(rng.uniform(1500, 2500)),
        high_hz=float(rng.uniform(4000, 6500)),
        sample_rate=sample_rate,
    )
    return hiss + drops


def _beeps(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """A machine that beeps: one tone, regularly on and off, over a soft hiss."""
    time_s = np.arange(num_samples) / sample_rate
    period_s, duty = float(rng.uniform(0.25, 0.9)), float(rng.uniform(0.35, 0.7))
    is_on = ((time_s + rng.uniform(0, period_s)) % period_s) < duty * period_s
    gate = signal.lfilter(np.ones(80) / 80.0, [1.0], is_on.astype(np.float64))
    tone_hz = float(rng.uniform(500, 3000))
    tone = np.sin(2 * np.pi * tone_hz * time_s) + 0.3 * np.sin(4 * np.pi * tone_hz * time_s)
    return gate * tone + 0.1 * _coloured(num_samples, -3.0, rng)


def _wind(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """Wind at the microphone: low and gusty."""
    gusts = np.exp(
        1.5 * _slow(num_samples=num_samples, sample_rate=sample_rate, rate_hz=float(rng.uniform(0.7, 2.0)), rng=rng)
    )
    rumble = _coloured(num_samples, float(rng.uniform(-9, -6)), rng)
    whistle = _band(
        rng.standard_normal(num_samples), low_hz=400.0, high_hz=float(rng.uniform(900, 2500)), sample_rate=sample_rate
    )
    return gusts * (rumble + 0.5 * whistle)


def _engine(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """An engine under a changing load: a harmonic series that glides, and exhaust noise in its rhythm."""
    firing_hz = float(rng.uniform(30, 90)) * np.exp(
        0.25 * _slow(num_samples=num_samples, sample_rate=sample_rate, rate_hz=0.5, rng=rng)
    )  # [T]
    phase = 2 * np.pi * np.cumsum(firing_hz) / sample_rate
    wave = np.zeros(num_samples)
    for harmonic in range(1, 25):
        wave += harmonic**-0.8 * float(rng.uniform(0.3, 1.0)) * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi))
    exhaust = _coloured(num_samples, -4.0, rng) * (1.0 + np.cos(phase))
    return wave + 0.8 * exhaust


def _crackle(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """A fire: sparse bursts of all sizes over a low roar."""
    impulses = np.zeros(num_samples)
    for place in _events(
        num_samples=num_samples, per_second=float(rng.uniform(8, 30)), sample_rate=sample_rate, rng=rng
    ):
        length = min(int(rng.uniform(0.002, 0.03) * sample_rate), num_samples - int(place))
        decay = np.exp(-5.0 * np.arange(length) / max(length, 1))
        impulses[place : place + length] += float(rng.pareto(2.0) + 0.5) * decay * rng.standard_normal(length)
    impulses = np.clip(impulses, -8.0, 8.0)
    return impulses + float(rng.uniform(0.1, 0.3)) * _coloured(num_samples, -6.0, rng)


def _siren(num_samples: int, sample_rate: int, rng: Generator) -> Wave:
    """A siren far away: a tone that sweeps, with street noise around it."""
    time_s = np.arange(num_samples) / sample_rate
    sweep = signal.sawtooth(2 * np.pi * float(rng.uniform(0.3, 3.0)) * time_s, width=float(rng.uniform(0.3, 0.7)))
    tone_hz = float(rng.uniform(700, 1100)) * 2.0 ** (0.6 * sweep)  # [T]
    phase = 2 * np.pi * np.cumsum(tone_hz) / sample_rate
    tone = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    return tone + 0.5 * _coloured(num_samples, -5.0, rng)


NOISE_CLASSES: dict[str, Callable[[int, int, Generator], Wave]] = {
    "steady": _steady,
    "hum": _hum,
    "rain": _rain,
    "beeps": _beeps,
    "wind": _wind,
    "engine": _engine,
    "crackle": _crackle,
    "siren": _siren,
}
