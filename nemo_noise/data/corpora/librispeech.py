# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""LibriSpeech (Panayotov et al., 2015): `<part>/<speaker>/<chapter>/<speaker>-<chapter>.trans.txt` and FLAC files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut, read_text_lines

__all__ = ["find_librispeech"]


def find_librispeech(root: Path, parts: Sequence[str] | None = None) -> Iterator[Found | LeftOut]:
    """Finds the utterances of LibriSpeech; the text is the corpus's: capitals, no punctuation.

    Args:
        root: the folder `LibriSpeech`, with `SPEAKERS.TXT` where it is there.
        parts: such as `[dev-clean, test-other]`; every folder with transcripts when None.

    Returns:
        Utterances with speaker, chapter and, if listed, gender; one manifest per part.

    Raises:
        CorpusError: if a part is not there, or none is.
    """
    there = sorted(path.name for path in root.iterdir() if path.is_dir() and any(path.glob("*/*/*.trans.txt")))
    wanted = there if parts is None else list(parts)
    missing = sorted(set(wanted) - set(there))
    if missing or not wanted:
        raise CorpusError(f"{root}: no part {missing or 'such as dev-clean'} of LibriSpeech, there are {there}")
    genders = _genders(root / "SPEAKERS.TXT")
    for part in wanted:
        for chapter in sorted((root / part).glob("*/*/")):
            yield from _chapter(chapter, part, genders)


def _chapter(folder: Path, part: str, genders: dict[str, str]) -> Iterator[Found | LeftOut]:
    speaker, chapter = folder.parent.name, folder.name
    texts: dict[str, str] = {}
    for line in read_text_lines(folder / f"{speaker}-{chapter}.trans.txt", part):
        if isinstance(line, LeftOut):
            yield line
            continue
        name, _, text = line.partition(" ")
        texts[name] = text.strip()
    recorded = {path.stem for path in folder.glob("*.flac")}
    fields = {"speaker": speaker, "chapter": chapter}
    if speaker in genders:
        fields["gender"] = genders[speaker]
    for name in sorted(recorded | set(texts)):
        yield Found(part, folder / f"{name}.flac", texts.get(name), fields)


def _genders(path: Path) -> dict[str, str]:
    """Reads `14 | F | train-clean-360 | 25.03 | Name`."""
    if not path.is_file():
        return {}
    lines = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(";")]
    return {columns[0].strip(): columns[1].strip() for columns in lines if len(columns) >= 2}
