# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""CHiME-4 (Vincent et al., 2017): `data/audio/16kHz/<track>/<set>_<environment>_<kind>/*.wav` and transcriptions."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut, read_text_lines

__all__ = ["PARTS", "find_chime4"]

PARTS = ("tr05_real", "tr05_simu", "dt05_real", "dt05_simu", "et05_real", "et05_simu")
_FOLDER = re.compile(r"(?P<set>tr05|dt05|et05)_(?P<environment>bus|caf|ped|str)_(?P<kind>real|simu)")
_DOT_LINE = re.compile(r"(?P<text>.*?)\s*\((?P<name>[^()]*)\)\s*")


def find_chime4(
    root: Path,
    *,
    track: str = "isolated_1ch_track",
    parts: Sequence[str] | None = None,
    channels: Sequence[int] = (5,),
) -> Iterator[Found | LeftOut]:
    """Finds the utterances of CHiME-4; the text is that of the .dot files, with the marks that it has.

    Args:
        root: the folder `CHiME4` (or CHiME3) with `data`.
        track: folder below `data/audio/16kHz`: `isolated_1ch_track`, `isolated`, `isolated_2ch_track` ...
        parts: of `{tr05,dt05,et05}_{real,simu}`; those that are there when None.
        channels: where files name their channel (`.CH5.wav`), the ones to take.

    Returns:
        Utterances with speaker, environment, kind (real or simu) and channel; one manifest per part. The text comes
        from `data/transcriptions/<part>.dot_all`, or from `data/annotations/<part>.json` where that is missing.

    Raises:
        CorpusError: if the track or a part is not there.
    """
    audio = root / "data" / "audio" / "16kHz" / track
    if not audio.is_dir():
        raise CorpusError(f"{audio}: no such folder, expected a track of CHiME-4")
    folders = {path: match for path in sorted(audio.iterdir()) if (match := _FOLDER.fullmatch(path.name))}
    there = sorted({f"{match['set']}_{match['kind']}" for match in folders.values()})
    wanted = there if parts is None else list(parts)
    missing = sorted(set(wanted) - set(there))
    if missing or not wanted:
        raise CorpusError(f"{audio}: no part {missing or list(PARTS)} of CHiME-4, there are {there}")
    for part in wanted:
        texts: dict[str, str] = {}
        for item in _texts(root / "data", part):
            if isinstance(item, LeftOut):
                yield item
            else:
                texts[item[0]] = item[1]
        for folder, match in folders.items():
            if part == f"{match['set']}_{match['kind']}":
                fields = {"environment": match["environment"], "kind": match["kind"]}
                yield from _utterances(folder, part, texts=texts, fields=fields, channels=channels)


def _utterances(
    folder: Path, part: str, *, texts: dict[str, str], fields: dict[str, str], channels: Sequence[int]
) -> Iterator[Found | LeftOut]:
    """Names are `<speaker>_<sentence>_<ENVIRONMENT>`, then `.CH<n>` where there are several microphones."""
    for audio in sorted(folder.glob("*.wav")):
        name, _, channel = audio.stem.partition(".CH")
        if channel and channel not in {str(number) for number in channels}:
            continue
        known = {**fields, "speaker": name.split("_")[0]} | ({"channel": int(channel)} if channel.isdecimal() else {})
        yield Found(part, audio, texts.get(name), known)


def _texts(data: Path, part: str) -> Iterator[tuple[str, str] | LeftOut]:
    """Reads name and text of every utterance of a part."""
    dots, annotations = data / "transcriptions" / f"{part}.dot_all", data / "annotations" / f"{part}.json"
    if dots.is_file() or not annotations.is_file():
        for line in read_text_lines(dots, part):
            match = None if isinstance(line, LeftOut) else _DOT_LINE.fullmatch(line)
            if isinstance(line, LeftOut):
                yield line
            elif match is None:
                yield LeftOut(part, line[:80], "line that is not <text> (<name>)")
            else:
                yield match["name"], match["text"]
        return
    try:
        listed = json.loads(annotations.read_text(encoding="utf-8"))
        for entry in listed:
            yield f"{entry['speaker']}_{entry['wsj_name']}_{entry['environment']}", str(entry["dot"])
    except (ValueError, KeyError, TypeError) as error:
        yield LeftOut(part, f"{annotations}: {error!r}", "transcript file unreadable")
