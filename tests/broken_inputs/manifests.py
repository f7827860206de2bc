# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken manifests: the file, its lines, and the audio that they name."""

import gzip
from typing import Any

from nemo_noise.data.manifests.manifest import (
    check_manifest,
    load_entry,
    read_manifest,
    require_audio_files,
    write_manifest,
)
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import RATE, SPEECH_LINE, Content, Folder, Lines, Missing


def load_all(path: str) -> list[Any]:
    return [load_entry(entry, RATE) for entry in read_manifest(path)]


def require_all(path: str) -> None:
    require_audio_files(read_manifest(path))


def first_problem(path: str) -> None:
    """`check_manifest` returns its sentences; they must be as clear as errors."""
    for problem in check_manifest(path, RATE):
        raise ValueError(problem)


def _speech(*broken: Any, **changed: Any) -> dict[str, Any]:
    """A manifest whose second line is broken: a line as it is, or one with some fields changed."""
    return {"path": Lines("speech.json", (SPEECH_LINE, *(broken or ({**SPEECH_LINE, **changed},))))}


SECOND = "speech.json:2"
SECONDS = "expected seconds, finite and not negative"

MANIFESTS = [
    Case(
        "manifest-missing", read_manifest, {"path": Missing("no.json")}, "no.json", "no such", "expected a JSON-lines"
    ),
    Case(
        "manifest-is-a-folder",
        read_manifest,
        {"path": Folder("dir.json")},
        "dir.json",
        "no such manifest",
        "expected a JSON-lines",
    ),
    Case(
        "manifest-empty",
        read_manifest,
        {"path": Content("e.json", "")},
        "e.json",
        "no entry",
        "at least one JSON line",
    ),
    Case(
        "manifest-of-white-space",
        read_manifest,
        {"path": Content("e.json", " \n\n")},
        "e.json",
        "no entry",
        "at least",
    ),
    Case("manifest-not-json", read_manifest, _speech("{audio: x"), "not JSON", "{audio: x", "one JSON object", SECOND),
    Case(
        "manifest-in-latin-1",
        read_manifest,
        {"path": Content("l.json", b'{"text": "\xe9"}\n')},
        "l.json",
        "0xe9",
        "UTF-8",
        "l.json:1",
    ),
    Case(
        "manifest-in-utf-16",
        read_manifest,
        {"path": Content("u.json", '{"a": 1}'.encode("utf-16"))},
        "u.json",
        "UTF-16",
        "UTF-8",
        "u.json:1",
    ),
    Case(
        "manifest-one-json-list",
        read_manifest,
        {"path": Content("l.json", "[1, 2]")},
        "list",
        "[1, 2]",
        "expected an object",
        "l.json:1",
    ),
    Case("manifest-line-null", read_manifest, _speech("null"), "null", "NoneType", "expected an object", SECOND),
    Case(
        "audio-path-missing",
        read_manifest,
        _speech({"duration": 1.0}),
        "audio_filepath",
        "None",
        "expected a path",
        SECOND,
    ),
    Case(
        "audio-path-a-number",
        read_manifest,
        _speech(audio_filepath=7),
        "audio_filepath",
        "7",
        "expected a path",
        SECOND,
    ),
    Case(
        "audio-path-empty",
        read_manifest,
        _speech(audio_filepath=""),
        "audio_filepath",
        "''",
        "expected a path",
        SECOND,
    ),
    Case("duration-a-string", read_manifest, _speech(duration="1.0"), "duration", "'1.0'", SECONDS, SECOND),
    Case("duration-true", read_manifest, _speech(duration=True), "duration", "True", SECONDS, SECOND),
    Case("duration-negative", read_manifest, _speech(duration=-1.0), "duration", "-1.0", SECONDS, SECOND),
    Case("duration-zero", read_manifest, _speech(duration=0), "duration", "0", "seconds above 0", SECOND),
    Case("duration-nan", read_manifest, _speech(duration=float("nan")), "duration", "nan", SECONDS, SECOND),
    Case("offset-negative", read_manifest, _speech(offset=-0.5), "offset", "-0.5", SECONDS, SECOND),
    Case("offset-a-list", read_manifest, _speech(offset=[0]), "offset", "[0]", SECONDS, SECOND),
    Case("offset-behind-the-end", load_all, _speech(offset=5.0), "offset", "5 s", "its end at 1.000 s", SECOND),
    Case("text-a-number", read_manifest, _speech(text=12), "text", "12", "expected a string", SECOND),
    Case("text-a-list", read_manifest, _speech(text=["one"]), "text", "['one']", "expected a string", SECOND),
    Case("text-empty", first_problem, _speech(text=" "), "text", "' '", "expected a transcript", SECOND),
    Case("audio-missing", load_all, _speech(audio_filepath="gone.wav"), "gone.wav", "no such", "expected", SECOND),
    Case(
        "audio-missing-in-a-list",
        require_all,
        _speech(audio_filepath="gone.wav"),
        "gone.wav",
        "1 of 2",
        "no such file",
        SECOND,
    ),
    Case(
        "duration-longer-than-the-file",
        first_problem,
        _speech(duration=9.0),
        "duration",
        "9 s",
        "holds 1.000 s",
        SECOND,
    ),
]

FOREIGN = [
    Case("own-field-nan", read_manifest, _speech(mos=float("nan")), "mos", "nan", "expected a finite number", SECOND),
    Case(
        "own-field-infinite", read_manifest, _speech(scores=[1, {"a": float("-inf")}]), "scores[1].a", "-inf",
        "expected a finite number", SECOND,
    ),
    Case(
        "own-field-beyond-floats", read_manifest, _speech('{"audio_filepath": "speech.wav", "mos": 1e999}'), "mos",
        "inf", "expected a finite number", SECOND,
    ),
    Case(
        "own-field-of-400-digits", read_manifest, _speech(mos=10**400), "mos", "1" + 22 * "0" + "…",
        "up to 308 digits", SECOND,
    ),
    Case("duration-of-400-digits", read_manifest, _speech(duration=10**400), "duration", "1" + 58 * "0" + "…", SECONDS,
         SECOND),
    Case(
        "offset-of-5000-digits", read_manifest, _speech('{"audio_filepath": "a.wav", "offset": ' + "1" * 5000 + "}"),
        "not JSON", "4300 digits", "one JSON object", SECOND,
    ),
    Case(
        "text-with-half-a-surrogate", read_manifest, _speech('{"audio_filepath": "a.wav", "text": "a\\ud800"}'),
        "text", "\\ud800", "expected whole characters", SECOND,
    ),
    Case(
        "key-with-half-a-surrogate", read_manifest, _speech('{"audio_filepath": "a.wav", "\\udc00": 1}'), "\\udc00",
        "surrogate", "expected whole characters", SECOND,
    ),
    Case(
        "line-of-100000-brackets", read_manifest, _speech('{"audio_filepath": ' + "[" * 100000), "nested", "deeply",
        "expected one JSON object", SECOND,
    ),
    Case(
        "key-twice", read_manifest, _speech('{"audio_filepath": "speech.wav", "text": "a", "text": "b"}'), "'text'",
        "more than once", "expected each key once", SECOND,
    ),
    Case(
        "key-twice-within-a-field", read_manifest, _speech('{"audio_filepath": "speech.wav", "x": {"a": 1, "a": 1}}'),
        "'a'", "more than once", "expected each key once", SECOND,
    ),
    Case("home-of-nobody", load_all, _speech(audio_filepath="~nosuchuser/a.wav"), "~nosuchuser", "no such", "expected",
         SECOND),
    Case("audio-path-of-5000-letters", load_all, _speech(audio_filepath="a" * 5000), "aaaa", "no such", "expected",
         SECOND),
    Case("audio-path-with-a-zero-byte", load_all, _speech(audio_filepath="a\0.wav"), "a\\x00.wav", "no such",
         "expected", SECOND),
    Case("audio-path-with-terminal-escapes", load_all, _speech(audio_filepath="\x1b[31m.wav"), "\\x1b[31m.wav",
         "no such", "expected", SECOND),
    Case("audio-at-an-address", read_manifest, _speech(audio_filepath="s3://bucket/a.wav"), "audio_filepath",
         "'s3://bucket/a.wav'", "a local file", SECOND),
    Case("audio-of-several-files", read_manifest, _speech(audio_filepath=["a.wav"]), "audio_filepath", "['a.wav']",
         "expected a path", SECOND),
    Case("text-file-missing", read_manifest, _speech({"audio_filepath": "speech.wav", "text_filepath": "no.txt"}),
         "text_filepath", "'no.txt'", "expected a transcript", SECOND),
    Case("text-file-a-number", read_manifest, _speech({"audio_filepath": "speech.wav", "text_filepath": 5}),
         "text_filepath", "5", "expected a path", SECOND),
    Case("text-file-is-audio", read_manifest, _speech({"audio_filepath": "speech.wav", "text_filepath": "speech.wav"}),
         "text_filepath", "'speech.wav'", "expected text in UTF-8", SECOND),
    Case("normalized-text-a-list", read_manifest, _speech({"audio_filepath": "speech.wav", "normalized_text": [1]}),
         "text", "[1]", "expected a string", SECOND),
    Case("manifest-in-utf-16-without-mark", read_manifest, {"path": Content("u.json", '{"a": 1}'.encode("utf-16-le"))},
         "u.json", "zero bytes", "UTF-8", "u.json:1"),
    Case("manifest-packed-by-gzip", read_manifest, {"path": Content("m.json.gz", gzip.compress(b"{}"))}, "m.json.gz",
         "gzip", "unpack it first"),
    Case("manifest-of-shards", read_manifest, {"path": "m__OP_0..7_CL_.json"}, "_OP_0..7_CL_", "tarred shards",
         "expected a JSON-lines file"),
    Case("manifests-joined-by-commas", read_manifest, {"path": "a.json,b.json"}, "a.json,b.json", "joined by commas",
         "expected a JSON-lines file"),
    Case("manifest-of-a-long-name", read_manifest, {"path": "a" * 5000}, "aaaa", "no such manifest", "expected"),
    Case("manifest-in-the-home-of-nobody", read_manifest, {"path": "~nosuchuser/m.json"}, "~nosuchuser", "no such",
         "expected a JSON-lines"),
    Case("manifests-in-a-list", read_manifest, {"path": ["a.json"]}, "manifest", "['a.json']", "the path of one"),
    Case("written-line-with-nan", write_manifest, {"path": Missing("w.json"), "entries": [{}, {"a": float("nan")}]},
         "w.json", "entry 2", "JSON"),
    Case("written-line-with-half-a-surrogate", write_manifest,
         {"path": Missing("w.json"), "entries": [{"a": "\ud800"}]}, "w.json", "entry 1", "JSON"),
]  # fmt: skip

CASES = [*MANIFESTS, *FOREIGN]
