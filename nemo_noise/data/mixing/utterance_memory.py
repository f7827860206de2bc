# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Key of the draw and active level of utterances seen before, in memory that workers share."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from nemo_noise.data.draw.clock import shared

_SLOTS = 1 << 17  # 40 bytes each
_MASK = (1 << 64) - 1
_MIX = 0x9E3779B97F4A7C15  # an odd number without pattern

Samples = npt.NDArray[np.float32]


class Known(NamedTuple):
    """The key that names an utterance, and its active speech level in dB."""

    key: int
    level_db: float


class UtteranceMemory:
    """Remembers utterances over epochs and workers, so that their level is measured and their key hashed once.

    A table in shared memory, one slot per fingerprint and the latest utterance in it: what is forgotten is measured
    again, to the same bits. A fingerprint is two 64-bit sums over all samples (one weighted by place) and the rate,
    which two recordings do not share by chance. A slot that two workers write at once fails its check word and counts
    as empty.
    """

    def __init__(self) -> None:
        self._table = shared(torch.zeros(_SLOTS, 5, dtype=torch.int64))
        self._odd_numbers = np.arange(1, 2, 2, dtype=np.uint64)

    def recall(self, samples: Samples, sample_rate: int) -> Known | None:
        """Returns what is known of an utterance [T], None if nothing is."""
        return self.recall_fingerprint(self._fingerprint(samples, sample_rate))

    def recall_fingerprint(self, fingerprint: tuple[int, int]) -> Known | None:
        """Returns what is known of the utterance with a fingerprint, None if nothing is."""
        first, second = fingerprint
        row = self._table.numpy()[_slot(first, second)].view(np.uint64).tolist()
        if row[:2] != [first, second] or row[4] != _check(row[:4]):
            return None
        return Known(row[2], float(np.uint64(row[3]).view(np.float64)))

    def keep(self, samples: Samples, sample_rate: int, known: Known) -> None:
        """Remembers an utterance [T]."""
        self.keep_fingerprint(self._fingerprint(samples, sample_rate), known)

    def keep_fingerprint(self, fingerprint: tuple[int, int], known: Known) -> None:
        """Remembers the utterance with a fingerprint."""
        first, second = fingerprint
        level_bits = int(np.float64(known.level_db).view(np.uint64))
        row = [first, second, known.key, level_bits]
        self._table.numpy()[_slot(first, second)] = np.array([*row, _check(row)], dtype=np.uint64).view(np.int64)

    def _fingerprint(self, samples: Samples, sample_rate: int) -> tuple[int, int]:
        contiguous = np.ascontiguousarray(samples)
        count = len(contiguous) // 2
        words = contiguous[: 2 * count].view(np.uint64)  # two samples each
        if len(self._odd_numbers) < count:
            self._odd_numbers = np.arange(1, 4 * count, 2, dtype=np.uint64)
        last = int(contiguous[-1:].view(np.uint32)[0])
        total, weighted = int(np.add.reduce(words)), int(np.dot(words, self._odd_numbers[:count]))
        return _fingerprint_of(
            total=total, weighted=weighted, last=last, length=len(contiguous), sample_rate=sample_rate
        )


def fingerprints_of_batch(audio: torch.Tensor, lengths: list[int], sample_rate: int) -> list[tuple[int, int]]:
    """The fingerprints of a batch on its own device, the same as on the host, to the bit.

    The audio is float32 [B, T], each length 1 or more [B].
    """
    even = torch.nn.functional.pad(audio, (0, audio.shape[1] % 2)).contiguous()
    words = even.view(torch.int64)  # [B, T / 2], sums of which overflow like unsigned ones
    places = torch.arange(words.shape[1], device=audio.device)
    ends = torch.tensor(lengths, device=audio.device)
    words = words * (places < ends[:, None] // 2)
    last = even.view(torch.int32).gather(1, ends[:, None] - 1)[:, 0]  # [B]
    sums = torch.stack([words.sum(dim=1), (words * (2 * places + 1)).sum(dim=1), last.long()], dim=1).tolist()
    rows = zip(sums, lengths, strict=True)
    return [
        _fingerprint_of(total=total, weighted=weighted, last=last & 0xFFFFFFFF, length=n, sample_rate=sample_rate)
        for (total, weighted, last), n in rows
    ]


def _fingerprint_of(*, total: int, weighted: int, last: int, length: int, sample_rate: int) -> tuple[int, int]:
    ending = (length << 32) ^ last ^ (sample_rate * _MIX)
    return (total * _MIX + ending) & _MASK, ((weighted & _MASK) ^ ending) & _MASK


def _slot(first: int, second: int) -> int:
    return ((first * _MIX + second) >> 40) % _SLOTS


def _check(row: list[int]) -> int:
    word = _MIX
    for value in row:
        word = ((word ^ value) * _MIX + 1) & _MASK
    return word
