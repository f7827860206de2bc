# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What devices do to the spectrum: microphones with their own response, and the band of a telephone."""

import math

import numpy as np
from scipy import signal

from nemo_noise.data.acoustics.effect import Effect, Settings, Wave, effect
from nemo_noise.data.acoustics.impulse_response import at_level_of
from nemo_noise.data.draw.distribution import Knob, KnobValue

__all__ = ["MicrophoneResponse", "TelephoneBand"]

_FILTER_S = 0.04  # length of the microphone's filter: detail down to about 50 Hz
_STOP_DB = 60.0


@effect("microphone")
class MicrophoneResponse(Effect):
    """A microphone that is not flat: a random response between two edges.

    Gains are drawn at frequencies evenly spaced in octaves from 100 Hz to half the rate and joined by straight lines
    over log frequency; outside of its edges the microphone falls by 12 dB per octave. The filter has linear phase, its
    delay is taken out, and the RMS level stays what it was.

    Args:
        gain_db: gain at each point, dB, drawn for each point on its own.
        num_points: how many points, 2 to 32; more make a rougher response.
        low_edge_hz: below it, the response falls.
        high_edge_hz: above it, the response falls; an edge above half the rate has no effect.
    """

    def __init__(
        self,
        gain_db: KnobValue,
        *,
        num_points: int = 8,
        low_edge_hz: KnobValue = 80.0,
        high_edge_hz: KnobValue = 7500.0,
    ) -> None:
        if isinstance(num_points, bool) or not isinstance(num_points, int) or not 2 <= num_points <= 32:
            raise ValueError(f"num_points: is {num_points!r}, expected a whole number from 2 to 32")
        self._gain = Knob(gain_db, "gain_db", low=-40.0, high=40.0)
        self._low = Knob(low_edge_hz, "low_edge_hz", low=1.0, high=1000.0)
        self._high = Knob(high_edge_hz, "high_edge_hz", low=1000.0, high=1e6)
        self.num_points = num_points

    def response_db(self, frequencies_hz: Wave, sample_rate: int, rng: np.random.Generator) -> Wave:
        """Draws a response and reads it at frequencies, Hz [F] -> dB [F]."""
        low, high = self._low.draw(rng), self._high.draw(rng)
        points_hz = np.geomspace(100.0, 0.5 * sample_rate, self.num_points)
        gains_db = [self._gain.draw(rng) for _ in points_hz]
        octaves = np.log2(np.clip(frequencies_hz, points_hz[0], points_hz[-1]))
        curve_db = np.interp(octaves, np.log2(points_hz), gains_db)
        below = np.log2(low / np.maximum(frequencies_hz, 1.0))
        above = np.log2(np.maximum(frequencies_hz, 1.0) / high)
        return np.asarray(curve_db - 12.0 * np.maximum(below, 0.0) - 12.0 * np.maximum(above, 0.0), dtype=np.float64)

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        num_taps = 2 * int(0.5 * _FILTER_S * sample_rate) + 1
        grid_hz = np.linspace(0.0, 0.5 * sample_rate, 1025)
        response_db = self.response_db(grid_hz, sample_rate, rng)
        taps = signal.firwin2(num_taps, grid_hz, 10.0 ** (response_db / 20.0), fs=sample_rate)
        passed = grid_hz[response_db > response_db.max() - 10.0]
        settings: Settings = {"heard_from_hz": float(passed[0]), "heard_to_hz": float(passed[-1])}
        return at_level_of(_filtered(wave, taps), wave), settings


@effect("telephone_band")
class TelephoneBand(Effect):
    """The band of a telephone line: nothing below one edge and above the other.

    A filter of linear phase, its delay taken out: gain within 0.1 dB inside the band, half of the amplitude at the
    edges, -60 dB from 75 Hz beyond them. What lies inside keeps its level.

    Args:
        low_hz: lower edge.
        high_hz: upper edge, below half the rate of the speech.
    """

    transition_hz = 150.0

    def __init__(self, low_hz: KnobValue = 300.0, high_hz: KnobValue = 3400.0) -> None:
        self._low = Knob(low_hz, "low_hz", low=100.0, high=20000.0)
        self._high = Knob(high_hz, "high_hz", low=500.0, high=24000.0)
        if self._low.largest + 2 * self.transition_hz > self._high.smallest:
            raise ValueError(
                f"low_hz: reaches {self._low.largest:g} Hz, expected at least {2 * self.transition_hz:g} Hz "
                f"below high_hz, which comes down to {self._high.smallest:g} Hz"
            )

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        low, high = self._low.draw(rng), self._high.draw(rng)
        if high >= 0.5 * sample_rate:
            raise ValueError(f"high_hz: is {high:g}, expected less than half of the {sample_rate} samples per second")
        num_taps, beta = signal.kaiserord(_STOP_DB, self.transition_hz / (0.5 * sample_rate))
        taps = signal.firwin(
            2 * math.ceil(num_taps / 2) + 1, [low, high], window=("kaiser", beta), pass_zero=False, fs=sample_rate
        )
        return _filtered(wave, taps), {"low_hz": low, "high_hz": high}


def _filtered(wave: Wave, taps: Wave) -> Wave:
    """Filters with an odd number of symmetric taps and takes their delay out: [T] -> [T]."""
    delay = len(taps) // 2
    filtered: Wave = signal.oaconvolve(wave, taps, mode="full")
    return filtered[delay : delay + len(wave)]
