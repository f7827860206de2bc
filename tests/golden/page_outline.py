# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A page as lines of its elements and texts, for a diff that can be read; how it was spaced does not matter."""

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "circle", "line", "polygon", "polyline", "path", "rect", "link", "use"}


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.open: list[str] = []
        self.anchors: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        shown = "".join(f' {name}="{self._value(name, value or "")}"' for name, value in sorted(attrs))
        self._add(f"<{tag}{shown}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        text = " ".join(re.split(r"[ \t\r\n]+", data)).strip(" ")
        if text and self.open[-1:] != ["style"]:
            self._add(text)

    def _add(self, line: str) -> None:
        self.lines.append("  " * len(self.open) + line)

    def _value(self, name: str, value: str) -> str:
        """Anchors by their order, sounds and pictures by their type."""
        if name in ("id", "href") and not value.startswith("http"):
            key = value.removeprefix("#")
            return value.replace(key, self.anchors.setdefault(key, f"anchor-{len(self.anchors) + 1}"))
        value = re.sub(r"\s*([:;,])\s*", r"\1", value) if name in ("style", "points") else value
        return re.sub(r"^(data:[^,]*),.*", r"\1", value)


def outline(page: str) -> str:
    """The elements of a page, a line each, indented by their depth."""
    parser = _Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return "\n".join(parser.lines) + "\n"
