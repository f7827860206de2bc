# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of matplotlib as files that are written whole or not at all, with foreign text as it is."""

from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

from nemo_noise.foreign_text import printable
from nemo_noise.whole_file import writing

__all__ = ["save_figure"]


def save_figure(figure: Any, path: str | Path, *, dpi: int) -> None:
    """Draw a figure of matplotlib into a file, whose suffix decides the format; PNG where it has none.

    Texts are shown letter by letter: a dollar begins no formula, a control character is its escape. Only matplotlib's
    own labels of ticks, such as powers of ten, may be formulas.
    """
    final = Path(path)
    _show_letter_by_letter(figure)
    with writing(final if final.suffix else final.with_suffix(".png")) as temporary:
        figure.savefig(temporary, dpi=dpi)


def _show_letter_by_letter(figure: Any) -> None:
    numbers: set[Text] = set()
    for axis in figure.findobj(Axis):
        given = axis.get_major_formatter()
        if isinstance(given, (FixedFormatter, FuncFormatter)):
            axis.set_major_formatter(partial(_printable_label, given))
        else:
            numbers |= {label for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)}
        numbers |= {label for tick in axis.get_minor_ticks() for label in (tick.label1, tick.label2)}
    for text in figure.findobj(Text):
        if text not in numbers:
            text.set_parse_math(False)
            text.set_text("\n".join(map(printable, text.get_text().split("\n"))))


def _printable_label(given: Formatter, value: float, position: int) -> str:
    return printable(given(value, position))
