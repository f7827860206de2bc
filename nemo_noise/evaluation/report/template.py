# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The only place where HTML is made: a template that escapes whatever is filled in."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nemo_noise.evaluation.report.blocks import Section, Tile
from nemo_noise.foreign_text import printable

STEERING = re.compile(r"[^\n\x20-\x7e]")  # what may steer a terminal or the direction of writing; most of it may not
STRONG_HEAT = 0.62  # above, text on the colour is light


def render_page(
    title: str,
    *,
    heading: str,
    overview: str,
    tiles: Sequence[Tile],
    findings: Sequence[str],
    sections: Sequence[Section],
) -> str:
    """Fill in the page.

    Args:
        title: of the document.
        heading: of the page.
        overview: what was evaluated, in a line.
        tiles: headline numbers.
        findings: sentences.
        sections: from top to bottom; each gets a link.

    Returns:
        HTML without characters that steer a terminal or the direction of writing.
    """
    template = _environment().get_template("report.html")
    page = template.render(
        title=title, heading=heading, overview=overview, tiles=tiles, findings=findings, sections=sections
    )
    return _harmless(page)


def render_section(section: Section) -> str:
    """Fill in one section alone, as it stands in the page."""
    return _harmless(str(_environment().get_template("blocks.html").module.section(section)))  # type: ignore[attr-defined]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"kind": lambda value: type(value).__name__, "pixel": _pixel}
    environment.globals["strong_heat"] = STRONG_HEAT
    return environment


def _pixel(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _harmless(page: str) -> str:
    return STEERING.sub(lambda found: printable(found[0]), page)
