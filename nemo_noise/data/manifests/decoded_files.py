# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio of manifest entries, decoded on demand and kept in memory up to a limit."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nemo_noise.data.manifests.manifest import ManifestEntry, load_entry

__all__ = ["DecodedFiles"]

Samples = npt.NDArray[np.float32]


class DecodedFiles:
    """Audio of manifest entries by index, kept until a limit is reached; every process has its own.

    When the limit is reached nothing is thrown out: random access gains nothing from it. What is mapped from a file
    does not count.

    Args:
        entries: the lines.
        sample_rate: of the audio, samples per second.
        limit_bytes: memory for what is kept.
        decode: index -> samples [T], in place of `load_entry`.
    """

    def __init__(
        self,
        entries: Sequence[ManifestEntry],
        sample_rate: int,
        *,
        limit_bytes: int,
        decode: Callable[[int], Samples] | None = None,
    ) -> None:
        self.entries, self.sample_rate, self.free_bytes = entries, sample_rate, limit_bytes
        self._decode = decode
        self._kept: dict[int, Samples] = {}

    def __contains__(self, index: int) -> bool:
        """Whether the audio of an entry is kept."""
        return index in self._kept

    def __getitem__(self, index: int) -> Samples:
        """Samples [T] of an entry; what is wrong with it is reported with the manifest line it came from."""
        if index in self._kept:
            return self._kept[index]
        if self._decode is None:
            samples = load_entry(self.entries[index], self.sample_rate)
        else:
            samples = self._decode(index)
        size = 0 if isinstance(samples, np.memmap) else samples.nbytes
        if size <= self.free_bytes:
            self._kept[index] = samples
            self.free_bytes -= size
        return samples
