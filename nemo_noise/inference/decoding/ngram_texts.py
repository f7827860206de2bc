# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Texts to learn a language model from: manifests or sentences, recognised by what is in them, not by their names."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.foreign_text import printable

__all__ = ["TextError", "TextLine", "read_text"]

_MARK = b"\xef\xbb\xbf"  # of byte order; some editors put it before UTF-8
_OTHERS = {
    b"\x1f\x8b": "is packed by gzip",
    b"BZh": "is packed by bzip2",
    b"\xfd7zXZ": "is packed by xz",
    b"PK\x03\x04": "is packed by zip (an office document?)",
    b"%PDF": "is a PDF",
    b"\xff\xfe": "is UTF-16",
    b"\xfe\xff": "is UTF-16",
    b"<?xml": "is XML",
    b"<!doctype": "is HTML",
    b"<html": "is HTML",
    b"webvtt": "is a file of subtitles",
    b"\\data\\": "is a language model (ARPA)",
}
_EXPECTED = "expected a NeMo manifest, or UTF-8 text with one sentence a line"


class TextError(ValueError):
    """A text, or a line of it, that cannot be learned from; the message starts with the file, and the line if any."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class TextLine(NamedTuple):
    """One sentence, and ``file:line`` for messages."""

    text: str
    source: str


def read_text(path: Path) -> Iterator[TextLine]:
    """Read the sentences of a manifest or of a text file, whatever its name; empty ones hold nothing.

    Args:
        path: a file whose first line with something in it is a JSON object is a manifest.

    Yields:
        The sentences, without blanks around them and without a byte-order mark.

    Raises:
        TextError: if the file is missing, packed, no UTF-8, or of another format; or a line of text is JSON.
        ManifestError: if a manifest cannot be used.
    """
    if not os.path.isfile(path):  # noqa: PTH113  Path.is_file raises for names that are too long
        raise TextError(f"{path}: no such file, {_EXPECTED}")
    if path.suffix in (".json", ".jsonl") or _begins_with_object(path):
        for entry in read_manifest(path):
            if entry.text is None:
                raise TextError(f"{entry.source}: has no `text`, expected a transcript")
            if entry.text.strip():
                yield TextLine(entry.text.strip(), entry.source)
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            text = _sentence(raw.removeprefix(_MARK) if number == 1 else raw, f"{path}:{number}")
            if text:
                yield TextLine(text, f"{path}:{number}")


def _begins_with_object(path: Path) -> bool:
    """Whether the first line that is not empty is a JSON object; other formats are refused."""
    with path.open("rb") as file:
        first = next((line for line in file if line.removeprefix(_MARK).strip()), b"").removeprefix(_MARK).strip()
    for start, what in _OTHERS.items():
        if first.lower().startswith(start.lower()):
            raise TextError(f"{path}: {what}, {_EXPECTED}")
    return first.startswith(b"{") and _is_json(first)


def _sentence(raw: bytes, place: str) -> str:
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise TextError(f"{place}: is not UTF-8 ({error.reason}), expected text in UTF-8") from error
    if "\0" in text:
        raise TextError(f"{place}: holds zero bytes (UTF-16?), expected text in UTF-8")
    if text[:1] in ("{", "[") and (len(text) == 1 or _is_json(raw)):
        raise TextError(f"{place}: is JSON ({text[:40]!r}), {_EXPECTED}")
    return text


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True
