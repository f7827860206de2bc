# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to pyroomacoustics: shoebox rooms by the image-source method (Allen and Berkley, 1979)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nemo_noise.data.acoustics.effect import Wave

__all__ = ["MAX_REFLECTIONS", "ShoeboxRoom", "reflections_needed", "simulate_response"]

SPEED_OF_SOUND_M_PER_S = 343.0
MAX_REFLECTIONS = 115  # about two million images, half a second and 100 MB
_BIN_S = 0.001
_MOST_REFLECTING, _MOST_ABSORBING = 0.002, 0.995  # share of the energy that a wall takes


@dataclass(frozen=True)
class ShoeboxRoom:
    """A room: edges, places of talker and microphone in it (metres, from one corner), wanted RT60 (seconds)."""

    size_m: tuple[float, float, float]
    talker_m: tuple[float, float, float]
    microphone_m: tuple[float, float, float]
    rt60_s: float

    @property
    def distance_m(self) -> float:
        """From the talker to the microphone."""
        return math.dist(self.talker_m, self.microphone_m)


def reflections_needed(size_m: tuple[float, float, float], rt60_s: float) -> int:
    """How many reflections an image may have had when it arrives RT60 seconds after the direct sound."""
    a, b, c = size_m
    shortest = min(x * y / math.hypot(x, y) for x, y in ((a, b), (b, c), (a, c)))
    return math.ceil(SPEED_OF_SOUND_M_PER_S * rt60_s / shortest)


def simulate_response(room: ShoeboxRoom, sample_rate: int) -> Wave:
    """Simulates the response; the walls take what makes the decay between -5 and -25 dB as steep as RT60 needs.

    Sabine's formula misses the RT60 that the image-source method then gives by up to 40 %, so the absorption is
    searched for on the energies of the images themselves, which costs less than the images.

    Returns:
        The response, [N], amplitude 1/(4 pi distance) at the direct sound.

    Raises:
        ImportError: if pyroomacoustics is not installed.
        ValueError: if the decay needs more than `MAX_REFLECTIONS` reflections.
    """
    order = reflections_needed(room.size_m, room.rt60_s)
    if order > MAX_REFLECTIONS:
        raise ValueError(
            f"rt60_s: {room.rt60_s:g} s in a room of {room.size_m} m needs {order} reflections, "
            f"at most {MAX_REFLECTIONS} are computed: a larger room or a shorter time"
        )
    package = _load_package()
    shoebox = package.ShoeBox(list(room.size_m), fs=sample_rate, materials=package.Material(0.5), max_order=order)
    shoebox.add_source(list(room.talker_m))
    shoebox.add_microphone(list(room.microphone_m))
    shoebox.image_source_model()
    (source,) = shoebox.sources
    distances = np.linalg.norm(source.images - np.asarray(room.microphone_m)[:, None], axis=0)  # [images]
    absorption = _absorption(np.asarray(source.orders), distances, room.rt60_s)
    source.damping = np.power(1.0 - absorption, 0.5 * source.orders)[None, :].astype(source.damping.dtype)
    shoebox.compute_rir()
    return np.asarray(shoebox.rir[0][0], dtype=np.float64)


def _absorption(orders: np.ndarray[Any, Any], distances: Wave, rt60_s: float) -> float:
    """Halves the interval of absorptions until the decay of the images' energy has the wanted slope."""
    bins = ((distances - distances.min()) / SPEED_OF_SOUND_M_PER_S / _BIN_S).astype(np.int64)
    width = int(bins.max()) + 1
    arrived = np.bincount(orders * width + bins, weights=distances**-2.0, minlength=(int(orders.max()) + 1) * width)
    by_order = arrived.reshape(-1, width)  # [orders, bins], energy without walls
    low, high = _MOST_REFLECTING, _MOST_ABSORBING
    for _ in range(14):
        middle = 0.5 * (low + high)
        energy: Wave = np.power(1.0 - middle, np.arange(len(by_order))).astype(np.float64) @ by_order  # [bins]
        low, high = (middle, high) if _decay_s(energy) > rt60_s else (low, middle)
    return 0.5 * (low + high)


def _decay_s(energy: Wave) -> float:
    """RT60 of an energy curve in bins, from its slope between -5 and -25 dB; 0 where it falls within a bin."""
    remaining = np.cumsum(energy[::-1])[::-1]
    level_db = 10.0 * np.log10(np.maximum(remaining / remaining[0], 1e-30))
    fitted = np.flatnonzero((level_db <= -5.0) & (level_db >= -25.0))
    if len(fitted) < 3:
        return 0.0
    return -60.0 / float(np.polyfit(fitted * _BIN_S, level_db[fitted], 1)[0])


def _load_package() -> Any:
    try:
        import pyroomacoustics
    except ImportError as error:
        raise ImportError("simulated rooms need pyroomacoustics: pip install 'nemo-noise[rooms]'") from error
    return pyroomacoustics
