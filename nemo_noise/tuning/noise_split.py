# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise to train with and noise for dev: no file is in both."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nemo_noise.data.audio.files import read_audio
from nemo_noise.data.manifests.manifest import ManifestEntry

__all__ = ["NoiseSplit", "split_noise"]

DEV_SHARE = 0.2
SHORTEST_S = 2.0  # of one recording that is cut in two


class NoiseSplit(NamedTuple):
    """The lines of both sides."""

    train: list[ManifestEntry]
    dev: list[ManifestEntry]


def split_noise(entries: Sequence[ManifestEntry]) -> NoiseSplit:
    """Keeps a fifth of the files for dev: a fifth of each class that has five, and a fifth of all.

    Which ones follows from the names of the files alone. One single file is cut in two: its last fifth is for dev.

    Raises:
        ValueError: there is one file, too short to be cut.
    """
    files: dict[str, list[ManifestEntry]] = defaultdict(list)
    for entry in entries:
        files[entry.audio_filepath].append(entry)
    if len(files) == 1:
        return _cut(next(iter(files.values())))
    order = sorted(files, key=_draw)
    by_label: dict[str, list[str]] = defaultdict(list)
    for path in order:
        by_label[str(files[path][0].fields.get("label"))].append(path)
    kept = {path for paths in by_label.values() for path in paths[: math.floor(DEV_SHARE * len(paths))]}
    wanted = max(1, round(DEV_SHARE * len(files)))
    kept |= set([path for path in order if path not in kept][: max(0, wanted - len(kept))])
    train = [entry for path, lines in files.items() if path not in kept for entry in lines]
    return NoiseSplit(train, [entry for path, lines in files.items() if path in kept for entry in lines])


def _draw(path: str) -> tuple[str, str]:
    """A number that follows from folder and name of a file, wherever they lie."""
    return hashlib.sha256("/".join(Path(path).parts[-2:]).encode()).hexdigest(), path


def _cut(lines: Sequence[ManifestEntry]) -> NoiseSplit:
    first = lines[0]
    recording = read_audio(first.audio_filepath)
    whole_s = len(recording.samples) / recording.sample_rate
    begin_s = min(entry.offset_s for entry in lines)
    end_s = max(entry.offset_s + (entry.duration or whole_s - entry.offset_s) for entry in lines)
    border_s = begin_s + (1 - DEV_SHARE) * (end_s - begin_s)
    if end_s - border_s < SHORTEST_S:
        raise ValueError(
            f"noise is one recording of {end_s - begin_s:.1f} s ({first.source}), too short to keep a part of it for "
            "dev: give more noise, or other noise for dev by --dev-noise"
        )

    def part(offset_s: float, duration_s: float) -> ManifestEntry:
        fields = {**first.fields, "offset": round(offset_s, 3), "duration": round(duration_s, 3)}
        return ManifestEntry(first.audio_filepath, fields["duration"], first.text, fields, first.source)

    return NoiseSplit([part(begin_s, border_s - begin_s)], [part(border_s, end_s - border_s)])
