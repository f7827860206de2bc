# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What is to be transcribed: files, folders, patterns, manifests and the standard input, as a list of recordings."""

import glob
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from nemo_noise.checks import near_names
from nemo_noise.data.audio.media import MEDIA_SUFFIXES
from nemo_noise.data.audio.mono_stream import MonoStream, open_mono
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.foreign_text import printable

__all__ = ["STANDARD_INPUT", "Source", "is_one_file", "sources_of"]

STANDARD_INPUT = "-"
MANIFEST_SUFFIXES = (".json", ".jsonl", ".ndjson")
# What libsndfile reads, by the names that such files have; used where a folder is looked through.
AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd"),
    *(".caf", ".sph", ".nist", ".w64", ".rf64", ".voc"),
    *MEDIA_SUFFIXES,
)
OUTPUT_SUFFIXES = (".txt", ".srt", ".vtt", ".tsv", ".json")


@dataclass(frozen=True)
class Source:
    """One recording, or a part of one.

    Attributes:
        name: as it is shown; `-` for the standard input.
        path: of the file.
        folder: the folder that was given, below which it was found; None where the file itself was given.
        offset_s: where the part begins.
        length_s: of the part; None: to the end.
        line: of the manifest that it stands in, from 1; None where there is none.
    """

    name: str
    path: Path
    folder: Path | None = None
    offset_s: float = 0.0
    length_s: float | None = None
    line: int | None = None

    @contextmanager
    def opened(self, sample_rate: int, channel: int | None) -> Iterator[MonoStream]:
        """Opens it as a stream of mono blocks; errors are those of `open_mono`."""
        with open_mono(
            self.path, sample_rate, channel=channel, offset_s=self.offset_s, length_s=self.length_s
        ) as stream:
            yield stream


@contextmanager
def sources_of(given: str | Path | Sequence[str | Path]) -> Iterator[list[Source]]:
    """Lists what is given, each recording once; the standard input is kept in a temporary file for the block.

    Args:
        given: audio and video files, folders of such (also below them), patterns such as `talks/*.mp3`, NeMo
            manifests, or `-`.

    Raises:
        FileNotFoundError: if one of them is not there, or a folder or pattern has no recording.
        ValueError: if nothing is given, or the standard input is empty.
        ManifestError: if a manifest cannot be used.
    """
    if isinstance(given, str | Path):
        given = [given]
    if not given:
        raise ValueError("files: none are given, expected audio files, folders, patterns, manifests, or - (stdin)")
    with ExitStack() as stack:
        paths = [path for one in given for path in _expanded(one)]
        recordings = {(path.parent, path.stem) for path in paths if path.suffix.lower() in AUDIO_SUFFIXES}
        recordings |= {(path.parent, path.name) for path in paths if path.suffix.lower() in AUDIO_SUFFIXES}
        found: dict[tuple[Path, float, float | None], Source] = {}
        for path in paths:
            if path.suffix.lower() in OUTPUT_SUFFIXES and (path.parent, path.stem) in recordings:
                continue  # of an earlier run, by a pattern that has it too
            for source in _sources(path, stack):
                found.setdefault((source.path.absolute(), source.offset_s, source.length_s), source)
        yield list(found.values())


def is_one_file(given: Sequence[str | Path]) -> bool:
    """Whether one recording is given by itself, or the standard input."""
    if len(given) != 1:
        return False
    path = Path(given[0]).expanduser()
    return str(given[0]) == STANDARD_INPUT or (path.suffix.lower() not in MANIFEST_SUFFIXES and path.is_file())


def _expanded(given: str | Path) -> list[Path]:
    path = Path(given).expanduser()
    if str(given) == STANDARD_INPUT or path.exists():
        return [path]
    is_pattern = glob.has_magic(str(given))
    matches = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))] if is_pattern else []  # noqa: PTH207
    if not matches:
        what = "matches no file" if is_pattern else f"no such file or folder{_near(path)}"
        raise FileNotFoundError(f"files: {printable(given, 200)}: {what} (working directory {Path.cwd()})")
    return matches


def _near(path: Path) -> str:
    there = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    return near_names(path.name, there)


def _sources(path: Path, stack: ExitStack) -> list[Source]:
    if str(path) == STANDARD_INPUT:
        return [_standard_input(stack)]
    if path.is_dir():
        return _in_folder(path)
    return _of_manifest(path) if path.suffix.lower() in MANIFEST_SUFFIXES else [Source(str(path), path)]


def _in_folder(folder: Path) -> list[Source]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    visible = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not visible:
        raise FileNotFoundError(
            f"files: the folder {printable(folder, 200)} has no audio or video, expected files such as "
            f"{', '.join(AUDIO_SUFFIXES[:4])} or {MEDIA_SUFFIXES[0]}"
        )
    return [Source(str(path), path, folder) for path in visible]


def _of_manifest(path: Path) -> list[Source]:
    entries = read_manifest(path)
    parts = Counter(entry.audio_filepath for entry in entries)
    return [
        Source(
            entry.audio_filepath,
            Path(entry.audio_filepath),
            offset_s=entry.offset_s,
            length_s=entry.duration if "offset" in entry.fields or parts[entry.audio_filepath] > 1 else None,
            line=number,
        )
        for number, entry in enumerate(entries, start=1)
    ]


def _standard_input(stack: ExitStack) -> Source:
    if sys.stdin.isatty():
        raise ValueError(
            "files: - is the standard input, which is a terminal; give audio, as in: ... | nemo-noise ... -"
        )
    file = stack.enter_context(NamedTemporaryFile())  # noqa: SIM115
    shutil.copyfileobj(sys.stdin.buffer, file)
    file.flush()
    path = Path(file.name)
    if not path.stat().st_size:
        raise ValueError("files: - is the standard input, which holds nothing, expected the bytes of an audio file")
    return Source(STANDARD_INPUT, path)
