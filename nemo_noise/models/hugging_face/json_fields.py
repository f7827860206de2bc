# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fields of a foreign JSON object, each read as one type within bounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemo_noise.foreign_text import printable

__all__ = ["JsonFields"]

LARGEST = 2**31 - 1
SHOWN = 60  # letters of a value in a message


@dataclass(frozen=True)
class JsonFields:
    """The fields of one JSON object, each read as one type within bounds.

    A field that is missing or null takes its default; without one it is refused. Every reader raises a `ValueError`
    that names file, field, value and what is right.

    Attributes:
        file: the file, for messages.
        values: the object.
        kind: whose file it is, such as `a Whisper`, for messages.
    """

    file: Path
    values: Mapping[str, Any]
    kind: str = "this model"

    def whole(self, name: str, *, default: int | None = None, low: int = 1, high: int = LARGEST) -> int:
        """A whole number within bounds."""
        value = self._given(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refusal(name, f"must be a whole number from {low} to {high}")
        return value

    def number(
        self, name: str, *, default: float | None = None, low: float = 0.0, high: float = 1.0, is_above: bool = False
    ) -> float:
        """A number from ``low``, or above it, to ``high``."""
        value = self._given(name, default)
        is_real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_real or not low <= value <= high or (is_above and value == low):
            raise self.refusal(name, f"must be a number {'above' if is_above else 'from'} {low:g} to {high:g}")
        return float(value)

    def boolean(self, name: str, *, default: bool) -> bool:
        """`true` or `false`; the text "false" is neither."""
        value = self._given(name, default)
        if not isinstance(value, bool):
            raise self.refusal(name, "must be true or false, without quotation marks")
        return value

    def choice(self, name: str, allowed: Sequence[str], *, default: str) -> str:
        """One of a few words."""
        value = self._given(name, default)
        if value not in allowed:
            raise self.refusal(name, f"must be one of {list(allowed)}")
        return str(value)

    def whole_numbers(self, name: str, *, low: int = 1, high: int = LARGEST) -> list[int]:
        """A list of whole numbers within bounds; missing and null are the empty one."""
        values = self.values.get(name)
        if values is None:
            return []
        if not isinstance(values, list):
            raise self.refusal(name, f"must be a list of whole numbers from {low} to {high}")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(
                    f"{printable(self.file)}: {name} holds {_shown(value)}, which must be a whole number from {low} "
                    f"to {high}."
                )
        return list(values)

    def fixed(self, expected: Mapping[str, Any]) -> None:
        """Refuse fields that are there and have another value, or another type, than the only one supported."""
        for name, value in expected.items():
            given = self.values.get(name, value)
            is_number = isinstance(value, float) and isinstance(given, int) and not isinstance(given, bool)
            if given != value or not (type(given) is type(value) or is_number):
                raise self.refusal(name, f"must be {value!r}")

    def divides(self, divisor: str, number: str, *, default: int | None = None) -> int:
        """A whole number that divides another field."""
        parts, whole = self.whole(divisor, default=default), self.whole(number)
        if whole % parts:
            raise ValueError(
                f"{printable(self.file)}: {number}={whole} must be a multiple of {divisor}={parts}, with nothing left."
            )
        return parts

    def refusal(self, name: str, expected: str) -> ValueError:
        """The error that a field is not as expected."""
        return ValueError(
            f"{printable(self.file)}: {name}={_shown(self.values.get(name))} {expected}, in {self.kind}."
        )

    def _given(self, name: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None and default is None:
            raise ValueError(f"{printable(self.file)} lacks {name!r}, which that of {self.kind} has.")
        return default if value is None else value


def _shown(value: Any) -> str:
    return printable(repr(value), longest=SHOWN)
