# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The `model.bin` of CTranslate2, as faster-whisper has it: a list of named arrays, read without running anything.

Little-endian: version, name and revision of the model; a count, then name, rank, sizes, type, bytes and values of each
variable; a count, then pairs of an alias and the variable that it means. A name is its length with a zero behind it,
its letters and that zero.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nemo_noise.archive.finite_weights import check_finite
from nemo_noise.foreign_text import printable

__all__ = ["CTranslate2File", "read_ctranslate2"]

VERSION = 6  # of the binary format; 6 since CTranslate2 2.20 (2022)
TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
BYTES = {"float32": 4, "int8": 1, "int16": 2, "int32": 4, "float16": 2, "bfloat16": 2}
MOST_VARIABLES = 1_000_000
MOST_DIMENSIONS = 8
SMALLEST_VARIABLE = 2 + 2 + 1 + 1 + 4  # bytes
SCALE = "_scale"
REMEDY = "use another copy of the file, or convert it again with ct2-transformers-converter"


@dataclass(frozen=True)
class CTranslate2File:
    """The variables of a file; values are read from disk when they are asked for.

    Attributes:
        path: the file.
        name: of the kind of model, such as `WhisperSpec`.
        revision: of that kind.
        variables: name, type, sizes and bytes of each, with the aliases.
    """

    path: Path
    name: str
    revision: int
    variables: Mapping[str, "Variable"]

    def __contains__(self, name: str) -> bool:
        return name in self.variables

    def shape(self, name: str) -> tuple[int, ...]:
        """The sizes of a variable; a ValueError where the file lacks it."""
        return self._of(name).shape

    def whole(self, name: str) -> int:
        """A single whole number.

        Raises:
            ValueError: the file lacks it, or it is no such number.
        """
        variable = self._of(name)
        if variable.shape or variable.type not in ("int8", "int16", "int32"):
            raise ValueError(f"{self.path}: {printable(name, 100)} is {variable.described}, must be one whole number.")
        return int(variable.values.view(np.dtype(variable.type).newbyteorder("<"))[0])

    def tensor(self, name: str) -> Tensor:
        """A variable in float32; whole numbers are divided by the scale beside them, `<name>_scale`.

        Raises:
            ValueError: the file lacks it or its scale, the scale does not fit, or a value is not finite.
        """
        variable = self._of(name)
        tensor = _as_float(variable)
        if variable.type.startswith("int"):
            tensor = tensor / self._scale(name, variable)
        check_finite({name: tensor}, self.path, remedy=REMEDY)
        return tensor

    @property
    def parameter_count(self) -> int:
        """Numbers that were learned: all arrays but scales, each once, whichever names it has."""
        own = {id(one): one for name, one in self.variables.items() if not name.endswith(SCALE) and one.shape}
        return sum(math.prod(one.shape) for one in own.values())

    def _scale(self, name: str, variable: "Variable") -> Tensor:
        """The scale of each row of 8 bits, of all values of 16 bits, ready to divide by."""
        if name + SCALE not in self.variables:
            shown = printable(name, 100)
            raise ValueError(f"{self.path}: {shown} is {variable.described}, and there is no {shown}{SCALE}.")
        kept = self.variables[name + SCALE]
        expected = variable.shape[:1] if variable.type == "int8" else ()
        if not kept.type.startswith("float") or kept.shape != expected:
            raise ValueError(
                f"{self.path}: {printable(name + SCALE, 100)} is {kept.described}, must be float32 {list(expected)}."
            )
        scale = _as_float(kept)
        if not bool(torch.isfinite(scale).all()) or bool((scale <= 0).any()):
            raise ValueError(
                f"{self.path}: {printable(name + SCALE, 100)} must hold finite numbers above 0. {REMEDY}."
            )
        return scale.reshape(-1, *[1] * (len(variable.shape) - 1)) if expected else scale

    def _of(self, name: str) -> "Variable":
        if name not in self.variables:
            raise ValueError(f"{self.path}: {self.name} lacks {name}, which a model of this kind has.")
        return self.variables[name]


@dataclass(frozen=True)
class Variable:
    """One array: its type, its sizes, and its bytes on disk."""

    type: str
    shape: tuple[int, ...]
    values: NDArray[np.uint8] = field(repr=False)

    @property
    def described(self) -> str:
        """Type and sizes for messages."""
        return f"{self.type} {list(self.shape)}"


def read_ctranslate2(path: str | Path) -> CTranslate2File:
    """Read the list of variables, and check it; values stay on disk.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, of another version, cut off, or contradicts itself; names the place.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist: a CTranslate2 folder has its weights in model.bin.")
    if file.stat().st_size == 0:
        raise ValueError(f"{file} is empty, should be a model of CTranslate2: {REMEDY}.")
    reader = _Reader(file, np.memmap(file, dtype=np.uint8, mode="r"))
    version = reader.number("<I", "version")
    if version != VERSION:
        raise ValueError(
            f"{file}: version {version} of the format, must be {VERSION}: should be a model.bin of CTranslate2, "
            "release 2.20 or newer."
        )
    name, revision = reader.text("name of the model"), reader.number("<I", "revision")
    variables = dict(_variables(reader))
    for alias, target in _aliases(reader):
        if target not in variables or alias in variables:
            raise reader.error(f"alias {printable(alias, 100)} of {printable(target, 100)} must name another variable")
        variables[alias] = variables[target]
    if reader.place != len(reader.data):
        raise reader.error(f"{len(reader.data) - reader.place} bytes follow the last alias, must be none")
    return CTranslate2File(file, printable(name, 60), revision, variables)


class _Reader:
    """Goes through a file; whatever would lie behind its end is an error."""

    def __init__(self, path: Path, data: NDArray[np.uint8]) -> None:
        self.path, self.data, self.place = path, data, 0

    def number(self, form: str, what: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form), what).tobytes())[0])

    def text(self, what: str) -> str:
        length = self.number("<H", what)
        letters = self.take(length, what).tobytes()
        if not letters.endswith(b"\0") or b"\0" in letters[:-1]:
            raise self.error(f"the {what} must end in its only zero")
        try:
            return letters[:-1].decode()
        except UnicodeDecodeError as error:
            raise self.error(f"the {what} must be UTF-8") from error

    def take(self, count: int, what: str) -> NDArray[np.uint8]:
        if count > len(self.data) - self.place:
            raise self.error(
                f"{count} bytes of the {what} are wanted, {len(self.data) - self.place} are left: cut off?"
            )
        self.place += count
        return self.data[self.place - count : self.place]

    def count(self, what: str) -> int:
        number = self.number("<I", what)
        if number > min(MOST_VARIABLES, (len(self.data) - self.place) // 2):
            raise self.error(f"{number} as the {what} is more than the file can hold")
        return number

    def error(self, problem: str) -> ValueError:
        return ValueError(f"{self.path}, byte {self.place}: {problem}; {REMEDY}.")


def _variables(reader: _Reader) -> Iterator[tuple[str, Variable]]:
    seen: set[str] = set()
    for _ in range(reader.count("number of variables")):
        name = reader.text("name of a variable")
        shown = printable(name, 100)
        if not name or name in seen:
            raise reader.error(f"variable {shown!r} must have a name of its own")
        seen.add(name)
        rank = reader.number("<B", "rank")
        if rank > MOST_DIMENSIONS:
            raise reader.error(f"{shown} has {rank} dimensions, must have {MOST_DIMENSIONS} at most")
        shape = tuple(reader.number("<I", "sizes") for _ in range(rank))
        number = reader.number("<B", "type")
        if number >= len(TYPES):
            raise reader.error(
                f"{shown} is of type {number}, must be one of 0 to {len(TYPES) - 1} ({', '.join(TYPES)})"
            )
        size, expected = reader.number("<I", "bytes"), math.prod(shape) * BYTES[TYPES[number]]
        if size != expected:
            raise reader.error(f"{shown} has {size} bytes, {TYPES[number]} {list(shape)} must have {expected}")
        yield name, Variable(TYPES[number], shape, reader.take(size, f"values of {shown}"))


def _aliases(reader: _Reader) -> Iterator[tuple[str, str]]:
    for _ in range(reader.count("number of aliases")):
        yield reader.text("name of an alias"), reader.text("name of its variable")


def _as_float(variable: Variable) -> Tensor:
    raw = np.ascontiguousarray(variable.values)
    if variable.type == "bfloat16":
        return torch.from_numpy(raw.view("<i2").copy()).view(torch.bfloat16).float().reshape(variable.shape)
    values = raw.view(np.dtype(variable.type).newbyteorder("<")).astype(np.float32)
    return torch.from_numpy(values).reshape(variable.shape)
