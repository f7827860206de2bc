# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where impulse responses come from: shoebox rooms that are simulated, and lists of recorded ones."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from nemo_noise.configuration import is_number
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
    no_impulse_response,
    reverberation_time_s,
)
from nemo_noise.data.audio.blocks import AudioError, open_audio
from nemo_noise.data.draw.distribution import Knob, KnobValue
from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, load_entry, read_manifest
from nemo_noise.data.manifests.usable import Unusable, find_unusable, usable_entries

__all__ = ["RecordedRooms", "RoomResponse", "Rooms", "SimulatedRooms"]

_WALL_M = 0.3  # nearest that talker and microphone come to a wall
_PLACE_ATTEMPTS = 100
_ROOM_ATTEMPTS = 12
_RT60_TOLERANCE = 0.25
_MOST_ABSORBED = 0.75  # of the energy, by walls between which sound still has a decay
_LONGEST_RT60_S = 100.0


class RoomResponse(NamedTuple):
    """An impulse response [N], the index of its direct sound, and the settings of the room."""

    response: Wave
    direct: int
    settings: Settings


class Rooms(Protocol):
    """A source of impulse responses."""

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        """Draws one response at a rate."""


class SimulatedRooms:
    """Shoebox rooms by the image-source method, simulated at first use and kept.

    Room i is a function of (seed, i) alone; which room an utterance gets is a draw from its own generator. A room
    whose response misses its RT60 is drawn again, up to twelve times.

    Args:
        rt60_s: reverberation time, seconds; the measured RT60 of every response lies within 25 % of it, mostly 10 %.
        length_m: first edge of the room, metres.
        width_m: second edge, metres.
        height_m: third edge, metres.
        distance_m: from talker to microphone, metres; taken as far as the room allows.
        num_rooms: how many rooms there are; each costs 0.05 to 0.5 s once per data-loader worker.
        seed: of the rooms, 0 or more.

    Raises:
        ValueError: if a knob is out of its range, the smallest room with the longest time needs too many images, or
            even its walls would absorb more than 75 %; at first use, if a room cannot have its RT60.
    """

    def __init__(
        self,
        rt60_s: KnobValue,
        *,
        length_m: KnobValue = 6.0,
        width_m: KnobValue = 4.5,
        height_m: KnobValue = 3.0,
        distance_m: KnobValue = 1.5,
        num_rooms: int = 100,
        seed: int = 0,
    ) -> None:
        self._rt60 = Knob(rt60_s, "rt60_s", low=0.05, high=3.0)
        named = {"length_m": length_m, "width_m": width_m, "height_m": height_m}
        self._edges = [Knob(value, name, low=1.5, high=50.0) for name, value in named.items()]
        self._distance = Knob(distance_m, "distance_m", low=0.1, high=50.0)
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
        possible_s = _possible_rt60_s(small)
        if self._rt60.largest < possible_s:
            raise ValueError(
                f"rt60_s: {self._rt60.largest:g} s cannot be had in the smallest room {small} m, expected "
                f"{possible_s:.2g} s or more (walls that absorb up to {_MOST_ABSORBED:.0%}), or smaller rooms"
            )
        self.num_rooms, self.seed = num_rooms, seed
        self._responses: dict[tuple[int, int], RoomResponse] = {}

    def room(self, index: int, attempt: int = 0) -> ShoeboxRoom:
        """Returns the geometry of room `index` at an attempt, which depends on the seed and on these two alone."""
        rng = np.random.default_rng([self.seed, index, attempt] if attempt else [self.seed, index])
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
            self._responses[key] = self._simulated(index, sample_rate)
        return self._responses[key]

    def _simulated(self, index: int, sample_rate: int) -> RoomResponse:
        """The first attempt at a room whose response has the wanted RT60."""
        missed = []
        for attempt in range(_ROOM_ATTEMPTS):
            room = self.room(index, attempt)
            response = simulate_response(room, sample_rate)
            try:
                rt60_s = reverberation_time_s(response, sample_rate)
            except ValueError:
                rt60_s = math.inf
            if abs(rt60_s - room.rt60_s) > _RT60_TOLERANCE * room.rt60_s:
                missed.append(f"{rt60_s:.2f} instead of {room.rt60_s:.2f}")
                continue
            settings: Settings = {
                "room": f"simulated {index}",
                "rt60_s": rt60_s,
                "asked_rt60_s": room.rt60_s,
                "distance_m": room.distance_m,
                "drr_db": direct_to_reverberant_db(response, sample_rate),
            }
            return RoomResponse(response, direct_sample(response, sample_rate), settings)
        raise ValueError(
            f"rt60_s: room {index} cannot have it, {len(missed)} rooms like that of {room.size_m} m had {missed[0]} s "
            "and the like; expected a longer time, or rooms that are smaller or nearer to a cube"
        )

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        """Draws a room, all as likely."""
        return self.response(int(rng.integers(self.num_rooms)), sample_rate)


class RecordedRooms:
    """Recorded impulse responses of a NeMo manifest, all as likely.

    At construction every file is read once per process. What is missing, broken, of several channels or no impulse
    response (speech, noise, a constant, a sweep) is left out and named in a warning; more than half are an error.

    Args:
        manifest_path: lines with `audio_filepath` (mono) and, if measured, `rt60` in seconds.

    Attributes:
        entries: all lines.
        left_out: those of them that are never drawn, and why.

    Raises:
        ManifestError: if the manifest or more than half of its files cannot be used, or an `rt60` is no number of
            seconds. Messages name file:line.
    """

    def __init__(self, manifest_path: str) -> None:
        self.entries = read_manifest(manifest_path)
        for entry in self.entries:
            if entry.fields.get("rt60") is not None:
                _check_rt60(entry)
        self.left_out = _unusable_responses(self.entries)
        usable_entries(self.entries, self.left_out, "impulse responses")
        bad = {id(one.entry) for one in self.left_out}
        self._never_drawn = {index for index, entry in enumerate(self.entries) if id(entry) in bad}
        self._responses: dict[tuple[int, int], RoomResponse] = {}

    def response(self, index: int, sample_rate: int) -> RoomResponse:
        """Returns the response of entry `index` at a rate, read at first use."""
        key = (index, sample_rate)
        if key not in self._responses:
            entry = self.entries[index]
            response = load_entry(entry, sample_rate).astype(np.float64)
            try:
                direct = direct_sample(response, sample_rate)
            except ValueError as error:
                raise ManifestError(f"{entry.source}: {entry.audio_filepath}: {error}") from error
            settings: Settings = {
                "room": entry.source,
                "drr_db": direct_to_reverberant_db(response, sample_rate),
            }
            if entry.fields.get("rt60") is not None:
                settings["rt60_s"] = float(entry.fields["rt60"])
            self._responses[key] = RoomResponse(response, direct, settings)
        return self._responses[key]

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        """Draws an entry that can be used, all as likely."""
        index = int(rng.integers(len(self.entries)))
        while index in self._never_drawn:  # so that lists without such lines draw as ever
            index = int(rng.integers(len(self.entries)))
        return self.response(index, sample_rate)


def _unusable_responses(entries: Sequence[ManifestEntry]) -> list[Unusable]:
    """The lines whose files are no impulse response in one channel, in their order."""
    unusable = {id(one.entry): one for one in find_unusable(entries, no_impulse_response)}
    for entry in entries:
        channels = _channels(entry)
        if channels > 1:
            reason = f"has {channels} channels, whose average is no room's response; expected one channel per file"
            unusable[id(entry)] = Unusable(entry, f"{entry.source}: {entry.audio_filepath}: {reason}")
    return [unusable[id(entry)] for entry in entries if id(entry) in unusable]


def _channels(entry: ManifestEntry) -> int:
    """How many channels a file has, 0 where it cannot be read."""
    try:
        with open_audio(entry.audio_filepath) as audio:
            return audio.channels
    except AudioError:
        return 0


def _check_rt60(entry: ManifestEntry) -> None:
    rt60 = entry.fields["rt60"]
    if not is_number(rt60, high=_LONGEST_RT60_S) or rt60 <= 0:
        raise ManifestError(
            f"{entry.source}: rt60 is {rt60!r}, expected seconds above 0, up to {_LONGEST_RT60_S:g}, or no rt60"
        )


def _possible_rt60_s(size_m: tuple[float, float, float]) -> float:
    """The shortest RT60 of a room whose walls absorb three quarters (Eyring, 1930), seconds."""
    a, b, c = size_m
    sabine_s = 0.161 * a * b * c / (2 * (a * b + b * c + a * c))
    return sabine_s / -math.log(1.0 - _MOST_ABSORBED)


def _point(place: Wave) -> tuple[float, float, float]:
    x, y, z = place.tolist()
    return (x, y, z)
