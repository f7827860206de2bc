# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What decides what happens to an utterance: a seed, the epoch, and the samples of the utterance itself."""

import hashlib

import numpy as np
import numpy.typing as npt

from nemo.utils import logging

from nemo_noise.data.draw.clock import EPOCH_CLOCK, shared_integers
from nemo_noise.data.mixing.noise_mix import Refresh

__all__ = ["UtteranceDraw"]


class UtteranceDraw:
    """Gives an utterance the numbers that seed its generators, whatever the worker, the order or the batch.

    Args:
        owner: who draws, for messages.
        seed: 0 or more.
        refresh: `each_epoch`, or `never` for a validation set that stays the same.
    """

    def __init__(self, owner: str, seed: int, refresh: str) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed: is {seed!r}, expected a whole number, 0 or more")
        allowed = [option.value for option in Refresh]
        if refresh not in allowed:
            raise ValueError(f"refresh: is {refresh!r}, expected one of {allowed}")
        self.owner, self.seed, self.refresh = owner, seed, Refresh(refresh)
        self._clock = EPOCH_CLOCK
        self._witness = shared_integers(2)  # [key of one utterance, 1 = warned]

    def seeds(self, samples: npt.NDArray[np.floating]) -> list[int]:
        """Returns seed, epoch and a hash of the samples [T]; the epoch is 0 where nothing is refreshed."""
        digest = hashlib.blake2b(np.ascontiguousarray(samples).tobytes(), digest_size=8).digest()
        key = int.from_bytes(digest, "big")
        if self.refresh is Refresh.NEVER:
            return [self.seed, 0, key]
        self._warn_when_time_stands_still(key)
        return [self.seed, self._clock.epoch, key]

    def _warn_when_time_stands_still(self, key: int) -> None:
        """Keeps the first utterance as a witness: seen again with a clock that nobody ever set, the draws repeat."""
        if self._clock.times_set or self._witness[1]:
            return
        short_key = key >> 1 or 1  # fits int64, and 0 means no witness
        if self._witness[0] == 0:
            self._witness[0] = short_key
        elif self._witness[0] == short_key:
            self._witness[1] = 1
            logging.warning(
                f"{self.owner} sees an utterance again, but nobody sets the epoch: every epoch repeats the same "
                "draws. Add nemo_noise.training.epoch.EpochClockCallback to trainer.callbacks, or set "
                "`refresh: never`."
            )
