# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where impulse responses come from: shoebox rooms that are simulated, and lists of recorded ones."""

from typing import NamedTuple, Protocol

import numpy as np
import soundfile

from nemo_noise.data.acoustics.effect import Settings, Wave
from nemo_noise.data.acoustics.image_source import (
    MAX_REFLECTIONS,
    ShoeboxRoom,
    reflections_needed,
    simulate_response,
)
from nemo_noise.data.acoustics.impulse_response import (
    direct_sample,
    direct_to_reverberant_db,
    reverberation_time_s,
)
from nemo_noise.data.acoustics.knob import Knob, KnobValue
from nemo_noise.data.manifest import ManifestError, load_entry, read_manifest, require_audio_files

__all__ = ["RecordedRooms", "RoomResponse", "Rooms", "SimulatedRooms"]

_WALL_M = 0.3  # nearest that talker and microphone come to a wall
_PLACE_ATTEMPTS = 100


class RoomResponse(NamedTuple):
    """An impulse response [N], the index of its direct sound, and what is known about the room."""

    response: Wave
    direct: int
    settings: Settings


class Rooms(Protocol):
    """A source of impulse responses."""

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        """Draws one response at a rate."""


class SimulatedRooms:
    """Shoebox rooms by the image-source method, simulated at first use and kept.

    Room i is a function of (seed, i) alone; which room an utterance gets is a draw from its own generator.

    Args:
        rt60_s: reverberation time, seconds; the RT60 of the response lies within about 10 % of it.
        length_m: first edge of the room, metres.
        width_m: second edge, metres.
        height_m: third edge, metres.
        distance_m: from talker to microphone, metres; taken as far as the room allows.
        num_rooms: how many rooms there are; each costs 0.05 to 0.5 s once per data-loader worker.
        seed: of the rooms, 0 or more.

    Raises:
        ValueError: if a knob is out of its range, or the smallest room with the longest time needs too many images.
    """

    def __init__(
        self,
        rt60_s: KnobValue,
        length_m: KnobValue = 6.0,
        width_m: KnobValue = 4.5,
        height_m: KnobValue = 3.0,
        distance_m: KnobValue = 1.5,
        num_rooms: int = 100,
        seed: int = 0,
    ) -> None:
        self._rt60 = Knob(rt60_s, "rt60_s", 0.05, 3.0)
        named = {"length_m": length_m, "width_m": width_m, "height_m": height_m}
        self._edges = [Knob(value, name, 1.5, 50.0) for name, value in named.items()]
        self._distance = Knob(distance_m, "distance_m", 0.1, 50.0)
        if isinstance(num_rooms, bool) or not isinstance(num_rooms, int) or num_rooms < 1:
            raise ValueError(f"num_rooms: is {num_rooms!r}, expected a whole number, 1 or more")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed: is {seed!r}, expected a whole number, 0 or more")
        small = (self._edges[0].smallest, self._edges[1].smallest, self._edges[2].smallest)
        needed = reflections_needed(small, self._rt60.largest)
        if needed > MAX_REFLECTIONS:
            raise ValueError(
                f"rt60_s: {self._rt60.largest:g} s in the smallest room {small} m needs {needed} reflections, "
                f"at most {MAX_REFLECTIONS} are computed: larger rooms or shorter times"
            )
        self.num_rooms, self.seed = num_rooms, seed
        self._responses: dict[tuple[int, int], RoomResponse] = {}

    def room(self, index: int) -> ShoeboxRoom:
        """Returns the geometry of room `index`, which depends on the seed and the index alone."""
        rng = np.random.default_rng([self.seed, index])
        rt60_s, distance = self._rt60.draw(rng), self._distance.draw(rng)
        size = (self._edges[0].draw(rng), self._edges[1].draw(rng), self._edges[2].draw(rng))
        low, high = np.full(3, _WALL_M), np.asarray(size) - _WALL_M
        best: tuple[float, Wave, Wave] | None = None
        for _ in range(_PLACE_ATTEMPTS):
            microphone, direction = rng.uniform(low, high), rng.standard_normal(3)
            direction[2] *= 0.3  # talkers and microphones are at similar heights
            talker = microphone + distance * direction / np.linalg.norm(direction)
            inside = np.clip(talker, low, high)
            miss = abs(float(np.linalg.norm(inside - microphone)) - distance)
            if best is None or miss < best[0]:
                best = (miss, inside, microphone)
            if miss < 1e-6:
                break
        assert best is not None
        return ShoeboxRoom(size, _point(best[1]), _point(best[2]), rt60_s)

    def response(self, index: int, sample_rate: int) -> RoomResponse:
        """Returns the response of room `index` at a rate, simulated at first use."""
        key = (index, sample_rate)
        if key not in self._responses:
            room = self.room(index)
            response = simulate_response(room, sample_rate)
            settings: Settings = {
                "room": f"simulated {index}",
                "rt60_s": reverberation_time_s(response, sample_rate),
                "asked_rt60_s": room.rt60_s,
                "distance_m": room.distance_m,
                "drr_db": direct_to_reverberant_db(response, sample_rate),
            }
            self._responses[key] = RoomResponse(response, direct_sample(response, sample_rate), settings)
        return self._responses[key]

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        """Draws a room, all as likely."""
        return self.response(int(rng.integers(self.num_rooms)), sample_rate)


class RecordedRooms:
    """Recorded impulse responses of a NeMo manifest, all as likely.

    Args:
        manifest_path: lines with `audio_filepath` (mono) and, where it is known, `rt60` in seconds.

    Raises:
        ManifestError: if the manifest or one of its files is missing; at first use, if a file is no impulse response
            in one channel. Messages name file:line.
    """

    def __init__(self, manifest_path: str) -> None:
        self.entries = read_manifest(manifest_path)
        require_audio_files(self.entries)
        self._responses: dict[tuple[int, int], RoomResponse] = {}

    def response(self, index: int, sample_rate: int) -> RoomResponse:
        """Returns the response of entry `index` at a rate, read at first use."""
        key = (index, sample_rate)
        if key not in self._responses:
            entry = self.entries[index]
            response = load_entry(entry, sample_rate).astype(np.float64)
            channels = int(soundfile.info(entry.audio_filepath).channels)
            if channels != 1:
                raise ManifestError(
                    f"{entry.source}: {entry.audio_filepath}: has {channels} channels, whose average is no room's "
                    "response; expected one channel per file"
                )
            try:
                direct = direct_sample(response, sample_rate)
            except ValueError as error:
                raise ManifestError(f"{entry.source}: {entry.audio_filepath}: {error}") from error
            settings: Settings = {
                "room": entry.source,
                "drr_db": direct_to_reverberant_db(response, sample_rate),
            }
            if isinstance(entry.fields.get("rt60"), (int, float)):
                settings["rt60_s"] = float(entry.fields["rt60"])
            self._responses[key] = RoomResponse(response, direct, settings)
        return self._responses[key]

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        """Draws an entry, all as likely."""
        return self.response(int(rng.integers(len(self.entries))), sample_rate)


def _point(place: Wave) -> tuple[float, float, float]:
    x, y, z = place.tolist()
    return (x, y, z)
