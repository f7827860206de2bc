# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Some of the utterances of a manifest, drawn so that fewer are a part of more: a longer run uses what was run."""

import hashlib
from collections.abc import Sequence

from nemo_noise.data.manifests.manifest import ManifestEntry
from nemo_noise.evaluation.mixtures.names import name_utterances

__all__ = ["draw_utterances"]


def draw_utterances(entries: Sequence[ManifestEntry], count: int | None, seed: int) -> list[ManifestEntry]:
    """Draw utterances by (seed, name of the utterance) alone.

    Args:
        entries: lines of manifests.
        count: at most so many; None for all.
        seed: of the draw.

    Returns:
        Lines in their order.
    """
    if count is None or count >= len(entries):
        return list(entries)
    names = name_utterances(entries)
    ranked = sorted(range(len(entries)), key=lambda index: hashlib.sha256(f"{seed}\0{names[index]}".encode()).digest())
    return [entries[index] for index in sorted(ranked[:count])]
