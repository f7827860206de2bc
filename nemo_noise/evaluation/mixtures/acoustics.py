# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms in front of the noise and channels behind it, by name, as training's `rooms` and `devices` write them down.

What an utterance gets is drawn from (seed, utterance, name of the room or channel) alone, as its noise is.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemo_noise.data.acoustics.chain import EffectChain, build_chain
from nemo_noise.evaluation.hypothesis import PLAIN, Place

ENTRY_KEYS = ("effects", "seen", "seed", "prob", "refresh")


class Grid(str, Enum):
    """Which places are rendered: every room in every channel, or one of both at its first entry."""

    FULL = "full"
    MARGINAL = "marginal"


@dataclass(frozen=True)
class Surroundings:
    """One room or channel.

    Attributes:
        chain: what happens to the audio; None for nothing.
        recipe: the config of its effects and its seed, which name the audio.
        seen: whether the models were trained with it; None where the config does not say.
    """

    chain: EffectChain | None = None
    recipe: Mapping[str, Any] | None = None
    seen: bool | None = None


@dataclass(frozen=True)
class Acoustics:
    """All rooms and channels of an evaluation; the first of each is the reference.

    Attributes:
        rooms: by name.
        channels: by name.
        grid: which pairs of them are rendered.
    """

    rooms: Mapping[str, Surroundings] = field(default_factory=lambda: {PLAIN.room: Surroundings()})
    channels: Mapping[str, Surroundings] = field(default_factory=lambda: {PLAIN.channel: Surroundings()})
    grid: Grid = Grid.FULL

    def places(self) -> list[Place]:
        """List the pairs of room and channel that are rendered, the reference first."""
        pairs = [Place(room, channel) for room in self.rooms for channel in self.channels]
        if self.grid is Grid.FULL:
            return pairs
        return [place for place in pairs if place.room == pairs[0].room or place.channel == pairs[0].channel]

    def recipe(self, place: Place) -> list[Any]:
        """Write down what decides the audio of a place, for the id of a trial."""
        return [*place, self.rooms[place.room].recipe if place.room in self.rooms else None, self._channel(place)]

    def in_room(
        self, speech: NDArray[np.float32], sample_rate: int, place: Place, *, seed: int, utterance_id: str
    ) -> NDArray[np.float32]:
        """Put speech into the room of a place.

        Args:
            speech: mono. [T]
            sample_rate: samples per second.
            place: names the room.
            seed: of the plan.
            utterance_id: of the speech.

        Returns:
            The reverberant speech, or `speech` itself in a room without effects. [T]
        """
        room = self.rooms.get(place.room)
        return (
            speech
            if room is None
            else _through(room, speech, sample_rate, drawn_from=[seed, "room", place.room, utterance_id])
        )

    def behind_channel(
        self, samples: NDArray[np.float32], sample_rate: int, place: Place, *, seed: int, utterance_id: str
    ) -> NDArray[np.float32]:
        """Send speech and noise through the channel of a place; arguments and result as those of `in_room`."""
        drawn_from: list[int | str] = [seed, "channel", place.channel, utterance_id]
        return _through(self.channels[place.channel], samples, sample_rate, drawn_from=drawn_from)

    def _channel(self, place: Place) -> Mapping[str, Any] | None:
        return self.channels[place.channel].recipe


def parse_acoustics(
    rooms: Mapping[str, Any] | None, channels: Mapping[str, Any] | None, grid: str = Grid.FULL.value
) -> Acoustics:
    """Build rooms and channels from a config.

    Args:
        rooms: by name null (only for "dry") or a block like those in conf/parts/acoustics: `effects` and, if wanted,
            `seen: true|false` and `seed`. None or empty: dry.
        channels: the same; null is only for "wideband".
        grid: "full" or "marginal".

    Returns:
        The acoustics.

    Raises:
        ValueError: a name, a key or a value is wrong; names it.
    """
    if grid not in [known.value for known in Grid]:
        raise ValueError(f"grid is {grid!r}, should be one of {[known.value for known in Grid]}")
    return Acoustics(_entries("rooms", rooms, PLAIN.room), _entries("channels", channels, PLAIN.channel), Grid(grid))


def check_seen(where: str, value: Any) -> bool | None:
    """Refuse a `seen` that is neither true nor false, null being unsaid."""
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{where}.seen is {value!r}, should be true or false")
    return value


def _entries(axis: str, entries: Mapping[str, Any] | None, plain: str) -> dict[str, Surroundings]:
    """Build the entries of one axis."""
    if entries is not None and not isinstance(entries, Mapping):
        raise ValueError(
            f"{axis} is {entries!r}, should be a mapping such as {{{plain}: null, name: {{effects: ...}}}}"
        )
    return {name: _entry(axis, name, entry, plain=plain) for name, entry in (entries or {plain: None}).items()}


def _entry(axis: str, name: str, entry: Any, *, plain: str) -> Surroundings:
    where = f"{axis}.{name}"
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"{axis} holds the name {name!r}: use letters, digits, - and _")
    if entry is None and name == plain:
        return Surroundings()
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is {entry!r}, should be a mapping with effects; only {axis}.{plain} may be null")
    unknown = [key for key in entry if key not in ENTRY_KEYS]
    if unknown:
        raise ValueError(f"{where} has the unknown key {unknown[0]!r}, known are {', '.join(ENTRY_KEYS)}")
    seen, seed, effects = check_seen(where, entry.get("seen")), entry.get("seed", 0), entry.get("effects")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"{where}.seed is {seed!r}, should be a whole number, 0 or more")
    if entry.get("prob", 1.0) != 1.0:
        raise ValueError(f"{where}.prob is {entry['prob']!r}, should be 1.0: set the prob of its effects")
    if bool(effects) == (name == plain):
        should = "no effects: this name stands for none" if name == plain else "effects that change something"
        raise ValueError(f"{where}.effects is {effects!r}, should be {should}")
    if not effects:
        return Surroundings(seen=seen)
    try:
        return Surroundings(build_chain(effects), {"effects": effects, "seed": seed}, seen)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _through(
    surroundings: Surroundings, samples: NDArray[np.float32], sample_rate: int, *, drawn_from: list[int | str]
) -> NDArray[np.float32]:
    """Apply a chain with draws of its own for each utterance. [T] -> [T]."""
    if surroundings.chain is None:
        return samples
    seed = (surroundings.recipe or {})["seed"]
    digest = hashlib.sha256("\0".join(map(str, [*drawn_from, seed])).encode()).digest()
    try:
        return surroundings.chain.apply(samples, sample_rate, [int.from_bytes(digest[:16], "little")]).samples
    except ValueError as error:
        raise ValueError(f"{drawn_from[1]} {drawn_from[2]!r}: utterance {drawn_from[3]!r}: {error}") from error
