# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tells data-loader workers which epoch it is, so that noise differs between epochs and resumes where it was."""

import sys
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from nemo.core.classes import Serialization

from nemo_noise.data.epoch_clock import EPOCH_CLOCK
from nemo_noise.training.context_input import ContextInputCheck
from nemo_noise.training.sensors import SensorListener

_KEY = "noise_clock"  # in a checkpoint: which epoch it was, and at which step that began


class EpochClockCallback(Callback, Serialization):
    """Publishes the trainer's epoch, and the step at which it began, in `EPOCH_CLOCK` before workers prefetch with it.

    Lightning makes the first iterator, whose workers begin at once, before `on_train_epoch_start`. The epoch of a
    fresh or resumed run is therefore published in `on_fit_start`, which with a checkpoint comes after
    `on_load_checkpoint` (or, for strategies that restore late, before it). Later iterators are made after
    `on_train_epoch_start`. A checkpoint from the middle of an epoch remembers the step at which that began.
    """

    def __init__(self) -> None:
        self._resumed: tuple[int, int] | None = None  # epoch, step at which it began

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the checkpoint of an earlier fit."""
        self._resumed = None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remembers the epoch and its first step; not as a state, which only one callback of a class may have."""
        checkpoint[_KEY] = {"epoch": EPOCH_CLOCK.epoch, "step": EPOCH_CLOCK.step}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Publishes the epoch in which the checkpoint continues."""
        if trainer.state.fn == TrainerFn.FITTING:
            epoch, clock = int(checkpoint.get("epoch", 0)), checkpoint.get(_KEY, {})
            step = clock["step"] if clock.get("epoch") == epoch else checkpoint.get("global_step", 0)
            self._resumed = epoch, int(step)
            EPOCH_CLOCK.set(*self._resumed)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes the first epoch before the first iterator exists."""
        EPOCH_CLOCK.set(*(self._resumed or (trainer.current_epoch, trainer.global_step)))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes each further epoch."""
        first_steps = dict([self._resumed] if self._resumed else [])
        EPOCH_CLOCK.set(trainer.current_epoch, first_steps.get(trainer.current_epoch, trainer.global_step))


def trainer_callbacks() -> list[Callback]:
    """What every Lightning trainer gets, by entry point, once `nemo_noise.data.mixing` is imported; nothing before.

    A Hydra application imports it with NeMo's ASR collection. From then on every trainer gets these callbacks, whether
    `noise_mix` is in use or not, and its checkpoints hold `noise_clock`.
    """
    if "nemo_noise.data.mixing" not in sys.modules:
        return []
    return [EpochClockCallback(), SensorListener(), ContextInputCheck()]
