# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What decides what happens to an utterance: a seed, the epoch, and the samples of the utterance itself."""

import hashlib
from enum import Enum

import numpy as np
import numpy.typing as npt

from nemo.utils import logging

from nemo_noise.data.draw.clock import EPOCH_CLOCK, shared_integers

__all__ = ["Refresh", "UtteranceDraw", "key_of"]


class Refresh(Enum):
    """When an utterance gets other noise: in each epoch (training), or never (a fixed noisy validation set)."""

    EACH_EPOCH = "each_epoch"
    NEVER = "never"

    @classmethod
    def of(cls, value: str) -> "Refresh":
        """Reads the `refresh` of a config."""
        try:
            return cls(value)
        except ValueError:
            allowed = [option.value for option in cls]
            raise ValueError(f"refresh: is {value!r}, expected one of {allowed}") from None


class UtteranceDraw:
    """Gives an utterance the numbers that seed its generators, whatever the worker, the order or the batch.

    Args:
        owner: who draws, for messages.
        seed: 0 or more.
        refresh: `each_epoch`, or `never` for a validation set that stays the same.
    """

    def __init__(self, owner: str, *, seed: int, refresh: str) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed: is {seed!r}, expected a whole number, 0 or more")
        self.owner, self.seed, self.refresh = owner, seed, Refresh.of(refresh)
        self.clock = EPOCH_CLOCK
        self._witness = shared_integers(2)  # [key of one utterance, 1 = warned]

    def seeds(self, key: int) -> tuple[int, int, int]:
        """Returns seed, epoch and the key of an utterance; the epoch is 0 where nothing is refreshed."""
        if self.refresh is Refresh.NEVER:
            return self.seed, 0, key
        self._warn_when_time_stands_still(key)
        return self.seed, self.clock.epoch, key

    def _warn_when_time_stands_still(self, key: int) -> None:
        """Keeps the first utterance as a witness: seen again with a clock that was never set, the draws repeat."""
        if self.clock.times_set or self._witness[1]:
            return
        short_key = key >> 1 or 1  # fits int64, and 0 means no witness
        if self._witness[0] == 0:
            self._witness[0] = short_key
        elif self._witness[0] == short_key:
            self._witness[1] = 1
            logging.warning(
                f"{self.owner} sees an utterance again, but the epoch is never set: every epoch repeats the same "
                "draws. Add nemo_noise.training.epoch.EpochClockCallback to trainer.callbacks, or set "
                "`refresh: never`."
            )


def key_of(samples: npt.NDArray[np.floating]) -> int:
    """Hashes the samples of an utterance [T] to 64 bits; its draws start from it."""
    flat = np.ravel(samples)
    return int.from_bytes(hashlib.blake2b(flat.data, digest_size=8).digest(), "big")
