# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Foreign text (transcripts, labels, names of files and models) made harmless for terminals and Markdown."""

import re
import unicodedata

__all__ = ["markdown", "printable"]

# Cc: control characters, ESC among them. Cf: format characters, such as those that reverse the direction of writing.
# Cs: halves of surrogate pairs, which no encoder takes. Zl, Zp: further ends of lines.
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}  # are letters' business in Persian, Indic scripts and emoji
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:])")


def printable(text: object, longest: int | None = None) -> str:
    r"""One line of text with each character that could steer a terminal as its escape, such as ``\x1b``.

    Args:
        text: anything; `str` shows what is no text.
        longest: most characters that are kept; more end in an ellipsis. None keeps all.
    """
    shown = "".join(_shown(character) for character in str(text))
    return shown if longest is None or len(shown) <= longest else f"{shown[: max(0, longest - 1)]}…"


def markdown(text: object) -> str:
    """Escape a text so that Markdown and the HTML in it show it letter by letter, on one line."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    pieces = re.split(r"(&(?:amp|lt|gt);)", escaped)
    return "".join(piece if number % 2 else _MARKDOWN.sub(r"\\\1", piece) for number, piece in enumerate(pieces))


def _shown(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    return character.encode("unicode_escape").decode("ascii")
