# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo manifests (JSON lines): read, write, check, load what they name; errors name file and line."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nemo_noise import whole_file
from nemo_noise.configuration import is_number
from nemo_noise.data.audio.blocks import open_audio
from nemo_noise.data.audio.files import AudioError, Recording, is_shorter, load_audio, read_audio
from nemo_noise.data.manifests.strict_json import check_values, parse_object
from nemo_noise.foreign_text import printable

__all__ = [
    "AudioError",
    "ManifestEntry",
    "ManifestError",
    "audio_sample_rate",
    "check_manifest",
    "field_values",
    "load_audio",
    "load_entry",
    "parse_line",
    "read_entry",
    "read_manifest",
    "require_audio_files",
    "write_manifest",
]

_SHOWN = 60  # characters of a broken value in its message
_LONGEST_TEXT_BYTES = 1_000_000
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SHARDS = re.compile(r"_OP_.*_CL_|\{.*\.\..*\}")
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd"}


class ManifestError(ValueError):
    """A manifest, or a line of it, that cannot be used; its message starts with `file:line` and is escaped."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class ManifestEntry:
    """One line of a manifest.

    Attributes:
        audio_filepath: absolute path of the audio.
        duration: seconds of audio that the line claims, None where it has none.
        text: transcript, None where the line has none; that of `text_filepath` or `normalized_text` as in NeMo.
        fields: the whole JSON line, with what came from another key as `text` and `audio_filepath`.
        source: `file:line` for messages.
    """

    audio_filepath: str
    duration: float | None
    text: str | None
    fields: dict[str, Any]
    source: str

    @property
    def offset_s(self) -> float:
        """Where the utterance starts in its file, seconds."""
        return float(self.fields.get("offset") or 0.0)


def read_manifest(path: str | Path) -> list[ManifestEntry]:
    """Reads a manifest; relative audio paths start at the manifest's own folder.

    Returns:
        The entries in the order of the file, at least one; lines of white space alone hold nothing.

    Raises:
        ManifestError: if the file is missing, not UTF-8 or empty, or a line is no usable entry; names file:line.
    """
    if not isinstance(path, str | Path):
        raise ManifestError(f"manifest: is {_shown(path)}, expected the path of one JSON-lines file")
    manifest = Path(os.path.expanduser(path))  # noqa: PTH111  keeps the ~ of nobody
    content = _content(manifest)
    entries = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip():
            entries.append(parse_line(line, manifest, f"{manifest}:{number}"))
    if not entries:
        raise ManifestError(f"{manifest}: holds no entry, expected at least one JSON line")
    return entries


def _content(manifest: Path) -> bytes:
    """All bytes of a manifest."""
    if not os.path.isfile(manifest):  # noqa: PTH113  Path.is_file raises for names that are too long
        why = "no such manifest"
        if os.path.isdir(manifest):  # noqa: PTH112
            why += ", it is a folder"
        elif _SHARDS.search(str(manifest)):
            why += ", it is a pattern of tarred shards, which cannot be read here"
        elif "," in str(manifest):
            why += ", it is several paths joined by commas"
        raise ManifestError(f"{manifest}: {why}, expected a JSON-lines file")
    try:
        content = manifest.read_bytes()
    except OSError as error:
        raise ManifestError(f"{manifest}: cannot be read ({error.strerror}), expected a JSON-lines file") from error
    packer = next((name for magic, name in _PACKED.items() if content.startswith(magic)), None)
    if packer is not None:
        raise ManifestError(f"{manifest}: is packed by {packer}, expected a JSON-lines file: unpack it first")
    return content


def write_manifest(path: str | Path, entries: Iterable[ManifestEntry | Mapping[str, Any]]) -> None:
    """Writes a manifest, whole or not at all.

    Args:
        path: file to write; its folder is made.
        entries: entries (written with their absolute path) or plain mappings (written as they are).

    Raises:
        ManifestError: if an entry holds what JSON has no word for.
    """
    lines = []
    for number, entry in enumerate(entries, start=1):
        absolute = (
            {**entry.fields, "audio_filepath": entry.audio_filepath} if isinstance(entry, ManifestEntry) else entry
        )
        try:
            line = json.dumps(dict(absolute), ensure_ascii=False, allow_nan=False)
            line.encode()
        except (TypeError, ValueError) as error:
            raise ManifestError(f"{path}: entry {number} cannot be written as JSON ({error})") from error
        lines.append(line + "\n")
    whole_file.write_text(path, "".join(lines))


def load_entry(entry: ManifestEntry, sample_rate: int) -> npt.NDArray[np.float32]:
    """Loads the audio of a manifest line, honouring `offset` and `duration` as NeMo does; all of it must be there.

    Returns:
        Samples, [T], full scale 1.0, at the wanted rate.

    Raises:
        ManifestError: what `load_audio` found wrong, after the file:line of the entry; or if the file holds less than
            `duration` (by 0.1 s and 1 %).
    """
    try:
        samples = load_audio(entry.audio_filepath, sample_rate, entry.offset_s, entry.duration)
    except AudioError as error:
        raise ManifestError(f"{entry.source}: {error}") from error
    _check_duration(entry, len(samples) / sample_rate)
    return samples


def read_entry(entry: ManifestEntry) -> Recording:
    """Reads the audio of a manifest line at the file's own rate; errors as those of `load_entry`."""
    try:
        recording = read_audio(entry.audio_filepath, entry.offset_s, entry.duration)
    except AudioError as error:
        raise ManifestError(f"{entry.source}: {error}") from error
    _check_duration(entry, len(recording.samples) / recording.sample_rate)
    return recording


def audio_sample_rate(entry: ManifestEntry) -> int:
    """Returns the rate of the entry's file from its header, or raises a ManifestError that names the line."""
    try:
        with open_audio(entry.audio_filepath) as audio:
            return audio.rate
    except AudioError as error:
        raise ManifestError(f"{entry.source}: {error}") from error


def field_values(entries: Sequence[ManifestEntry], field: str) -> list[str | int | float | bool]:
    """Returns the values of a field that every line must have; raises a ManifestError that names the first without."""
    values = []
    for entry in entries:
        value = entry.fields.get(field)
        if not isinstance(value, str | int | float | bool):
            raise ManifestError(f"{entry.source}: {field}={value!r} must be a text or a number in every line")
        values.append(value)
    return values


def require_audio_files(entries: Sequence[ManifestEntry]) -> None:
    """Raises a ManifestError that counts and lists (up to five) entries whose audio file is not there."""
    missing = [entry for entry in entries if not os.path.isfile(entry.audio_filepath)]  # noqa: PTH113
    if missing:
        listed = "; ".join(f"{entry.source}: {entry.audio_filepath}" for entry in missing[:5])
        raise ManifestError(f"{listed}: no such file ({len(missing)} of {len(entries)} entries lack their audio)")


def check_manifest(path: str | Path, sample_rate: int) -> list[str]:
    """Looks for everything that would spoil training on a speech manifest; decodes every file.

    Args:
        path: the manifest.
        sample_rate: rate the model wants; other rates are no problem, they get resampled.

    Returns:
        One sentence per problem, each starting with file:line; empty when all is well.

    Raises:
        ManifestError: if the manifest itself cannot be read.
    """
    problems = []
    for entry in read_manifest(path):
        if entry.text is None or not entry.text.strip():
            problems.append(f"{entry.source}: text is {entry.text!r}, expected a transcript")
        try:
            samples = load_entry(entry, sample_rate)
        except ManifestError as error:
            problems.append(str(error))
            continue
        seconds = len(samples) / sample_rate
        if entry.duration is not None and seconds < entry.duration - 0.05:
            problems.append(_too_short(entry, seconds))
        if not samples.any():
            problems.append(f"{entry.source}: {entry.audio_filepath}: all samples are zero, expected speech")
    return problems


def _check_duration(entry: ManifestEntry, seconds: float) -> None:
    if entry.duration is not None and is_shorter(seconds, entry.duration):
        raise ManifestError(_too_short(entry, seconds))


def _too_short(entry: ManifestEntry, seconds: float) -> str:
    behind = f" behind its offset of {entry.offset_s:g} s" if entry.offset_s else ""
    return f"{entry.source}: duration is {entry.duration:g} s, the file holds {seconds:.3f} s{behind}"


def parse_line(line: bytes, manifest: Path, source: str) -> ManifestEntry:
    """Reads one line of a manifest, by the same keys as NeMo; ``source`` names it in a ManifestError."""
    try:
        fields = parse_object(line)
        fields = _with_text(fields, manifest)
        if "audio_filename" in fields:  # goes before, as in NeMo
            fields["audio_filepath"] = fields.pop("audio_filename")
        audio, text = _checked_path("audio_filepath", fields.get("audio_filepath")), fields.get("text")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"text is {_shown(text)}, expected a string")
        duration = _seconds(fields, "duration")
        _seconds(fields, "offset")
        if duration == 0.0:
            raise ValueError("duration is 0, expected seconds above 0")
        check_values(fields)
    except ValueError as error:
        raise ManifestError(f"{source}: {error}") from error
    absolute = (manifest.parent / os.path.expanduser(audio)).absolute()  # noqa: PTH111  keeps the ~ of nobody
    return ManifestEntry(str(absolute), duration, text, fields, source)


def _with_text(fields: dict[str, Any], manifest: Path) -> dict[str, Any]:
    """Puts the transcript into `text`, as NeMo does: `text`, the content of `text_filepath`, or `normalized_text`."""
    if "text" in fields:
        return fields
    if "text_filepath" in fields:
        rest = {key: value for key, value in fields.items() if key != "text_filepath"}
        return {**rest, "text": _text_of_file(fields["text_filepath"], manifest)}
    if "normalized_text" in fields:
        return {**fields, "text": fields["normalized_text"]}
    return fields


def _text_of_file(name: Any, manifest: Path) -> str:
    """The transcript in a file, its lines joined; a relative path starts at the manifest, else as NeMo's here."""
    expanded = os.path.expanduser(_checked_path("text_filepath", name))  # noqa: PTH111
    path = next((path for path in (manifest.parent / expanded, Path(expanded)) if os.path.isfile(path)), None)  # noqa: PTH113
    if path is None:
        raise ValueError(f"text_filepath is {_shown(name)}, no such file, expected a transcript")
    if path.stat().st_size > _LONGEST_TEXT_BYTES:
        raise ValueError(
            f"text_filepath is {_shown(name)}, {path.stat().st_size} bytes, expected a transcript of up to "
            f"{_LONGEST_TEXT_BYTES} bytes"
        )
    try:
        return " ".join(path.read_text(encoding="utf-8-sig").split("\n")).rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"text_filepath is {_shown(name)}, unreadable ({error}), expected text in UTF-8") from error


def _checked_path(key: str, path: Any) -> str:
    if not isinstance(path, str) or not path:
        raise ValueError(f"{key} is {_shown(path)}, expected a path")
    if _ADDRESS.match(path):
        raise ValueError(f"{key} is {_shown(path)}, expected the path of a local file")
    return path


def _shown(value: Any) -> str:
    return printable(repr(value), _SHOWN)


def _seconds(fields: dict[str, Any], key: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if not is_number(value, low=0.0):
        raise ValueError(f"{key} is {_shown(value)}, expected seconds, finite and not negative")
    return float(value)
