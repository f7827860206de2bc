# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tells data-loader workers which epoch it is, so that noise differs between epochs and resumes where it was."""

import sys
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from nemo.core.classes import Serialization

from nemo_noise.data.epoch_clock import EPOCH_CLOCK
from nemo_noise.training.sensors import SensorListener


class EpochClockCallback(Callback, Serialization):
    """Publishes the trainer's epoch in `EPOCH_CLOCK` before workers prefetch with it.

    Lightning makes the first iterator, whose workers begin at once, before `on_train_epoch_start`. The epoch of a
    fresh or resumed run is therefore published in `on_fit_start`, which with a checkpoint comes after
    `on_load_checkpoint` (or, for strategies that restore late, before it). Later iterators are made after
    `on_train_epoch_start`.
    """

    def __init__(self) -> None:
        self._resumed_epoch: int | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the checkpoint of an earlier fit."""
        self._resumed_epoch = None

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Publishes the epoch in which the checkpoint continues."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._resumed_epoch = int(checkpoint["epoch"])
            EPOCH_CLOCK.set(self._resumed_epoch)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes the first epoch before the first iterator exists."""
        EPOCH_CLOCK.set(trainer.current_epoch if self._resumed_epoch is None else self._resumed_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes each further epoch."""
        EPOCH_CLOCK.set(trainer.current_epoch)


def trainer_callbacks() -> list[Callback]:
    """What every Lightning trainer gets, by entry point, where our data is in use; nothing elsewhere."""
    return [EpochClockCallback(), SensorListener()] if "nemo_noise.data.mixing" in sys.modules else []
