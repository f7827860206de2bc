# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Folders, patterns and single files of audio: which files they mean, and how long each is by its header."""

import difflib
import glob
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from nemo_noise.data.audio.blocks import AudioError, open_audio
from nemo_noise.data.manifests.manifest import ManifestEntry, read_manifest
from nemo_noise.foreign_text import printable
from nemo_noise.progress import progress

__all__ = [
    "SUFFIXES",
    "Durations",
    "audio_files",
    "durations_s",
    "expand",
    "is_audio",
    "is_pattern",
    "noise_entries",
    "noise_lines",
    "what_else",
]

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".sph", ".caf", ".w64")
_OTHER_SOUND = (".m4a", ".aac", ".wma", ".webm", ".mp4", ".mkv", ".amr", ".mka", ".mov", ".3gp")
_PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".zst")
_THREADS = 8
_MANY = 1000  # files, whose headers take long enough to show it


class Durations(NamedTuple):
    """What headers say.

    Attributes:
        seconds: by file, of those that can be read.
        unreadable: why the others cannot, by file.
    """

    seconds: dict[Path, float]
    unreadable: dict[Path, str]


def is_audio(path: str | Path) -> bool:
    """Whether a name ends as one of an audio file that we read."""
    return Path(path).suffix.lower() in SUFFIXES


def is_pattern(path: str | Path) -> bool:
    """Whether a path is a pattern such as `speech/*.wav`, and not the name of something that is there."""
    return glob.has_magic(str(path)) and not Path(path).expanduser().exists()


def expand(path: str | Path, option: str, should: str) -> list[Path]:
    """What a path means: itself, or all that its pattern matches (`**` goes into folders), sorted.

    Args:
        path: of a file or a folder, or a pattern; `~` is the home.
        option: that names it in errors.
        should: what would be right, in words.

    Raises:
        ValueError: it is no local path, or an archive.
        FileNotFoundError: nothing is there; names what is there of nearly the same name.
    """
    if not isinstance(path, str | Path) or not str(path).strip():
        raise ValueError(f"{option} is {printable(repr(path), 100)}, should be {should}")
    where, shown = Path(path).expanduser(), printable(repr(str(path)), 200)
    if where.exists():
        if where.is_file() and where.suffix.lower() in _PACKED:
            raise ValueError(f"{option} is {shown}, an archive: unpack it, and give {should}")
        if where.is_file() and where.suffix.lower() in _OTHER_SOUND:
            raise ValueError(
                f"{option} is {shown}, which cannot be read: convert it (ffmpeg -i FILE FILE.wav), and give {should}"
            )
        return [where]
    if "://" in str(path):
        raise ValueError(f"{option} is {shown}, an address: should be on this machine, {should}")
    if is_pattern(path):
        matched = _matches(os.path.expanduser(path))  # noqa: PTH111  a slash at its end means folders
        if matched:
            return matched
        raise FileNotFoundError(
            f"{option} is {shown}, a pattern that matches nothing (working directory {Path.cwd()}): give {should}"
        )
    raise FileNotFoundError(
        f"{option} is {shown}, which is not there (working directory {Path.cwd()}){_near(where)}: give {should}"
    )


def _matches(pattern: str) -> list[Path]:
    """Folders, audio and manifests of a pattern, and files of other kinds only where it ends as they do."""
    paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    kinds = (*SUFFIXES, ".json", ".jsonl", Path(pattern).suffix.lower())
    return [path for path in paths if path.is_dir() or (path.suffix and path.suffix.lower() in kinds)]


def _near(path: Path) -> str:
    """What is there beside a path that is not, or a comma that joins two that may be."""
    if "," in str(path):
        return "; several are given one by one, not joined by commas"
    try:
        there = [one.name for one in path.parent.iterdir()]
    except OSError:
        return f"; there is no folder {printable(path.parent, 200)} either" if path.parent.name else ""
    near = difflib.get_close_matches(path.name, there, n=2, cutoff=0.6)
    return f"; did you mean {printable(' or '.join(near), 200)}?" if near else ""


def audio_files(folder: Path, without: Path | None = None) -> list[Path]:
    """All audio files below a folder, sorted by their path; hidden ones and those below `without` are left out.

    Files in folders that are linked are found too, once.
    """
    found, visited = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        identity = here.resolve()
        if identity in visited or (without is not None and identity == without.resolve()):
            folders.clear()
            continue
        visited.add(identity)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [here / name for name in names if not name.startswith(".") and is_audio(name)]
    return sorted(found)


def what_else(folder: Path) -> str:
    """What a folder without audio that we read holds in its place, as a remedy."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if not names:
        return "it is empty"
    manifests = [name for name in names if name.endswith((".json", ".jsonl"))]
    if manifests:
        return f"it holds {printable(', '.join(manifests[:5]), 200)}: give a manifest by its own path"
    others = [path for path in folder.rglob("*") if path.suffix.lower() in _OTHER_SOUND + _PACKED]
    if others:
        return f"it holds *{others[0].suffix}, which cannot be read: convert or unpack them"
    return f"it holds {printable(', '.join(names[:5]), 200)}"


def durations_s(files: Sequence[Path]) -> Durations:
    """Reads the headers of audio files; only a file whose header has no length is decoded."""
    with ThreadPoolExecutor(_THREADS) as pool:
        lengths = pool.map(_duration_s, files)
        if len(files) > _MANY:
            with progress(len(files), "reading headers", unit="files") as bar:
                found = [(file, length, bar.update())[:2] for file, length in zip(files, lengths, strict=True)]
        else:
            found = list(zip(files, lengths, strict=True))
    return Durations(
        {file: length for file, length in found if isinstance(length, float)},
        {file: length for file, length in found if isinstance(length, str)},
    )


def _duration_s(path: Path) -> float | str:
    """Seconds of a file, or why there are none."""
    try:
        with open_audio(path) as audio:
            frames = audio.frames
            if frames is None:
                frames = sum(len(block) for block in audio.blocks())
            return frames / audio.rate if frames else "holds no samples"
    except AudioError as error:
        return str(error).removeprefix(f"{path}: ")


def noise_lines(folder: Path, files: Sequence[Path]) -> list[dict[str, str]]:
    """Lines of a manifest of noises; the label is the subfolder, where there is none the folder.

    Args:
        folder: where labels begin.
        files: below it.
    """
    parts = [path.relative_to(folder).parts for path in files]
    return [
        {"audio_filepath": str(path.absolute()), "label": part[0] if len(part) > 1 else folder.resolve().name}
        for path, part in zip(files, parts, strict=True)
    ]


def noise_entries(path: str | Path) -> list[ManifestEntry]:
    """Reads noises from a manifest, or from a folder, a pattern or a file of audio, of which nothing is written.

    Raises:
        ManifestError: a manifest cannot be used.
        ValueError: there is no audio; FileNotFoundError: there is nothing.
    """
    where = Path(path).expanduser()
    if not (where.is_dir() or is_audio(where) or is_pattern(where)):
        return read_manifest(path)
    entries = []
    for one in expand(path, "manifest_path", "a manifest, or a folder or a pattern of noise"):
        if one.is_file() and not is_audio(one):
            entries += read_manifest(one)
            continue
        files = audio_files(one) if one.is_dir() else [one]
        if not files:
            raise ValueError(
                f"manifest_path is {printable(repr(str(one)), 200)}, a folder without audio: {what_else(one)}"
            )
        for number, line in enumerate(noise_lines(one if one.is_dir() else one.parent, files), start=1):
            entries.append(ManifestEntry(line["audio_filepath"], None, None, dict(line), f"{one}:{number}"))
    return entries
