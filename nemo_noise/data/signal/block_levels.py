# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""RMS levels of crops of long recordings, from sums over blocks that are made once."""

import numpy as np
import numpy.typing as npt

from nemo_noise.data.signal.speech_level import rms_db

__all__ = ["BlockLevels"]

_BLOCK = 1024  # samples

Samples = npt.NDArray[np.float32]


class BlockLevels:
    """Measures crops in a time that does not grow with their length: only their ends are squared and summed."""

    def __init__(self) -> None:
        self._sums: dict[int, npt.NDArray[np.float64]] = {}

    def of_db(self, index: int, *, recording: Samples, offset: int, length: int) -> float:
        """RMS level of a crop in dB; differs from `rms_db` by rounding.

        Args:
            index: names the recording.
            recording: all of it, [N].
            offset: first sample of the crop.
            length: of the crop, in samples.
        """
        if index not in self._sums:
            whole = recording[: len(recording) // _BLOCK * _BLOCK]
            energies = np.square(whole.reshape(-1, _BLOCK), dtype=np.float64).sum(axis=1)
            self._sums[index] = np.concatenate([[0.0], np.cumsum(energies)])
        first, last = -(-offset // _BLOCK), (offset + length) // _BLOCK  # blocks that lie inside
        if last <= first:
            return rms_db(recording[offset : offset + length])
        ends = recording[offset : first * _BLOCK], recording[last * _BLOCK : offset + length]
        energy = self._sums[index][last] - self._sums[index][first]
        energy += sum(float(np.square(end, dtype=np.float64).sum()) for end in ends)
        return 10.0 * float(np.log10(energy / length)) if energy > 0.0 else -np.inf
