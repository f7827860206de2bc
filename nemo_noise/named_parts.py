# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Contexts and fusions by their names in `conf/parts`; neither NeMo nor torch is imported to list them."""

from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nemo_noise.checks import near_names
from nemo_noise.configuration import config_directory
from nemo_noise.foreign_text import printable

__all__ = ["Kind", "Part", "describe_parts", "part_options", "parts"]


class Kind(str, Enum):
    """Kinds of parts that are named."""

    CONTEXT = "context"
    FUSION = "fusion"


class Part(NamedTuple):
    """A part.

    Attributes:
        name: of its file.
        what: what it is, in a sentence.
        streams: whether it can follow a stream; False: it needs the whole utterance.
    """

    name: str
    what: str
    streams: bool


def parts(kind: Kind) -> dict[str, Part]:
    """All parts of a kind, by name."""
    return {path.stem: _part(path) for path in sorted(_folder(kind).glob("*.yaml"))}


def part_options(kind: Kind, name: str) -> dict[str, Any]:
    """The options of a part, with their references.

    Raises:
        ValueError: there is none of that name; proposes near ones.
    """
    known = parts(kind)
    if name not in known:
        shown = printable(repr(name), 60)
        near = near_names(str(name), known)
        raise ValueError(f"{kind.value} is {shown}{near}, should be one of {', '.join(known)}")
    options: dict[str, Any] = yaml.safe_load((_folder(kind) / f"{name}.yaml").read_text(encoding="utf-8"))
    return options


def describe_parts() -> str:
    """A table of all parts for people."""
    lines = ["contexts"]
    width = max(len(name) for kind in Kind for name in parts(kind))
    for part in parts(Kind.CONTEXT).values():
        lines.append(f"  {part.name:<{width}}  {'streams' if part.streams else 'offline'}  {part.what}")
    lines.append("fusions (all stream as their context does)")
    lines += [f"  {part.name:<{width}}  {part.what}" for part in parts(Kind.FUSION).values()]
    return "\n".join(lines)


def _folder(kind: Kind) -> Path:
    return config_directory() / "parts" / kind.value


def _part(path: Path) -> Part:
    what = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return Part(path.stem, what, "whole utterance" not in what)
