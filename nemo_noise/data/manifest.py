# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo manifests (JSON lines): read, write, check, load what they name; errors say file and line."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from nemo_noise import whole_file
from nemo_noise.configuration import is_number
from nemo_noise.data.audio import AudioError, load_audio

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
    "read_manifest",
    "require_audio_files",
    "write_manifest",
]

_SHOWN = 60  # characters of a broken line in its message


class ManifestError(ValueError):
    """A manifest, or a line of it, that cannot be used; the message starts with `file:line`."""


@dataclass(frozen=True)
class ManifestEntry:
    """One line of a manifest.

    Attributes:
        audio_filepath: absolute path of the audio.
        duration: seconds of audio that the line claims, None where it does not say.
        text: transcript, None where the line has none.
        fields: the whole JSON line, unchanged.
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

    Args:
        path: JSON-lines file; lines of white space alone separate and hold nothing.

    Returns:
        The entries in the order of the file, at least one.

    Raises:
        ManifestError: if the file is missing, not UTF-8 or empty, or a line is no usable entry; names file:line.
    """
    manifest = Path(path).expanduser()
    if not manifest.is_file():
        raise ManifestError(f"{manifest}: no such manifest, expected a JSON-lines file")
    entries = []
    for number, line in enumerate(manifest.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip():
            entries.append(parse_line(line, manifest, f"{manifest}:{number}"))
    if not entries:
        raise ManifestError(f"{manifest}: holds no entry, expected at least one JSON line")
    return entries


def write_manifest(path: str | Path, entries: Iterable[ManifestEntry | Mapping[str, Any]]) -> None:
    """Writes a manifest, whole or not at all.

    Args:
        path: file to write; its folder is made.
        entries: entries (written with their absolute path) or plain mappings (written as they are).
    """
    lines = []
    for entry in entries:
        absolute = (
            {**entry.fields, "audio_filepath": entry.audio_filepath} if isinstance(entry, ManifestEntry) else entry
        )
        lines.append(json.dumps(dict(absolute), ensure_ascii=False, allow_nan=False))
    whole_file.write_text(path, "".join(line + "\n" for line in lines))


def load_entry(entry: ManifestEntry, sample_rate: int) -> npt.NDArray[np.float32]:
    """Loads the audio of a manifest line, honouring `offset` and `duration` as NeMo does.

    Args:
        entry: the line.
        sample_rate: wanted samples per second.

    Returns:
        Samples, [T], full scale 1.0.

    Raises:
        ManifestError: what `load_audio` found wrong, after the file:line of the entry.
    """
    try:
        return load_audio(entry.audio_filepath, sample_rate, entry.offset_s, entry.duration)
    except AudioError as error:
        raise ManifestError(f"{entry.source}: {error}") from error


def audio_sample_rate(entry: ManifestEntry) -> int:
    """Returns the rate of the entry's file from its header, or raises a ManifestError that names the line."""
    try:
        return int(soundfile.info(entry.audio_filepath).samplerate)
    except (OSError, soundfile.SoundFileError) as error:
        where = f"{entry.source}: {entry.audio_filepath}"
        raise ManifestError(f"{where}: cannot be read ({error}), expected WAV, FLAC, Ogg or MP3") from error


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
    missing = [entry for entry in entries if not Path(entry.audio_filepath).is_file()]
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
            problems.append(f"{entry.source}: duration is {entry.duration:g} s, the file holds {seconds:.3f} s")
        if not samples.any():
            problems.append(f"{entry.source}: {entry.audio_filepath}: all samples are zero, expected speech")
    return problems


def parse_line(line: bytes, manifest: Path, source: str) -> ManifestEntry:
    """Reads one line of a manifest; ``source`` names it in a ManifestError."""
    try:
        decoded = line.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{line[error.start]:02x} is not UTF-8"
        raise ManifestError(f"{source}: is not JSON, {byte} (Latin-1, UTF-16?), expected it saved as UTF-8") from error
    try:
        fields = json.loads(decoded)
    except ValueError as error:
        shown = f"{decoded.strip()[:_SHOWN]!r} ({error})"
        raise ManifestError(f"{source}: is not JSON: {shown}, expected one JSON object per line") from error
    if not isinstance(fields, dict):
        shown = decoded.strip()[:_SHOWN]
        raise ManifestError(f"{source}: is a JSON {type(fields).__name__}, expected an object, not {shown}")
    audio = fields.get("audio_filepath")
    if not isinstance(audio, str) or not audio:
        raise ManifestError(f"{source}: audio_filepath is {audio!r}, expected a path")
    text = fields.get("text")
    if text is not None and not isinstance(text, str):
        raise ManifestError(f"{source}: text is {text!r}, expected a string")
    duration = _seconds(fields, "duration", source)
    _seconds(fields, "offset", source)
    if duration == 0.0:
        raise ManifestError(f"{source}: duration is 0, expected seconds above 0")
    absolute = (manifest.parent / Path(audio).expanduser()).absolute()
    return ManifestEntry(str(absolute), duration, text, fields, source)


def _seconds(fields: dict[str, Any], key: str, source: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if not is_number(value, low=0.0):
        raise ManifestError(f"{source}: {key} is {value!r}, expected seconds, finite and not negative")
    return float(value)
