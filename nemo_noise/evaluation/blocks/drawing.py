# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A chart as data: lines, labels, points and areas in pixels, which the template draws as SVG."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Position: TypeAlias = tuple[float, float]  # from the left, from the top


class Stroke(NamedTuple):
    """A straight line; `look` is the class that colours it, here and below."""

    start: Position
    end: Position
    look: str
    is_dashed: bool = False


class Label(NamedTuple):
    """A text that begins at its position, or has its middle or end there."""

    position: Position
    content: str
    anchor: str = "start"


class Point(NamedTuple):
    """A disc, and the text that shows when pointed at."""

    position: Position
    radius: float
    look: str
    hint: str = ""


class Curve(NamedTuple):
    """A line through some positions."""

    positions: tuple[Position, ...]
    look: str


class Area(NamedTuple):
    """What some positions enclose."""

    positions: tuple[Position, ...]
    look: str


Shape: TypeAlias = Stroke | Label | Point | Curve | Area


@dataclass(frozen=True)
class Drawing:
    """Shapes from the lowest to the top one, on so many pixels; the title is what screen readers read out."""

    width: int
    height: int
    shapes: tuple[Shape, ...]
    title: str = ""
    is_square: bool = False
