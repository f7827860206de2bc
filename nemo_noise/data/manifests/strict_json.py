# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One JSON object of foreign origin: what Python's parser would pass or choke on is refused with a reason."""

import json
import math
from typing import Any

from nemo_noise.foreign_text import printable

__all__ = ["check_values", "each_key_once", "parse_object"]

_SHOWN = 60  # characters of what is wrong


def parse_object(line: bytes) -> dict[str, Any]:
    """Parses a JSON object in UTF-8; a byte-order mark before it is ignored.

    Returns:
        Its fields; their values are checked by `check_values`.

    Raises:
        ValueError: if it is no UTF-8, no JSON, no object, nested too deeply, or has a key twice; names what it is.
    """
    try:
        decoded = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{line[error.start]:02x} is not UTF-8"
        raise ValueError(f"is not JSON, {byte} (Latin-1, UTF-16?), expected it saved as UTF-8") from error
    if "\0" in decoded:
        raise ValueError("is not JSON, it holds zero bytes (UTF-16?), expected it saved as UTF-8")
    try:
        fields = json.loads(decoded, object_pairs_hook=each_key_once)
    except _KeyTwiceError:
        raise
    except RecursionError:
        raise ValueError("is nested too deeply, expected one JSON object per line, a few levels deep") from None
    except ValueError as error:
        shown = f"{decoded.strip()[:_SHOWN]!r} ({error})"
        raise ValueError(f"is not JSON: {shown}, expected one JSON object per line") from error
    if not isinstance(fields, dict):
        shown = decoded.strip()[:_SHOWN]
        raise ValueError(f"is a JSON {type(fields).__name__}, expected an object, not {shown}")
    return fields


def check_values(fields: dict[str, Any]) -> None:
    """Refuses values that no JSON file can hold or no encoding can write, at any depth.

    Args:
        fields: of an object.

    Raises:
        ValueError: for NaN, infinity, whole numbers beyond a float, and halves of surrogate pairs; names the field.
    """
    waiting: list[tuple[str, Any]] = list(fields.items())
    for key in fields:
        _check_text(key, key)
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str):
            _check_text(name, value)
        elif isinstance(value, (int, float)):
            _check_number(name, value)
        elif isinstance(value, dict):
            for key in value:
                _check_text(f"{name}.{key}", key)
            waiting += [(f"{name}.{key}", item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{name}[{number}]", item) for number, item in enumerate(value)]


class _KeyTwiceError(ValueError):
    """A key that an object has more than once."""


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its pairs, for the `object_pairs_hook` of Python's parser.

    Args:
        pairs: keys and values, in order.

    Raises:
        ValueError: if a key is there more than once.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _KeyTwiceError(f"says {twice[:_SHOWN]!r} more than once, expected each key once")
    return fields


def _check_number(name: str, value: float) -> None:
    try:
        is_finite = math.isfinite(value)
    except OverflowError:
        shown = printable(value, 24)
        raise ValueError(f"{name} is {shown}, expected a number of up to 308 digits") from None
    if not is_finite:
        raise ValueError(f"{name} is {value}, which JSON has no word for, expected a finite number, null or no {name}")


def _check_text(name: str, value: str) -> None:
    half = next((letter for letter in value if "\ud800" <= letter <= "\udfff"), None)
    if half is not None:
        raise ValueError(f"{name} holds {printable(half)}, half of a surrogate pair, expected whole characters")
