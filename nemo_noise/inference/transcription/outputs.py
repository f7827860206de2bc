# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where the outputs of each recording go, which are there already, and how they are written."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nemo_noise import whole_file
from nemo_noise.foreign_text import printable
from nemo_noise.inference.transcription.formats import OutputFormat, render
from nemo_noise.inference.transcription.segments import TranscribedFile
from nemo_noise.inference.transcription.sources import STANDARD_INPUT, Source

__all__ = ["Outputs", "outputs_of"]


@dataclass(frozen=True)
class Outputs:
    """The files of one recording, by their format."""

    paths: dict[OutputFormat, Path]

    def are_there(self) -> bool:
        """Whether all of them exist; false where none is wanted."""
        return bool(self.paths) and all(path.is_file() for path in self.paths.values())

    def check_system(self, system: str) -> None:
        """Refuses to keep outputs that another system has written, by a ValueError; only a .json says which."""
        path = self.paths.get(OutputFormat.JSON)
        if path is None or not path.is_file():
            return
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            writer = data.get("system") if isinstance(data, dict) else None
        except (OSError, ValueError):
            writer = None
        if writer != system:
            whose = f"is of the system {printable(writer, 100)!r}" if writer else "is not ours"
            raise ValueError(
                f"{printable(path, 300)} is there and {whose}, not of {printable(system, 100)!r}: --overwrite "
                "replaces it, --output-dir writes elsewhere"
            )

    def write(self, file: TranscribedFile) -> TranscribedFile:
        """Writes them, each whole or not at all; returns the record with their paths."""
        for kind, path in self.paths.items():
            whole_file.write_text(path, render(file, kind))
        return replace(file, outputs=tuple(self.paths.values()))


def outputs_of(
    sources: Sequence[Source], formats: Sequence[OutputFormat], output_dir: str | Path | None
) -> list[Outputs]:
    """The outputs of each source: beside the audio, or in a folder, with the subfolders that were given.

    A name is that of the audio with the suffix of the format, as Whisper's command has it; where two recordings would
    share one, the suffix of the audio stays (`talk.mp3.srt`), and parts of a file have their time (`talk-12.5s.srt`).

    Raises:
        ValueError: if recordings would still share a name, or the standard input has no folder.
        NotADirectoryError: if the folder is a file.
        PermissionError: if a folder may not be written.
    """
    if not formats:
        return [Outputs({}) for _ in sources]
    folder = None if output_dir is None else Path(output_dir).expanduser()
    if folder is not None and folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--output-dir is {printable(folder, 200)}, a file; expected a folder")
    stems = _stems(sources, folder)
    for parent in sorted({stem.parent for stem in stems}):
        _check_writable(parent)
    return [Outputs({kind: stem.with_name(f"{stem.name}.{kind.value}") for kind in formats}) for stem in stems]


def _stems(sources: Sequence[Source], folder: Path | None) -> list[Path]:
    for rename in (_plain, _with_suffix, _with_time):
        names = [rename(source) for source in sources]
        places = [_folder(source, folder) / name for source, name in zip(sources, names, strict=True)]
        if rename is _plain:
            stems = places
        else:
            counts = Counter(stems)
            stems = [new if counts[old] > 1 else old for old, new in zip(stems, places, strict=True)]
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        same = [source.name for source, stem in zip(sources, stems, strict=True) if stem == twice[0]]
        raise ValueError(
            f"--output-dir: {printable(same[0], 200)} and {printable(same[1], 200)} would both be written as "
            f"{printable(twice[0], 200)}; run them with different folders, or give the folder that has both"
        )
    return stems


def _plain(source: Source) -> str:
    if source.path.name and source.name == STANDARD_INPUT:
        return "stdin"
    return source.path.stem


def _with_suffix(source: Source) -> str:
    return source.path.name


def _with_time(source: Source) -> str:
    return f"{source.path.stem}-{source.offset_s:g}s"


def _folder(source: Source, folder: Path | None) -> Path:
    if folder is None:
        if source.name == STANDARD_INPUT:
            raise ValueError("--output-dir is not given, but the standard input has no folder; expected one")
        return source.path.parent
    return folder if source.folder is None else folder / source.path.parent.relative_to(source.folder)


def _check_writable(folder: Path) -> None:
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK):
        raise PermissionError(f"{printable(there, 200)} may not be written; --output-dir FOLDER writes elsewhere")
