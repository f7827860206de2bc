# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Figures show foreign text letter by letter, in PNG and in SVG."""

import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from nemo_noise.figure_file import save_figure

ATTACKS = [
    "$\\bad{$",
    "$x$",
    "</svg><script>alert(1)</script>",
    "--><script>",
    "\x1b[2J",
    "\u202egnp.exe",
    "a\x00b",
    "]]>",
]


def _figure(mark: str) -> Figure:
    figure = Figure(figsize=(14, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([1, 1000], [1, 1000], label=f"model {mark}")
    left.set_yscale("log")
    left.set_title(mark)
    left.legend(title=mark)
    right.set(xlabel=mark, ylabel=mark)
    right.set_yticks([0, 1], [mark, "b"])
    right.annotate(mark, (0.5, 0.5))
    return figure


@pytest.mark.parametrize("attack", ATTACKS)
def test_foreign_text_is_neither_formula_nor_markup(attack: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of glyphs that are missing
        save_figure(_figure(attack), tmp_path / "a.png", dpi=50)
        save_figure(_figure(attack), tmp_path / "a.svg", dpi=50)
        save_figure(_figure("plain"), tmp_path / "b.svg", dpi=50)
    kinds = [{one.tag for one in ElementTree.parse(tmp_path / f"{name}.svg").iter()} for name in "ab"]
    assert kinds[0] == kinds[1]


def test_powers_of_ten_stay_formulas_and_lines_stay_lines(tmp_path: Path) -> None:
    figure = _figure("one\ntwo")
    save_figure(figure, tmp_path / "a.png", dpi=50)
    shown = {text.get_text(): text.get_parse_math() for text in figure.findobj(Text)}
    assert shown["$\\mathdefault{10^{2}}$"]
    assert not shown["one\ntwo"]
