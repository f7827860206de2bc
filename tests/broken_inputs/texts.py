# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that no language model can be learned from: packed, of another format, or JSON taken for sentences."""

import gzip

from nemo_noise.inference.decoding.ngram_training import Unit
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import Content
from tests.broken_inputs.learning import ngrams

EXPECTED = "expected a NeMo manifest, or UTF-8 text"


def _text(
    name: str, content: str | bytes, value: str, hint: str = EXPECTED, place: str = "", file: str = "t.txt"
) -> Case:
    given = {"texts": [Content(file, content)], "unit": Unit.WORD}
    return Case(f"ngram-text-{name}", ngrams, given, file, value, hint, place)


CASES = [
    _text("packed-by-gzip", gzip.compress(b"one two\n"), "gzip"),
    _text("packed-by-gzip-as-manifest", gzip.compress(b"{}\n"), "gzip", "unpack it first", file="t.json"),
    _text("an-office-document", b"PK\x03\x04\x14\x00", "zip"),
    _text("in-utf-16", "one two\n".encode("utf-16"), "UTF-16"),
    _text("in-utf-16-without-mark", "one\n".encode("utf-16-le"), "zero bytes", "expected text in UTF-8", "t.txt:1"),
    _text("xml", '<?xml version="1.0"?>\n<a/>\n', "XML"),
    _text("html", "<!DOCTYPE html>\n", "HTML"),
    _text("subtitles", "WEBVTT\n\none\n", "subtitles"),
    _text("an-arpa-file", "\n\\data\\\nngram 1=2\n", "ARPA"),
    _text("json-after-sentences", 'one two\n{"text": "three"}\n', "JSON", place="t.txt:2"),
    _text("json-list-of-sentences", '["one two", "three"]\n', "JSON", place="t.txt:1"),
    _text("json-over-several-lines", '{\n"text": "one"\n}\n', "JSON", place="t.txt:1"),
    _text("json-lines-without-audio", '{"text": "one two"}\n', "None", "expected a path", "t.txt:1"),
    _text("manifest-without-text", '\n{"audio_filepath": "a.wav"}\n', "no `text`", "expected a transcript", "t.txt:2"),
    _text("brackets-100000-deep", "[" * 100000 + "\n", "JSON", place="t.txt:1"),
    _text("latin-1", b"\xef\xbb\xbfone\nf\xfcnf\n", "not UTF-8", "expected text in UTF-8", "t.txt:2"),
]
