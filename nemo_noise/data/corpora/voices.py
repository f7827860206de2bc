# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""VOiCES (Richey et al., 2018): `distant-16k/speech/<split>/<room>/<distractor>/<speaker>/*.wav` and `references`."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut, read_text_lines

__all__ = ["SPLITS", "find_voices"]

SPLITS = ("train", "test")
_NAME = re.compile(
    r"Lab41-SRI-VOiCES-(?P<room>rm\d+)-(?P<distractor>[a-z]+)-sp(?P<speaker>\d+)-ch(?P<chapter>\d+)-sg(?P<segment>\d+)"
    r"-mc(?P<microphone>\d+)-(?P<microphone_type>[a-z]+)-(?P<place>[a-z]+)-dg(?P<degrees>\d+)"
)
_NUMBERS = ("microphone", "degrees")


def find_voices(
    root: Path, splits: Sequence[str] | None = None, microphones: Sequence[int] | None = None
) -> Iterator[Found | LeftOut]:
    """Finds the far-field speech of VOiCES, with LibriSpeech's text; one manifest per split.

    Args:
        root: the folder `VOiCES_devkit` (or the full release).
        splits: of train, test; those that are there when None.
        microphones: such as `[1, 5]`; all when None.

    Raises:
        CorpusError: if a split is not there.
    """
    speech = root / "distant-16k" / "speech"
    there = [split for split in SPLITS if (speech / split).is_dir()]
    wanted = there if splits is None else list(splits)
    missing = sorted(set(wanted) - set(there))
    if missing or not wanted:
        raise CorpusError(
            f"{speech}: no split {missing or list(SPLITS)} of VOiCES, there are {there}; expected its folder of speech"
        )
    texts: dict[str, str] = {}
    for item in _texts(root / "references" / "filename_transcripts", wanted[0]):
        if isinstance(item, LeftOut):
            yield item
        else:
            texts[item[0]] = item[1]
    for split in wanted:
        for audio in sorted((speech / split).rglob("*.wav")):
            match = _NAME.fullmatch(audio.stem)
            if match is None:
                yield LeftOut(split, str(audio), "file name without the parts of VOiCES")
            elif microphones is None or int(match["microphone"]) in microphones:
                fields = {key: int(text) if key in _NUMBERS else text for key, text in match.groupdict().items()}
                yield Found(split, audio, texts.get(audio.stem), fields)


def _texts(path: Path, manifest: str) -> Iterator[tuple[str, str] | LeftOut]:
    """Reads the table `index,file_name,transcript`."""
    lines = []
    for line in read_text_lines(path, manifest):
        if isinstance(line, LeftOut):
            yield line
        else:
            lines.append(line)
    for row in csv.DictReader(lines):
        name, text = row.get("file_name"), row.get("transcript")
        if name and text is not None:
            yield Path(name).name.removesuffix(".wav"), text
        else:
            yield LeftOut(manifest, str(row)[:80], "line without file_name and transcript")
