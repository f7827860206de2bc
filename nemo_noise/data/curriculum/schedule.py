# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers that change while training: constant, linear, cosine and stepwise, as a config writes them down."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nemo_noise.data.draw.distribution import finite

__all__ = ["Constant", "Cosine", "Linear", "Schedule", "Stepwise", "read_schedule", "read_steps"]


class Schedule(Protocol):
    """A number as a function of time; time counts epochs or optimizer steps from 0."""

    def at(self, time: float) -> float:
        """The number at a time."""

    @property
    def turns(self) -> tuple[float, ...]:
        """The times at which it begins or ends to change, rising, at least one."""


@dataclass(frozen=True)
class Constant:
    """The same number at all times."""

    value: float

    def at(self, time: float) -> float:
        """The number."""
        return self.value

    @property
    def turns(self) -> tuple[float, ...]:
        """The beginning."""
        return (0.0,)


@dataclass(frozen=True)
class Linear:
    """`first` until `begin`, `last` from `until` on, a straight line between."""

    first: float
    last: float
    begin: float
    until: float

    def at(self, time: float) -> float:
        """The number at a time."""
        return _between(self.first, self.last, _course(time, self.begin, self.until))

    @property
    def turns(self) -> tuple[float, ...]:
        """Begin and end."""
        return self.begin, self.until


@dataclass(frozen=True)
class Cosine:
    """As `Linear`, with half a cosine between: slow at both ends."""

    first: float
    last: float
    begin: float
    until: float

    def at(self, time: float) -> float:
        """The number at a time."""
        course = _course(time, self.begin, self.until)
        return _between(self.first, self.last, 0.5 * (1.0 - math.cos(math.pi * course)))

    @property
    def turns(self) -> tuple[float, ...]:
        """Begin and end."""
        return self.begin, self.until


@dataclass(frozen=True)
class Stepwise:
    """`values[i]` from `times[i]` on; the times rise from 0."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, time: float) -> float:
        """The number at a time."""
        return self.values[step_at(self.times, time)]

    @property
    def turns(self) -> tuple[float, ...]:
        """The times of the steps."""
        return self.times


_RAMPS: dict[str, type[Linear] | type[Cosine]] = {"linear": Linear, "cosine": Cosine}


def read_schedule(value: Any, name: str) -> Schedule:
    """Reads a number of a config that may change.

    Args:
        value: a number; `{schedule: linear or cosine, from, to, begin, until}` (begin is 0 by default); or
            `{schedule: stepwise, steps: [{at, value}, ...]}`.
        name: of the knob, for messages.

    Raises:
        ValueError: names the key and what would be right.
    """
    if not isinstance(value, Mapping):
        return Constant(finite(value, name))
    kind = value.get("schedule")
    if kind == "stepwise":
        _check_keys(value, needed={"schedule", "steps"}, optional=set(), name=name)
        times, values = read_steps(value["steps"], "value", f"{name}.steps")
        return Stepwise(times, tuple(finite(number, f"{name}.steps.value") for number in values))
    if not isinstance(kind, str) or kind not in _RAMPS:
        raise ValueError(f"{name}.schedule: is {kind!r}, expected one of {[*_RAMPS, 'stepwise']}, or a plain number")
    _check_keys(value, needed={"schedule", "from", "to", "until"}, optional={"begin"}, name=name)
    begin, until = finite(value.get("begin", 0), f"{name}.begin"), finite(value["until"], f"{name}.until")
    if not 0 <= begin < until:
        raise ValueError(f"{name}: begin is {begin:g} and until {until:g}, expected 0 <= begin < until")
    return _RAMPS[kind](finite(value["from"], f"{name}.from"), finite(value["to"], f"{name}.to"), begin, until)


def read_steps(steps: Any, what: str, name: str) -> tuple[tuple[float, ...], tuple[Any, ...]]:
    """Reads a list of `{at: time, <what>: anything}`.

    Returns:
        The times, which rise from 0, and as many things.

    Raises:
        ValueError: names the entry.
    """
    if isinstance(steps, (str, Mapping)) or not isinstance(steps, Sequence) or not steps:
        raise ValueError(f"{name}: is {steps!r}, expected a list of {{at, {what}}}")
    for number, step in enumerate(steps):
        if not isinstance(step, Mapping) or set(step) != {"at", what}:
            raise ValueError(f"{name}[{number}]: is {step!r}, expected exactly {{at, {what}}}")
    times = tuple(finite(step["at"], f"{name}[{number}].at") for number, step in enumerate(steps))
    if times[0] != 0 or any(late <= early for early, late in zip(times[:-1], times[1:], strict=True)):
        raise ValueError(f"{name}: the times are {list(times)}, expected rising numbers from 0 on")
    return times, tuple(step[what] for step in steps)


def step_at(times: Sequence[float], time: float) -> int:
    """Number of the last of `times` (rising from 0) that is not after `time`."""
    return max(sum(1 for begin in times if begin <= time) - 1, 0)


def _course(time: float, begin: float, until: float) -> float:
    return min(max((time - begin) / (until - begin), 0.0), 1.0)


def _between(first: float, last: float, course: float) -> float:
    """Exact at both ends."""
    return first * (1.0 - course) + last * course


def _check_keys(value: Mapping[str, Any], *, needed: set[str], optional: set[str], name: str) -> None:
    if not needed <= set(value) <= needed | optional:
        allowed = f"{sorted(needed)}" + (f" and perhaps {sorted(optional)}" if optional else "")
        raise ValueError(f"{name}: has the keys {sorted(map(str, value))}, expected {allowed}")
