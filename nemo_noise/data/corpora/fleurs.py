# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""FLEURS (Conneau et al., 2023): `data/<language>/<split>.tsv` and `data/<language>/audio/<split>/*.wav`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut, read_text_lines

__all__ = ["SPLITS", "find_fleurs"]

SPLITS = ("train", "dev", "test")
_COLUMNS = 7  # id, file, raw transcription, transcription, characters, number of samples, gender


def find_fleurs(
    root: Path, *, languages: Sequence[str] | None = None, splits: Sequence[str] = SPLITS, text: str = "transcription"
) -> Iterator[Found | LeftOut]:
    """Finds the utterances of FLEURS.

    Args:
        root: the folder of the corpus as it lies on Hugging Face's hub, or its `data`; archives unpacked.
        languages: such as `[en_us, de_de]`; every language that is there when None.
        splits: of train, dev, test.
        text: `transcription` (lower case, no punctuation, as FLEURS gives it) or `raw_transcription`; the other one is
            in the line too.

    Returns:
        Utterances with language, sentence (the same number in every language) and gender; one manifest per language
        and split.

    Raises:
        CorpusError: if a language or a split is not there, or `text` is neither.
    """
    if text not in ("transcription", "raw_transcription"):
        raise CorpusError(f"text: is {text!r}, expected transcription or raw_transcription")
    data = root / "data" if (root / "data").is_dir() else root
    there = sorted(path.name for path in data.iterdir() if path.is_dir() and any(path.glob("*.tsv")))
    wanted = there if languages is None else list(languages)
    missing = sorted(set(wanted) - set(there))
    if missing or not wanted:
        raise CorpusError(f"{data}: no language {missing or 'such as en_us'} of FLEURS, there are {there}")
    unknown = sorted(set(splits) - set(SPLITS))
    if unknown:
        raise CorpusError(f"splits: has {unknown}, expected some of {list(SPLITS)}")
    for language in wanted:
        for split in splits:
            yield from _split(data / language, language=language, split=split, text=text)


def _split(folder: Path, *, language: str, split: str, text: str) -> Iterator[Found | LeftOut]:
    manifest, named = f"{language}_{split}", set()
    for line in read_text_lines(folder / f"{split}.tsv", manifest):
        if isinstance(line, LeftOut):
            yield line
            continue
        columns = line.split("\t")
        if len(columns) != _COLUMNS:
            yield LeftOut(manifest, line[:80], f"line without the {_COLUMNS} columns of FLEURS")
            continue
        sentence, name, raw, plain, _, _, gender = columns
        named.add(name)
        texts = {"transcription": plain.strip(), "raw_transcription": raw.strip()}
        fields = {"language": language, "sentence": sentence, "gender": gender.strip().lower()}
        other = next(key for key in texts if key != text)
        yield Found(manifest, folder / "audio" / split / name, texts[text], {**fields, other: texts[other]})
    for path in sorted((folder / "audio" / split).glob("*.wav")):
        if path.name not in named:
            yield Found(manifest, path, None, {})
