# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Foreign text stays text, on a terminal and in Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_noise.foreign_text import markdown, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("a\rb\nc\x00", r"a\rb\nc\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("photo\u202egnp.exe", r"photo\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("naïve 東京 می‌خواهم", "naïve 東京 می‌خواهم"),
        (3.5, "3.5"),
    ],
)
def test_what_steers_a_terminal_is_shown_as_its_escape(text: object, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_ends_in_an_ellipsis() -> None:
    assert printable("abcdef", longest=4) == "abc…"
    assert printable("abcd", longest=4) == "abcd"


@given(st.text())
def test_any_text_becomes_one_line_that_can_be_encoded(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1 and "\x1b" not in shown


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![](http://a.b/c)", "a | b\n---|---", "<http://a.b>"],
)
def test_markdown_holds_no_markup(text: str) -> None:
    shown = markdown(text)
    assert "<" not in shown and "\n" not in shown
    for mark in "[]()|!":
        assert shown.count(mark) == shown.count(f"\\{mark}")
