# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The estimate: a number with its interval, in Python one value and in JSON three keys."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

_Record = TypeVar("_Record")


class Estimate(NamedTuple):
    """A number with the ends of its 95 % interval.

    Attributes:
        value: None where it cannot be computed.
        low: None where nothing can be resampled, such as a single unit.
        high: None like `low`.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, record: Mapping[str, Any], name: str) -> "Estimate":
        """Take an estimate out of a JSON record: the keys `name`, `name_low` and `name_high`."""
        return cls(record[name], record[f"{name}_low"], record[f"{name}_high"])

    def keys(self, name: str) -> dict[str, float | None]:
        """The three keys of a JSON record."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


NO_ESTIMATE = Estimate(None)


def record(kind: type[_Record], **fields: object) -> _Record:
    """Make a JSON record whose estimates are three keys each.

    Args:
        kind: the `TypedDict` of the record.
        fields: its fields; an estimate stands under its name alone.

    Returns:
        The record, with its keys in the order of `fields`.

    Raises:
        TypeError: its keys are not those of `kind`.
    """
    made: dict[str, object] = {}
    for name, value in fields.items():
        made |= value.keys(name) if isinstance(value, Estimate) else {name: value}
    if made.keys() != kind.__annotations__.keys():
        raise TypeError(f"{kind.__name__} has other keys: {sorted(made.keys() ^ kind.__annotations__.keys())}")
    return made  # type: ignore[return-value]
