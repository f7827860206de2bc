# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken manifests: the file, its lines, and the audio that they name."""

from typing import Any

from nemo_noise.data.manifest import check_manifest, load_entry, read_manifest, require_audio_files
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


CASES = MANIFESTS
