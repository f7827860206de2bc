# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a user gives for speech or noise (folders, patterns, audio files, manifests) as manifests."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nemo.utils import logging

from nemo_noise.data.manifests.audio_folder import (
    Durations,
    audio_files,
    durations_s,
    expand,
    is_audio,
    is_pattern,
    noise_lines,
    what_else,
)
from nemo_noise.data.manifests.folder_texts import HOW, Spoken, Texts, find_texts, is_table, read_table
from nemo_noise.data.manifests.manifest import write_manifest
from nemo_noise.foreign_text import printable

__all__ = ["NOISE", "SPEECH", "name_noises", "noise_manifests", "speech_manifests"]

SPEECH = "a manifest or a folder of speech, or a quoted pattern of them"
NOISE = "a manifest or a folder of noise, or a quoted pattern of them"
_NAMED = 5  # files in a note
_NAME = re.compile(r"([A-Za-z0-9_-]+)=(.+)", re.DOTALL)

Given = str | Path | Sequence[str | Path]
Note = Callable[[str], object]


def speech_manifests(
    given: Given,
    destination: str | Path,
    *,
    option: str = "speech",
    needs_text: bool = True,
    note: Note = logging.info,
) -> tuple[str, ...]:
    """Makes manifests of what was given for speech; manifests stay as they are.

    Args:
        given: a manifest; a folder with transcripts (`folder_texts` has the ways); a table of transcripts; an audio
            file; a pattern of any of them; or several.
        destination: folder for the manifests that are made, the same ones each time.
        option: that names it in errors.
        needs_text: whether audio without a transcript is left out.
        note: gets a line for each manifest that is made: what was found, and what was left out.

    Returns:
        Paths of manifests, at least one.

    Raises:
        ValueError: there is no audio or no text, or something else; names option, value and remedy.
        FileNotFoundError: nothing is there.
    """
    making = _Speech(option, Path(destination), needs_text, note)
    for one in _several(given, option, SPEECH):
        matches = expand(one, option, SPEECH)
        for path in matches:
            if path.is_dir() or is_table(path):
                making.make(one, path)
            elif not is_audio(path):
                making.manifests.append(str(path) if path != Path(one) else str(one))
        audio = [path for path in matches if path.is_file() and is_audio(path)]
        if audio:
            making.make(one, _fixed_part(one), audio)
    return tuple(making.manifests)


def noise_manifests(
    given: Given | Mapping[str, Given],
    destination: str | Path,
    *,
    option: str = "noise_lists",
    note: Note = logging.info,
) -> dict[str, list[str | Path]]:
    """Makes manifests of what was given for noise; manifests stay as they are.

    Args:
        given: as for `name_noises`.
        destination: folder; gets `<name>.json` for the audio of a list, the same one each time.
        option: that names it in errors.
        note: gets a line for each manifest that is made.

    Returns:
        Manifests by name of the noise list.

    Raises:
        ValueError: there is no audio, or something else; names option, value and remedy.
        FileNotFoundError: nothing is there.
    """
    written: dict[str, list[str | Path]] = {}
    for name, several in name_noises(given, option).items():
        place = f"{option}.{name}" if isinstance(given, Mapping) else option
        found, lines = [], []
        for one in several:
            matches = expand(one, place, NOISE)
            found += [one if path == Path(one) else path for path in matches if path.is_file() and not is_audio(path)]
            for folder in (path for path in matches if path.is_dir()):
                lines += _noise_of(folder, audio_files(folder, Path(destination)), place, note)
            if audio := [path for path in matches if path.is_file() and is_audio(path)]:
                lines += _noise_of(_fixed_part(one), audio, place, note)
        if lines:
            made = Path(destination) / f"{name}.json"
            write_manifest(made, lines)
            found.append(made)
        written[name] = found
    return written


def name_noises(given: Given | Mapping[str, Given], option: str = "noise_lists") -> dict[str, tuple[str | Path, ...]]:
    """Gives every noise list its name.

    Args:
        given: manifests, folders (the label of a noise is its subfolder), audio files, and patterns of them: each is
            a list by the name of its file or folder, or by `name=path`; audio files of one pattern are one list. Or a
            mapping from names to any of them.
        option: that names it in errors.

    Raises:
        ValueError: it is something else, or two lists have one name.
    """
    if isinstance(given, Mapping):
        return {_checked_name(name, option): _several(one, f"{option}.{name}", NOISE) for name, one in given.items()}
    named: dict[str, tuple[str | Path, ...]] = {}
    for one in _several(given, option, NOISE):
        for name, path in _names_of(one, option):
            if name in named:
                first, second = printable(named[name][0], 200), printable(path, 200)
                raise ValueError(
                    f"{option} holds two of the name {name!r} ({first}, {second}): name them, as in {name}2={second}, "
                    f"or by a mapping such as {{{name}: {first}, {name}2: {second}}}"
                )
            named[name] = (path,)
    return named


def _names_of(one: str | Path, option: str) -> list[tuple[str, str | Path]]:
    """The lists that one path stands for."""
    match = _NAME.fullmatch(str(one))
    if match and not Path(one).exists():
        return [(match[1], match[2])]
    if not is_pattern(one):
        return [(_name_of(Path(one)), one)]
    matches = expand(one, option, NOISE)
    lists: list[tuple[str, str | Path]] = [(_name_of(path), path) for path in matches if not is_audio(path)]
    return [(_name_of(_fixed_part(one)), one)] if not lists or len(lists) < len(matches) else lists


def _name_of(path: Path) -> str:
    where = path.expanduser()
    stem = where.resolve().name if where.is_dir() else path.stem
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem) or "noise"


def _checked_name(name: Any, option: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"{option} holds the name {printable(repr(name), 60)}: use letters, digits, - and _")
    return name


def _noise_of(folder: Path, files: Sequence[Path], option: str, note: Note) -> list[dict[str, Any]]:
    """Lines of a folder of noise, or of some audio files that lie in it."""
    if not files:
        shown = printable(repr(str(folder)), 200)
        raise ValueError(f"{option} is {shown}, a folder without audio: {what_else(folder)}; give {NOISE}")
    lengths = _readable([file.absolute() for file in files], folder, option)
    lines = noise_lines(folder.absolute(), list(lengths.seconds))
    labels = sorted({str(line["label"]) for line in lines})
    kinds = f"{len(labels)} labels (subfolders)" if len(labels) > 1 else f"label {printable(labels[0], 60)}"
    note(f"{_shown(folder)}: {_count(lines)}, {kinds}{_left_out(lengths, folder)}")
    return [{**line, "duration": round(lengths.seconds[Path(line["audio_filepath"])], 6)} for line in lines]


class _Speech:
    """Makes the manifests of one option, and keeps all of it."""

    def __init__(self, option: str, destination: Path, needs_text: bool, note: Note) -> None:
        self.option, self.destination, self.needs_text, self.note = option, destination, needs_text, note
        self.manifests: list[str] = []

    def make(self, one: str | Path, place: Path, audio: Sequence[Path] = ()) -> None:
        """Writes the manifest of a table, of a folder, or of some audio files that lie in it."""
        value = f"{self.option} is {printable(repr(str(one)), 200)}"
        try:
            files, texts = self._found(place, audio)
        except ValueError as error:
            raise ValueError(f"{value}: {printable(error)}") from error
        if not files:
            raise ValueError(f"{value}, a folder without audio: {what_else(place)}; give {SPEECH}")
        spoken = [] if texts is None else [one for one in texts.spoken if not audio or one.audio in set(files)]
        silent = sorted(set(files) - {each.audio for each in spoken})
        if self.needs_text and not spoken:
            manifests = sorted(path.name for path in place.glob("*.json*")) if place.is_dir() else []
            there = f" (there is {printable(', '.join(manifests[:3]), 200)}: is that one?)" if manifests else ""
            raise ValueError(
                f"{value}, {_count(files)} of audio without any text: should be a manifest, or have {HOW}{there}"
            )
        used = sorted({each.audio for each in spoken} | (set() if self.needs_text else set(silent)))
        lengths = _readable(used, place, self.option)
        lines = [_line(each, lengths) for each in spoken if each.audio in lengths.seconds]
        if not self.needs_text:
            lines += [_line(Spoken(file, None), lengths) for file in silent if file in lengths.seconds]
        lines.sort(key=lambda line: (str(line["audio_filepath"]), line.get("offset", 0.0)))
        write_manifest(self._path(place), lines)
        without = f"; {len(silent)} without text" if silent and texts is not None else ""
        without += f" are left out: {_named(silent, place)}" if without and self.needs_text else ""
        several = f"{len(lines)} utterances in " if len(lines) > len(lengths.seconds) else ""
        how = f", {texts.where}" if texts is not None else ", no transcripts"
        count = _count(list(lengths.seconds))
        self.note(f"{_shown(place)}: {several}{count}{how}{without}{_left_out(lengths, place)}")

    def _found(self, place: Path, audio: Sequence[Path]) -> tuple[list[Path], Texts | None]:
        if place.is_file():
            texts = read_table(place)
            return sorted({spoken.audio for spoken in texts.spoken}), texts
        files = [file.absolute() for file in audio or audio_files(place, self.destination)]
        try:
            return files, find_texts(place, files)
        except ValueError:
            if self.needs_text:
                raise
            return files, None

    def _path(self, place: Path) -> Path:
        """A path of its own for each manifest, the same one each time."""
        path, number = self.destination / f"speech_{_name_of(place)}.json", 2
        while str(path) in self.manifests:
            path, number = path.with_name(f"speech_{_name_of(place)}_{number}.json"), number + 1
        self.manifests.append(str(path))
        return path


def _line(spoken: Spoken, lengths: Durations) -> dict[str, Any]:
    line: dict[str, Any] = {
        "audio_filepath": str(spoken.audio),
        "duration": round(lengths.seconds[spoken.audio], 6),
        **({} if spoken.text is None else {"text": spoken.text}),
    }
    return {**line, **spoken.fields}


def _readable(files: Sequence[Path], place: Path, option: str) -> Durations:
    """The lengths of files, of which one at least must be readable."""
    lengths = durations_s(files)
    if not lengths.seconds:
        file, reason = next(iter(lengths.unreadable.items()))
        raise ValueError(
            f"{option}: none of {_count(files)} in {_shown(place)} can be read, such as {printable(file, 200)}: "
            f"{printable(reason, 200)}"
        )
    return lengths


def _left_out(lengths: Durations, place: Path) -> str:
    files = list(lengths.unreadable)
    return f"; {len(files)} cannot be read: {_named(files, place)}" if files else ""


def _named(files: Sequence[Path], place: Path) -> str:
    """The first of some files, by their path in a folder."""
    where = place.absolute()
    names = [file.relative_to(where) if file.is_relative_to(where) else file for file in files[:_NAMED]]
    return printable(", ".join(map(str, names)), 300) + (" ..." if len(files) > _NAMED else "")


def _count(files: Sequence[Any]) -> str:
    return f"{len(files)} file{'s' if len(files) != 1 else ''}"


def _shown(place: Path) -> str:
    return printable(f"{place}/" if place.is_dir() else place, 200)


def _several(given: Any, option: str, should: str) -> tuple[str | Path, ...]:
    several = [given] if isinstance(given, str | Path) else given
    is_list = isinstance(several, Sequence) and bool(several)
    if not is_list or not all(isinstance(one, str | Path) and str(one).strip() for one in several):
        raise ValueError(f"{option} is {printable(repr(given), 100)}, should be {should}, or a list of them")
    return tuple(several)


def _fixed_part(pattern: str | Path) -> Path:
    """The folder of a pattern before its first wildcard, or of a file."""
    parts = Path(pattern).expanduser().parts
    fixed = parts[:-1]
    for number, part in enumerate(fixed):
        if re.search(r"[*?\[]", part):
            fixed = fixed[:number]
            break
    return Path(*fixed) if fixed else Path()
