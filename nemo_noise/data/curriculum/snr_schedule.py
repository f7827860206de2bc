# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""SNRs that change while training: a moving range, the accordion (ACCAN), and bands weighted by their difficulty."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nemo_noise.data.curriculum.band_weights import BAND_WEIGHTS, MAX_BANDS, BandWeights
from nemo_noise.data.curriculum.schedule import Schedule, read_schedule
from nemo_noise.data.draw.distribution import finite
from nemo_noise.data.signal.snr import SnrChoices, SnrDistribution, SnrRange

__all__ = [
    "Accordion",
    "ByDifficulty",
    "MovingRange",
    "SnrSchedule",
    "WeightedBands",
    "read_bands",
    "read_snr_schedule",
]

_CHECKED_TIMES = 200
_DIRECTIONS = ("noisy_to_clean", "clean_to_noisy")


class SnrSchedule(Protocol):
    """A distribution of SNRs as a function of time."""

    def at(self, time: float) -> SnrDistribution:
        """What SNRs are drawn from at a time."""

    def range_db(self, time: float) -> tuple[float, float]:
        """The lowest and the highest SNR at a time, in dB."""

    @property
    def turns(self) -> tuple[float, ...]:
        """The times at which it begins or ends to change, rising, at least one."""


@dataclass(frozen=True)
class MovingRange:
    """SNRs uniform between two numbers that move."""

    lowest: Schedule
    highest: Schedule

    def at(self, time: float) -> SnrDistribution:
        """The range at a time."""
        return SnrRange(*self.range_db(time))

    def range_db(self, time: float) -> tuple[float, float]:
        """Its ends, in dB."""
        return self.lowest.at(time), self.highest.at(time)

    @property
    def turns(self) -> tuple[float, ...]:
        """The turns of both ends."""
        return tuple(sorted({*self.lowest.turns, *self.highest.turns}))


@dataclass(frozen=True)
class Accordion:
    """Accordion annealing: one rung of a ladder of SNRs after the other joins, all that have joined are as likely.

    Braun, Neil, Liu, EUSIPCO 2017 ("A curriculum learning method for improved noise robustness in automatic speech
    recognition") go from 0 dB to 50 dB, and mix anew in each epoch, as `noise_mix` always does. Here the clock decides
    when the next rung joins.

    Attributes:
        rungs_db: in the order in which they join.
        every: time from one to the next.
    """

    rungs_db: tuple[float, ...]
    every: float

    def at(self, time: float) -> SnrDistribution:
        """The rungs that have joined."""
        return SnrChoices(self._joined(time))

    def range_db(self, time: float) -> tuple[float, float]:
        """The lowest and the highest rung that have joined, in dB."""
        joined = self._joined(time)
        return min(joined), max(joined)

    @property
    def turns(self) -> tuple[float, ...]:
        """When rungs join."""
        return tuple(self.every * number for number in range(len(self.rungs_db)))

    def _joined(self, time: float) -> tuple[float, ...]:
        return self.rungs_db[: 1 + max(int(time // self.every), 0)]


class WeightedBands:
    """SNRs uniform within bands, bands drawn by weight.

    Args:
        edges_db: rising, one more than bands.
        weights: of the bands, not all 0.
    """

    def __init__(self, edges_db: Sequence[float], weights: Sequence[float]) -> None:
        self.edges_db = tuple(edges_db)
        self._ends = np.cumsum(weights)

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""
        place = rng.random() * self._ends[-1]
        band = int(np.searchsorted(self._ends, place, side="right"))
        return float(rng.uniform(self.edges_db[band], self.edges_db[band + 1]))


@dataclass(frozen=True)
class ByDifficulty:
    """SNR bands that a training weights by how hard they are for it; all alike until it has measured.

    `nemo_noise.training.DifficultyCurriculum` measures and publishes between epochs; the clock plays no part.
    """

    edges_db: tuple[float, ...]
    weights: BandWeights

    def at(self, time: float) -> SnrDistribution:
        """The bands with their present weights."""
        return WeightedBands(self.edges_db, self.weights.of(self.edges_db))

    def range_db(self, time: float) -> tuple[float, float]:
        """The ends of the bands with a weight, in dB."""
        weights = self.weights.of(self.edges_db)
        drawn = [band for band, weight in enumerate(weights) if weight > 0]
        return self.edges_db[drawn[0]], self.edges_db[drawn[-1] + 1]

    @property
    def turns(self) -> tuple[float, ...]:
        """The beginning."""
        return (0.0,)


def read_snr_schedule(value: Any, name: str) -> SnrSchedule:
    """Reads the `snr_db` of a curriculum.

    Args:
        value: `{min, max}`, each a number or a schedule (`read_schedule`); `{schedule: accan, ladder_db, every,
            direction}`; or `{schedule: difficulty, bands_db}`.
        name: of the knob, for messages.

    Raises:
        ValueError: names the key and what would be right.
    """
    keys = set(value) if isinstance(value, Mapping) else set()
    if keys == {"min", "max"}:
        moving = MovingRange(*(read_schedule(value[end], f"{name}.{end}") for end in ("min", "max")))
        _check_range(moving, name)
        return moving
    kind = value.get("schedule") if isinstance(value, Mapping) else None
    if kind == "accan" and {"schedule", "ladder_db", "every"} <= keys <= {
        "schedule",
        "ladder_db",
        "every",
        "direction",
    }:
        return _accordion(value, name)
    if kind == "difficulty" and keys == {"schedule", "bands_db"}:
        return ByDifficulty(read_bands(value["bands_db"], f"{name}.bands_db"), BAND_WEIGHTS)
    raise ValueError(
        f"{name}: is {value!r}, expected {{min, max}}, {{schedule: accan, ladder_db, every, direction}} or "
        "{schedule: difficulty, bands_db}"
    )


def read_bands(value: Any, name: str) -> tuple[float, ...]:
    """Reads the edges of SNR bands, in dB.

    Raises:
        ValueError: if they are too few, too many, or do not rise.
    """
    edges = _numbers(value, name)
    if not 2 <= len(edges) <= MAX_BANDS + 1 or list(edges) != sorted(set(edges)):
        raise ValueError(f"{name}: is {list(edges)}, expected 2 to {MAX_BANDS + 1} rising edges in dB")
    return edges


def _accordion(value: Mapping[str, Any], name: str) -> Accordion:
    ladder = _numbers(value["ladder_db"], f"{name}.ladder_db")
    every = finite(value["every"], f"{name}.every")
    direction = value.get("direction", "noisy_to_clean")
    if not ladder or list(ladder) != sorted(set(ladder)):
        raise ValueError(f"{name}.ladder_db: is {list(ladder)}, expected rising SNRs in dB")
    if every <= 0:
        raise ValueError(f"{name}.every: is {every:g}, expected epochs or steps above 0")
    if direction not in _DIRECTIONS:
        raise ValueError(f"{name}.direction: is {direction!r}, expected one of {list(_DIRECTIONS)}")
    return Accordion(ladder if direction == "noisy_to_clean" else ladder[::-1], every)


def _check_range(moving: MovingRange, name: str) -> None:
    """Looks at all turns, just before each, where a step has not come yet, and at many times between."""
    times = {*moving.turns, *np.linspace(moving.turns[0], moving.turns[-1], _CHECKED_TIMES).tolist()}
    moments = {time: f"at {time:g}" for time in times}
    moments |= {math.nextafter(turn, -math.inf): f"just before {turn:g}" for turn in moving.turns if turn > 0}
    for time, moment in sorted(moments.items()):
        lowest, highest = moving.range_db(time)
        if lowest > highest:
            raise ValueError(f"{name}: {moment}, min is {lowest:g} and above max, {highest:g}")


def _numbers(value: Any, name: str) -> tuple[float, ...]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise ValueError(f"{name}: is {value!r}, expected a list of SNRs in dB")
    return tuple(finite(number, name) for number in value)
