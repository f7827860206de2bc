# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A number in a config that is fixed, one of a list, or drawn evenly from a range."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nemo_noise.checks import is_number

__all__ = ["Knob", "KnobValue"]

KnobValue = float | Sequence[float] | Mapping[str, float]


class Knob:
    """A number as a config gives it: `5`, `[0, 5, 10]` (all as likely), or `{min: 0, max: 20}` (uniform).

    Args:
        value: one of the three.
        name: of the option, for messages.
        low: smallest number allowed.
        high: largest number allowed.

    Raises:
        ValueError: if the value has another form, or a number of it is not finite or out of its bounds.
    """

    def __init__(self, value: KnobValue, name: str, low: float = -math.inf, high: float = math.inf) -> None:
        self._is_range = isinstance(value, Mapping)
        if isinstance(value, Mapping):
            if set(value) != {"min", "max"}:
                raise ValueError(f"{name}: has the keys {sorted(map(str, value))}, expected exactly min and max")
            numbers = [value["min"], value["max"]]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            numbers = list(value)
        else:
            numbers = [value]
        if not numbers:
            raise ValueError(f"{name}: is an empty list, expected at least one number")
        self._numbers = [_checked(number, name, low, high) for number in numbers]
        if self._is_range and self._numbers[0] > self._numbers[1]:
            raise ValueError(f"{name}: min {self._numbers[0]:g} is above max {self._numbers[1]:g}")

    @property
    def smallest(self) -> float:
        """Smallest number that can be drawn."""
        return min(self._numbers)

    @property
    def largest(self) -> float:
        """Largest number that can be drawn."""
        return max(self._numbers)

    def draw(self, rng: np.random.Generator) -> float:
        """Draws a number; takes one draw from the generator, fixed or not, so that other draws stay where they are."""
        share = float(rng.random())
        if self._is_range:
            return self._numbers[0] + share * (self._numbers[1] - self._numbers[0])
        return self._numbers[int(share * len(self._numbers))]


def _checked(number: Any, name: str, low: float, high: float) -> float:
    if not is_number(number):
        raise ValueError(f"{name}: is {number!r}, expected a number, a list of numbers, or {{min: ..., max: ...}}")
    if not low <= number <= high:
        raise ValueError(f"{name}: is {number:g}, expected {_bounds(low, high)}")
    return float(number)


def _bounds(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} or more"
    return f"{high:g} or less" if math.isinf(low) else f"{low:g} to {high:g}"
