# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""MUSAN (Snyder et al., 2015): `{music,noise,speech}/<source>/*.wav`, with an ANNOTATIONS file per source."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut

__all__ = ["PARTS", "find_musan"]

PARTS = ("music", "noise", "speech")


def find_musan(root: Path, parts: Sequence[str] = PARTS) -> Iterator[Found | LeftOut]:
    """Finds the recordings of MUSAN.

    Args:
        root: the folder `musan`.
        parts: of music, noise, speech.

    Returns:
        Recordings with `label` (the part: MUSAN names no finer classes), `source`, and what ANNOTATIONS holds: genres
        and vocals of music, gender and language of speech; one manifest per part.

    Raises:
        CorpusError: if a part is not there.
    """
    missing = [part for part in parts if part not in PARTS or not (root / part).is_dir()]
    if missing or not parts:
        raise CorpusError(f"{root}: no part {missing} of MUSAN, expected folders {list(PARTS)}")
    for part in parts:
        for source in sorted(path for path in (root / part).iterdir() if path.is_dir()):
            known = _annotations(source / "ANNOTATIONS", part)
            for audio in sorted(source.glob("*.wav")):
                fields = {"label": part, "source": source.name, **known.get(audio.stem, {})}
                yield Found(part, audio, None, fields)


def _annotations(path: Path, part: str) -> dict[str, dict[str, Any]]:
    """Reads lines such as `music-fma-0000 genre,genre Y artist` and `speech-us-gov-0000 m english`."""
    if not path.is_file() or part == "noise":
        return {}
    known: dict[str, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        columns = line.split()
        if len(columns) >= 3 and part == "music":
            known[columns[0]] = {"genres": columns[1].split(","), "vocals": columns[2] == "Y"}
        elif len(columns) >= 3:
            known[columns[0]] = {"gender": columns[1], "language": columns[2]}
    return known
