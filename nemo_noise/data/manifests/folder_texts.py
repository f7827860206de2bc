# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcripts in a folder of speech, in each of the ways in which corpora keep them."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nemo_noise.data.manifests.audio_folder import SUFFIXES
from nemo_noise.data.manifests.strict_json import parse_object
from nemo_noise.foreign_text import printable

__all__ = ["HOW", "Spoken", "Texts", "find_texts", "is_table", "read_table"]

HOW = (
    "a .txt or .lab file beside each audio file, LibriSpeech's *.trans.txt, a metadata.csv or metadata.jsonl with "
    "file_name and text, a .tsv with path and sentence (Common Voice), or Kaldi's wav.scp and text"
)
_BESIDE = (".txt", ".lab", ".normalized.txt")
_FILE_COLUMNS = ("file_name", "path", "audio_filepath", "filename", "file", "audio", "wav")
_TEXT_COLUMNS = ("text", "sentence", "transcription", "transcript", "normalized_text")
_SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")
_CLIP_FOLDERS = ("", "clips", "wavs", "wav", "audio")
_LARGEST_BYTES = 1_000_000  # of a transcript


class Spoken(NamedTuple):
    """An utterance: its audio file, its text or None, and further fields of its line (speaker, offset, duration)."""

    audio: Path
    text: str | None
    fields: dict[str, Any] = {}  # noqa: RUF012  never changed


class Texts(NamedTuple):
    """Transcripts that were found.

    Attributes:
        where: how they are kept, in words.
        spoken: the utterances with text.
    """

    where: str
    spoken: list[Spoken]


def find_texts(folder: Path, audio: Sequence[Path]) -> Texts | None:
    """Finds the transcripts of the audio files of a folder; None where there are none.

    Raises:
        ValueError: there are none but in a file that cannot be read, or in several of which one has to be given.
    """
    conventions: Sequence[Callable[[Path, Sequence[Path]], Texts | None]]
    conventions = (_kaldi, _librispeech, _metadata, _common_voice, _beside)
    complaint: ValueError | None = None
    for convention in conventions:
        try:
            found = convention(folder, audio)
        except ValueError as error:
            complaint = complaint or error
            continue
        if found is not None and found.spoken:
            return found
    if complaint is not None:
        raise complaint
    return None


def is_table(path: Path) -> bool:
    """Whether a file is a table of transcripts by its name."""
    return path.suffix.lower() in (".tsv", ".csv") or path.name in ("metadata.jsonl", "wav.scp")


def read_table(path: Path) -> Texts:
    """Reads a table of transcripts that was given by its own path.

    Raises:
        ValueError: it has no column of files or none of texts, or none of its files is there.
    """
    if path.name == "wav.scp":
        found = _kaldi(path.parent, ())
        if found is None:
            raise ValueError(f"{path}: there is no file `text` of transcripts beside it")
        return found
    spoken = list(_rows(path))
    if not spoken:
        raise ValueError(f"{path}: none of its audio files is there, looked in {path.parent} and its folder clips")
    return Texts(path.name, spoken)


def _beside(folder: Path, audio: Sequence[Path]) -> Texts | None:
    spoken, used = [], set()
    for file in audio:
        names = [(file.with_name(file.stem + suffix), suffix) for suffix in _BESIDE]
        found = next(((path, suffix) for path, suffix in names if path.is_file()), None)
        if found is not None:
            text = " ".join(_read(found[0]).split())
            if text:
                spoken.append(Spoken(file, text))
                used.add(found[1])
    return Texts(f"transcripts beside them ({', '.join(sorted(used))})", spoken) if spoken else None


def _librispeech(folder: Path, audio: Sequence[Path]) -> Texts | None:
    by_name = {(file.parent, file.stem): file for file in audio}
    spoken = []
    for path in sorted({file.parent for file in audio}):
        for listing in sorted(path.glob("*.trans.txt")):
            for line in _read(listing).split("\n"):
                name, _, text = line.strip().partition(" ")
                file = by_name.get((path, name))
                if file is not None and text.strip():
                    spoken.append(Spoken(file, text.strip(), {"speaker": name.partition("-")[0]}))
    return Texts("transcripts in *.trans.txt", spoken)


def _metadata(folder: Path, audio: Sequence[Path]) -> Texts | None:
    """Hugging Face's AudioFolder, also by split, and LJSpeech."""
    tables = [path for name in ("metadata.csv", "metadata.jsonl") for path in sorted(folder.rglob(name))]
    spoken = [row for table in tables for row in _rows(table)]
    return Texts(f"transcripts in {tables[0].name}", spoken) if tables else None


def _common_voice(folder: Path, audio: Sequence[Path]) -> Texts | None:
    tables = [path for path in sorted(folder.glob("*.tsv")) if _has_columns(path)]
    if len(tables) > 1:
        listed = printable(", ".join(path.name for path in tables), 200)
        raise ValueError(f"{folder} holds several tables of transcripts ({listed}): give one by its own path")
    return Texts(f"transcripts in {tables[0].name}", list(_rows(tables[0]))) if tables else None


def _kaldi(folder: Path, audio: Sequence[Path]) -> Texts | None:
    """Kaldi's wav.scp, text, and where they are there segments and utt2spk; commands in wav.scp are never run."""
    if not (folder / "wav.scp").is_file() or not (folder / "text").is_file():
        return None
    files, texts = _pairs(folder / "wav.scp"), _pairs(folder / "text")
    commands = [path for path in files.values() if path.endswith("|")]
    if commands:
        shown = printable(commands[0], 100)
        raise ValueError(f"{folder / 'wav.scp'} holds commands ({shown}), which are not run: write them out as files")
    speakers = _pairs(folder / "utt2spk") if (folder / "utt2spk").is_file() else {}
    segments = _segments(folder / "segments") if (folder / "segments").is_file() else {}
    spoken = []
    for name, text in texts.items():
        recording, part = segments.get(name, (name, {}))
        path = _first_file(files.get(recording, ""), (folder, Path()))
        if path is not None and text:
            fields = {"utterance_id": name, **part} | ({"speaker": speakers[name]} if name in speakers else {})
            spoken.append(Spoken(path, text, fields))
    return Texts("Kaldi's wav.scp and text", spoken)


def _pairs(path: Path) -> dict[str, str]:
    """A file of Kaldi: a name, white space, and the rest of the line."""
    lines = [line.split(maxsplit=1) for line in _read(path, None).split("\n") if line.strip()]
    return {line[0]: line[1].strip() if len(line) > 1 else "" for line in lines}


def _segments(path: Path) -> dict[str, tuple[str, dict[str, float]]]:
    """The recording of each utterance, and its offset and duration in seconds."""
    parts = {}
    for name, rest in _pairs(path).items():
        match = re.fullmatch(r"(\S+)\s+(\d+\.?\d*)\s+(\d+\.?\d*)", rest)
        if match is None:
            shown = printable(repr(rest), 60)
            raise ValueError(
                f"{path}: {printable(name, 60)} has {shown}, should be a recording, its start and its end"
            )
        start, end = float(match[2]), float(match[3])
        parts[name] = match[1], {"offset": start, "duration": round(end - start, 6)}
    return parts


def _rows(table: Path) -> Iterator[Spoken]:
    """Utterances of a table whose audio is there."""
    rows = list(_cells(table))
    columns = list(rows[0]) if rows else []
    file_column = next((name for name in _FILE_COLUMNS if name in columns), None)
    text_column = next((name for name in _TEXT_COLUMNS if name in columns), None)
    if file_column is None or text_column is None:
        missing = f"{' or '.join(_FILE_COLUMNS[:2])}" if file_column is None else " or ".join(_TEXT_COLUMNS[:3])
        shown = printable(", ".join(map(str, columns)), 200) or "nothing"
        raise ValueError(f"{table} has no column {missing}, it has {shown}")
    speaker_column = next((name for name in _SPEAKER_COLUMNS if name in columns), None)
    for row in rows:
        audio = _first_file(row.get(file_column), [table.parent / name for name in _CLIP_FOLDERS])
        text = row.get(text_column)
        if audio is not None and isinstance(text, str) and text.strip():
            speaker = row.get(speaker_column) if speaker_column else None
            yield Spoken(audio, text.strip(), {"speaker": str(speaker)} if speaker else {})


def _first_file(name: Any, folders: Sequence[Path]) -> Path | None:
    """The audio file of a name in one of several folders; names may lack the suffix."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    for folder in folders:
        for suffix in ("", *SUFFIXES):
            path = folder / (name + suffix)
            if path.is_file():
                return path.absolute()
    return None


def _has_columns(table: Path) -> bool:
    try:
        header = next(iter(_read(table, None).splitlines()), "").split("\t")
    except ValueError:
        return False
    return bool(set(header) & set(_FILE_COLUMNS)) and bool(set(header) & set(_TEXT_COLUMNS))


def _cells(table: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of a table as mappings; LJSpeech's has no header and bars between its columns."""
    content = _read(table, None)
    lines = content.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if table.suffix.lower() == ".jsonl":
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield parse_object(line.encode())
                except ValueError as error:
                    raise ValueError(f"{table}:{number}: {error}") from error
        return
    first = lines[0]
    if table.suffix.lower() == ".csv" and first.count("|") in (1, 2) and "," not in first.partition("|")[0]:
        for line in lines:
            name, _, texts = line.partition("|")
            yield {"file_name": name, "text": texts.rpartition("|")[2]}
        return
    try:
        if table.suffix.lower() == ".tsv":
            yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        else:
            delimiter = ";" if ";" in first and "," not in first else ","
            yield from csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise ValueError(f"{table} cannot be read as a table ({error})") from error


def _read(path: Path, most_bytes: int | None = _LARGEST_BYTES) -> str:
    try:
        if most_bytes is not None and path.stat().st_size > most_bytes:
            raise ValueError(f"{path} has {path.stat().st_size} bytes, a transcript should have {most_bytes} at most")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from error
