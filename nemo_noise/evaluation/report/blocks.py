# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a section of the report is made of: text, tables, cards and charts as data, which the template draws.

Nothing here is HTML: text is given as it is, and the template escapes it.
"""

import re
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import TypeAlias

from nemo_noise.evaluation.report.audio import Clip
from nemo_noise.evaluation.report.drawing import Drawing

ANCHOR = re.compile(r"[a-z][a-z0-9-]*")


class Look(Enum):
    """How a piece of text stands out."""

    STRONG = "strong"
    SOFT = "soft"
    CODE = "code"
    MISSED = "missed"
    INVENTED = "invented"


@dataclass(frozen=True)
class Span:
    """Text that stands out."""

    content: str
    look: Look


Line: TypeAlias = str | Span | tuple[str | Span, ...]  # several pieces stand a space apart


def strong(content: str) -> Span:
    """Text in bold: the number that a row is about."""
    return Span(content, Look.STRONG)


def soft(content: str) -> Span:
    """Text in grey: an interval, a remark."""
    return Span(content, Look.SOFT)


@dataclass(frozen=True)
class Column:
    """The head of a column; of texts it stands left, of numbers right.

    Attributes:
        title: may be empty.
        is_text: whether the column holds texts.
        columns: how many it spans.
    """

    title: str = ""
    _: KW_ONLY
    is_text: bool = False
    columns: int = 1

    @classmethod
    def text(cls, title: str = "", columns: int = 1) -> "Column":
        """The head of a column of texts."""
        return cls(title, is_text=True, columns=columns)


@dataclass(frozen=True)
class BarPart:
    """A stretch of a bar: its share of the width, 0 to 1, and the class that colours it."""

    share: float
    look: str


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        content: what it says.
        is_text: a text stands left, a number right.
        is_soft: whether it is written in grey.
        is_sub: whether it is set in, below the row that it belongs to.
        wraps: whether a long text may break.
        hint: shown when the cell is pointed at.
        heat: colour from 0 to 1; None for none.
        bar: drawn in place of the content; none where empty.
        columns: how many it spans.
    """

    content: Line = ""
    _: KW_ONLY
    is_text: bool = False
    is_soft: bool = False
    is_sub: bool = False
    wraps: bool = False
    hint: str = ""
    heat: float | None = None
    bar: tuple[BarPart, ...] = ()
    columns: int = 1

    @classmethod
    def text(
        cls, content: Line = "", *, is_soft: bool = False, is_sub: bool = False, wraps: bool = False, columns: int = 1
    ) -> "Cell":
        """A cell with a text."""
        return cls(content, is_text=True, is_soft=is_soft, is_sub=is_sub, wraps=wraps, columns=columns)

    @classmethod
    def soft(cls, content: str) -> "Cell":
        """A cell in grey."""
        return cls(content, is_soft=True)


@dataclass(frozen=True)
class TableRow:
    """Cells, a bare line being a number without more; whether a stronger line parts the row from those above."""

    cells: tuple[Cell | Line, ...]
    starts_group: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: heads; a bare string is one of numbers. Without any there is no head.
        rows: from top to bottom.
        over: heads above the heads.
        is_heat: whether cells are shown as a heat map.
    """

    columns: tuple[Column | str, ...]
    rows: tuple[TableRow, ...]
    over: tuple[Column | str, ...] = ()
    is_heat: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, in grey unless it matters."""

    content: Line
    is_soft: bool = True


@dataclass(frozen=True)
class Heading:
    """A heading within a card."""

    title: str
    is_below: bool = False


@dataclass(frozen=True)
class Items:
    """A list with a line for each item."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Legend:
    """Names of curves, each with the class that colours it."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Key:
    """Names of the stretches of bars, each with the class that colours it."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Chips:
    """Short texts, each with its count, under a heading."""

    title: str
    entries: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Listing:
    """Text as it stands in a file."""

    content: str


@dataclass(frozen=True)
class Utterance:
    """One mixture: where it was, how much went wrong, who said what, and how it sounds."""

    place: str
    remark: str
    lines: tuple[tuple[str, Line], ...]
    clip: Clip | None = None


@dataclass(frozen=True)
class Card:
    """Blocks in a frame.

    Attributes:
        body: the blocks.
        title: heading of the card.
        scrolls: whether what is too wide is scrolled.
        is_side_by_side: whether the blocks stand side by side where there is room.
        is_below: whether it keeps a distance from a card above.
    """

    body: "Body"
    _: KW_ONLY
    title: str = ""
    scrolls: bool = False
    is_side_by_side: bool = False
    is_below: bool = False


@dataclass(frozen=True)
class Panels:
    """Blocks side by side, as many as fit."""

    body: "Body"


@dataclass(frozen=True)
class Stack:
    """Blocks below each other, in one place of `Panels` or of a card; what is too wide may be scrolled."""

    body: "Body"
    scrolls: bool = False


@dataclass(frozen=True)
class Fold:
    """Blocks that show when their title is clicked, in a frame of their own or within another."""

    title: str
    body: "Body"
    is_card: bool = False


Block: TypeAlias = (
    Card
    | Chips
    | Drawing
    | Fold
    | Heading
    | Items
    | Key
    | Legend
    | Listing
    | Panels
    | Paragraph
    | Stack
    | Table
    | Utterance
)
Body: TypeAlias = tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        title: the heading.
        anchor: by which links find it: small letters, digits, hyphens.
        body: the blocks below the heading.

    Raises:
        ValueError: the anchor is no such word.
    """

    title: str
    anchor: str
    body: Body

    def __post_init__(self) -> None:
        if not ANCHOR.fullmatch(self.anchor):
            raise ValueError(f"anchor: is {self.anchor!r}, expected small letters, digits and hyphens")


@dataclass(frozen=True)
class Tile:
    """One headline number: what it is, the number, and its interval or a comparison below it."""

    title: str
    value: str
    note: str
