# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A table of numbers in a CSV file, as sensors and spreadsheets write it: read exactly, or refused with its line."""

import csv
import math
import re

import numpy as np
import numpy.typing as npt

__all__ = ["parse_table"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOTHING = {"", "nan"}
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def parse_table(content: bytes, name: str) -> npt.NDArray[np.float32]:
    """Reads one sample a line, numbers with commas between them and a point in them, as [T, K].

    A byte-order mark is ignored, and so are empty lines at the end. A first line of words alone is a header. An empty
    field is NaN.

    Raises:
        ValueError: if the file is no UTF-8, separates otherwise, or a line holds words, infinity, or another number of
            fields; names file:line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{error}, expected it saved as UTF-8") from error
    lines = _fields(text.rstrip("\r\n \t"), name)
    first = int(bool(lines) and _is_header(lines[0], name))
    rows = lines[first:]
    for number, row in enumerate(rows, start=1 + first):
        if len(row) != len(rows[0]):
            raise ValueError(f"{name}:{number}: holds {len(row)} fields, expected {len(rows[0])} as before")
        _check_numbers(row, f"{name}:{number}")
    numbers = [[math.nan if field.lower() in _NOTHING else float(field) for field in row] for row in rows]
    with np.errstate(over="ignore"):
        return np.array(numbers, dtype=np.float32).reshape(len(numbers), len(rows[0]) if rows else 0)


def _fields(text: str, name: str) -> list[list[str]]:
    """The fields of each line, without blanks around them; quotes are a spreadsheet's."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []
    for separator, what in _OTHER_SEPARATORS.items():
        if lines and separator in lines[0]:
            raise ValueError(f"{name}:1: is separated by {what}, expected commas, and points in numbers")
    try:
        return [[field.strip() for field in row] or [""] for row in csv.reader(lines, strict=True)]
    except csv.Error as error:
        raise ValueError(f"{name}: is no table ({error}), expected numbers and commas") from error


def _is_header(row: list[str], name: str) -> bool:
    """Whether a first line names columns; a line of words and numbers is neither a header nor a sample."""
    words = [field for field in row if field.lower() not in _NOTHING and not _NUMBER.fullmatch(field)]
    if not words or any(_is_infinite(word) for word in words):
        return False
    numbers = [field for field in row if _NUMBER.fullmatch(field)]
    if numbers:
        raise ValueError(f"{name}:1: holds {words[0]!r} beside {numbers[0]!r}, expected a header of words, or numbers")
    return True


def _check_numbers(row: list[str], place: str) -> None:
    for field in row:
        if field.lower() in _NOTHING or _NUMBER.fullmatch(field):
            continue
        if _is_infinite(field):
            raise ValueError(f"{place}: holds {field!r}, expected finite numbers, or empty fields")
        raise ValueError(f"{place}: holds {field!r}, expected numbers or empty fields")


def _is_infinite(field: str) -> bool:
    return field.lower().lstrip("+-") in ("inf", "infinity")
