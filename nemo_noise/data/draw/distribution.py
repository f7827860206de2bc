# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A number in a config that is fixed, one of a list, or drawn evenly from a range: one grammar for all options."""

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from nemo_noise.configuration import is_number

__all__ = ["Form", "Knob", "KnobValue", "Numbers", "finite", "read_numbers", "share", "whole_range"]

KnobValue = float | Sequence[float] | Mapping[str, float]


class Form(Enum):
    """How an option writes down what is drawn: `5`, `[0, 5, 10]` (all as likely), or `{min: 0, max: 20}` (uniform)."""

    NUMBER = "number"
    LIST = "list"
    RANGE = "range"


class Numbers(NamedTuple):
    """What stands in an option, not checked: one number, those of a list, or the two ends of a range."""

    form: Form
    values: list[Any]


def read_numbers(value: Any, name: str) -> Numbers:
    """Reads one of the three forms of an option.

    Raises:
        ValueError: if a mapping has other keys than `min` and `max`, or a list is empty.
    """
    if isinstance(value, Mapping):
        if set(value) != {"min", "max"}:
            raise ValueError(f"{name}: has the keys {sorted(map(str, value))}, expected exactly min and max")
        return Numbers(Form.RANGE, [value["min"], value["max"]])
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise ValueError(f"{name}: is an empty list, expected at least one number")
        return Numbers(Form.LIST, list(value))
    return Numbers(Form.NUMBER, [value])


class Knob:
    """A number as a config gives it, in any of the three forms.

    Args:
        value: one of the three.
        name: of the option, for messages.
        low: smallest number allowed.
        high: largest number allowed.

    Raises:
        ValueError: if the value has another form, or a number of it is not finite or out of its bounds.
    """

    def __init__(self, value: KnobValue, name: str, *, low: float = -math.inf, high: float = math.inf) -> None:
        form, numbers = read_numbers(value, name)
        self._is_range = form is Form.RANGE
        self._numbers = [_checked(number, name, low=low, high=high) for number in numbers]
        if self._is_range:
            check_order(self._numbers[0], self._numbers[1], name)

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


def whole_range(value: Any, name: str, most: int) -> tuple[int, int]:
    """Reads a whole number from 1 to `most`, or a range of them.

    Returns:
        The least and the most that can be drawn.

    Raises:
        ValueError: names the option.
    """
    form, ends = read_numbers(value, name)
    whole = all(isinstance(count, int) and not isinstance(count, bool) for count in ends)
    if form is Form.LIST or not whole or not 1 <= ends[0] <= ends[-1]:
        raise ValueError(f"{name}: is {value!r}, expected a whole number above 0, or {{min: 3, max: 8}}")
    if ends[-1] > most:
        raise ValueError(f"{name}: is {value!r}, expected {most} at most")
    return ends[0], ends[-1]


def finite(value: Any, name: str, unit: str = "") -> float:
    """Returns a number as float, or raises a ValueError that names it."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise ValueError(f"{name}: is {value!r}, expected a finite number{' ' if unit else ''}{unit}")
    return float(value)


def share(value: Any, name: str) -> float:
    """Returns a number from 0 to 1 as float, or raises a ValueError that names it."""
    if not 0.0 <= finite(value, name) <= 1.0:
        raise ValueError(f"{name}: is {value!r}, expected 0 to 1")
    return float(value)


def check_order(low: float, high: float, name: str) -> None:
    """Raises a ValueError for a range that ends below its beginning."""
    if low > high:
        raise ValueError(f"{name}: min {low:g} is above max {high:g}")


def _checked(number: Any, name: str, *, low: float, high: float) -> float:
    if not is_number(number):
        raise ValueError(f"{name}: is {number!r}, expected a number, a list of numbers, or {{min: ..., max: ...}}")
    if not low <= number <= high:
        raise ValueError(f"{name}: is {number:g}, expected {_bounds(low, high)}")
    return float(number)


def _bounds(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} or more"
    return f"{high:g} or less" if math.isinf(low) else f"{low:g} to {high:g}"
