# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of values from a config, a manifest or a caller: every error names the option, its value and what fits."""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard, TypeVar

from nemo_noise.foreign_text import printable

__all__ = [
    "Rule",
    "are_numbers",
    "check_options",
    "choice",
    "flag",
    "is_number",
    "listed",
    "mapping",
    "maybe",
    "near_names",
    "number",
    "one_of",
    "paths",
    "refuse_unknown",
    "text",
    "whole",
]

_Choice = TypeVar("_Choice", bound=Enum)
_SHOWN = 100  # characters of a value in a message
MISSING = "???"  # as Hydra writes what only the user can give


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> TypeGuard[int | float]:
    """Whether a value is a finite number from low to high; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value) and low <= value <= high
    except OverflowError:  # a whole number beyond a float
        return False


def are_numbers(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether a value is a list, not an empty one, of numbers from low to high."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return False
    return all(is_number(one, low, high) for one in value)


def choice(kind: type[_Choice], value: object, name: str) -> _Choice:
    """The member of an enum that an option names by its value.

    Raises:
        ValueError: there is none; names option, value and all choices.
    """
    try:
        return kind(value)
    except ValueError:
        known = [member.value for member in kind]
        raise ValueError(f"{name}={printable(repr(value), _SHOWN)} is unknown; use one of {known}.") from None


def refuse_unknown(given: Iterable[str], kind: Callable[..., Any], where: str) -> None:
    """Refuse keys of a block that are no arguments of the class or function that is made from it.

    Raises:
        ValueError: there is no such argument; names the block and all arguments.
    """
    parameters = inspect.signature(kind).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    unknown = [name for name in given if name not in known]
    if unknown:
        near = difflib.get_close_matches(str(unknown[0]), known, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{where}: has no option {unknown[0]!r}{meant}, expected some of {', '.join(known)}")


@dataclass(frozen=True)
class Rule:
    """What a value must be.

    Attributes:
        fits: whether a value is that.
        should: the same in words, after "should be".
        item: the rule of each item, for lists.
    """

    fits: Callable[[Any], bool]
    should: str
    item: "Rule | None" = None

    def check(self, name: str, value: Any) -> None:
        """Refuse another value by a ValueError that names option, value and what would be right."""
        if not self.fits(value):
            raise ValueError(f"{name} is {printable(repr(value), _SHOWN)}, should be {self.should}")
        for one in value if self.item is not None and isinstance(value, Sequence) else ():
            if self.item is not None and not self.item.fits(one):
                shown = printable(repr(one), _SHOWN)
                raise ValueError(f"{name} holds {shown}, each should be {self.item.should}")


def whole(low: int | None = None, high: int | None = None) -> Rule:
    """A whole number, neither true nor false, within bounds."""

    def fits(value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and (low is None or value >= low) and (high is None or value <= high)

    return Rule(fits, f"a whole number{_bounds(low, high)}")


def number(low: float | None = None, high: float | None = None, above: float | None = None) -> Rule:
    """A finite number within bounds."""

    def fits(value: Any) -> bool:
        bounds = -math.inf if low is None else low, math.inf if high is None else high
        return is_number(value, *bounds) and (above is None or value > above)

    over = "" if above is None else f" above {above:g}"
    return Rule(fits, f"a number{over}{_bounds(low, high)}")


def text() -> Rule:
    """Some text."""
    return Rule(lambda value: isinstance(value, str) and bool(value.strip()), "a text, in quotes where it is a number")


def flag() -> Rule:
    """True or false."""
    return Rule(lambda value: isinstance(value, bool), "true or false")


def one_of(*choices: str) -> Rule:
    """One of several names."""
    return Rule(lambda value: isinstance(value, str) and value in choices, f"one of {', '.join(choices)}")


def listed(item: Rule, example: str) -> Rule:
    """A list, each item by its rule; a text is none, as it would be read letter by letter."""

    def fits(value: Any) -> bool:
        return isinstance(value, Sequence) and not isinstance(value, str)

    return Rule(fits, f"a list, as in {example}", item)


def paths() -> Rule:
    """A path, or a list of some."""

    def fits(value: Any) -> bool:
        several = [value] if isinstance(value, str) else value
        return isinstance(several, Sequence) and bool(several) and all(map(text().fits, several))

    return Rule(fits, "a path, or a list of paths")


def mapping(example: str) -> Rule:
    """A mapping."""
    return Rule(lambda value: isinstance(value, Mapping), f"a mapping, as in {example}")


def maybe(rule: Rule) -> Rule:
    """What another rule allows, or null."""
    return Rule(lambda value: value is None or rule.fits(value), f"{rule.should}, or null", rule.item)


def check_options(given: Mapping[str, Any], rules: Mapping[str, Rule], where: str = "") -> None:
    """Check all options of a block; options that it leaves out are not looked at.

    ``where`` is the block's own name, empty for the whole config.

    Raises:
        ValueError: an option is unknown (near names are offered) or has a wrong value.
    """
    before = f"{where}." if where else ""
    for name in given:
        if name not in rules:
            what = f"the key {name!r} is unknown" if not where else f"{where} has the unknown key {name!r}"
            raise ValueError(f"{what}{near_names(str(name), rules)}, should be one of {', '.join(rules)}")
    for name, value in given.items():
        rules[name].check(before + name, value)


def near_names(name: str, known: Iterable[str]) -> str:
    """The near names of a misspelt one, as " (did you mean x?)" within a sentence; empty where there are none."""
    all_known = list(known)
    begins = [one for one in all_known if len(name) > 2 and one.startswith((f"{name}_", f"{name}-"))]
    near = difflib.get_close_matches(name, all_known, n=2, cutoff=0.6) or begins[:2]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _bounds(low: float | None, high: float | None) -> str:
    bounds = [] if low is None else [f"{low} or more"]
    bounds += [] if high is None else [f"{high} at most"]
    return f", {' and '.join(bounds)}" if bounds else ""
