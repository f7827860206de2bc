# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Names that do not depend on the machine: of utterances and of noise lists."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nemo_noise.data.manifests.manifest import ManifestEntry

__all__ = ["check_list_name", "file_name", "name_utterances"]

RESERVED_NAMES = (
    *("clean", "worst", "noise_only", "silence", "groups", "calibration", "speed", "rtfx", "left_out"),
    *("comparison", "controls", "adaptation", "stream_adaptation", "baseline", "lists"),
)


def name_utterances(entries: Sequence[ManifestEntry]) -> list[str]:
    """Give every manifest line a name that does not depend on the machine.

    Args:
        entries: lines of a speech manifest.

    Returns:
        `utterance_id` of the line, else the audio file's stem where stems are unique, else the path as the manifest
        writes it; with the offset where lines share a file.

    Raises:
        ValueError: two lines are the same utterance; the message names both lines.
    """
    stems = [Path(entry.audio_filepath).stem for entry in entries]
    paths = [str(entry.fields["audio_filepath"]) for entry in entries]
    files = stems if len(set(stems)) == len(set(paths)) else paths
    shared = Counter(paths)
    names = []
    for entry, file, path in zip(entries, files, paths, strict=True):
        default = file if shared[path] == 1 else f"{file}@{entry.offset_s:g}s"
        names.append(str(entry.fields.get("utterance_id") or default))
    first: dict[str, ManifestEntry] = {}
    for name, entry in zip(names, entries, strict=True):
        if name in first:
            raise ValueError(f"{entry.source}: utterance {name!r} is also in {first[name].source}; name each one once")
        first[name] = entry
    return names


def file_name(name: str) -> str:
    """Write a name with the characters that every file system takes."""
    return re.sub(r"[^\w.@+-]", "_", name)


def check_list_name(name: str) -> str:
    """Refuse names that gates could not address.

    Raises:
        ValueError: it is reserved, or has other characters than letters, digits, - and _.
    """
    if name in RESERVED_NAMES or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"noise_lists holds the name {name!r}: use letters, digits, - and _; taken: {RESERVED_NAMES}")
    return name
