# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The epoch, in memory that data-loader workers share, so that they can draw other noise in each epoch."""

from enum import Enum
from typing import Any
from weakref import WeakSet

import torch

from nemo.utils import logging, logging_mode


class TimeUnit(Enum):
    """In what a curriculum counts time."""

    EPOCH = "epoch"
    STEP = "step"

    @classmethod
    def of(cls, value: Any, name: str) -> "TimeUnit":
        """Reads the `unit` of a config."""
        try:
            return cls(value)
        except ValueError:
            allowed = [option.value for option in cls]
            raise ValueError(f"{name}: is {value!r}, expected one of {allowed}") from None


class EpochClock:
    """Holds the current epoch where worker processes can read it, forked and spawned, persistent or not.

    A forked worker inherits the shared memory. A spawned one gets it with the data set it unpickles, so a reader of
    the clock in a worker keeps a reference to it instead of importing `EPOCH_CLOCK` again.
    """

    def __init__(self) -> None:
        self._state = shared_integers(3)  # [epoch, times set, step]

    def set(self, epoch: int, step: int = 0) -> None:
        """Publishes the epoch, and how many optimizer steps came before its first batch, both counted from 0."""
        for name, value in {"epoch": epoch, "step": step}.items():
            if value < 0:
                raise ValueError(f"{name}: is {value}, expected 0 or more")
        self._state[2] = step
        self._state[0] = epoch
        self._state[1] += 1

    @property
    def epoch(self) -> int:
        """The epoch last published, 0 before that."""
        return int(self._state[0])

    @property
    def step(self) -> int:
        """The optimizer steps before the epoch last published, 0 before that."""
        return int(self._state[2])

    def time(self, unit: TimeUnit) -> int:
        """The epoch or the step, by the unit."""
        return self.step if unit is TimeUnit.STEP else self.epoch

    @property
    def times_set(self) -> int:
        """How often the epoch was published; 0 means that no callback moves this clock."""
        return int(self._state[1])

    def __deepcopy__(self, memo: dict[int, Any]) -> "EpochClock":
        """A copy reads the same clock: data sets get copied, time does not."""
        return self


def shared_integers(count: int) -> torch.Tensor:
    """Returns int64 zeros, [count], that worker processes see change."""
    return shared(torch.zeros(count, dtype=torch.int64))


def shared(tensor: torch.Tensor) -> torch.Tensor:
    """Moves a tensor to memory that worker processes share; where there is none (/dev/shm), warns and leaves it."""
    try:
        tensor.share_memory_()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError):
        logging.warning(
            "nemo_noise: no memory can be shared between processes (can /dev/shm be written?), so that data-loader "
            "workers will not see the epoch or the weights of a curriculum change while they run.",
            mode=logging_mode.ONCE,
        )
    return tensor


EPOCH_CLOCK = EpochClock()
_READERS: WeakSet[Any] = WeakSet()  # not in the clock, which travels to spawned workers


def note_reader(perturbation: Any) -> None:
    """Notes that something of ours lives here whose draws follow the epoch, for as long as it lives."""
    _READERS.add(perturbation)


def has_readers() -> bool:
    """Whether anything in this process follows the epoch."""
    return len(_READERS) > 0
