# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Gives data-loader workers the epoch, so that noise differs between epochs; makes a resumed run exact."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from nemo.core.classes import Serialization

from nemo_noise.data.draw.clock import EPOCH_CLOCK, has_readers
from nemo_noise.training.context_input import ContextInputCheck
from nemo_noise.training.resume import position
from nemo_noise.training.resume.random_numbers import Moment, RandomNumbers
from nemo_noise.training.sensors import SensorListener

__all__ = ["EpochClockCallback", "GuestEpochClock", "trainer_callbacks"]

_KEY = "noise_clock"  # in a checkpoint: which epoch it was, at which step that began, the seeds of the ranks


class EpochClockCallback(Callback, Serialization):
    """Publishes the trainer's epoch, and the step at which it began, in `EPOCH_CLOCK` before workers prefetch with it.

    Lightning makes the first iterator, whose workers begin at once, before `on_train_epoch_start`. The epoch of a
    fresh or resumed run is therefore published in `on_fit_start`, which with a checkpoint comes after
    `on_load_checkpoint` (or, for strategies that restore late, before it). Later iterators are made after
    `on_train_epoch_start`. A checkpoint from the middle of an epoch remembers the step at which that began.

    A resumed run equals the whole run, step by step: all random numbers follow from (seed, epoch, batch), see
    `RandomNumbers`, and a run that resumes within an epoch goes on at the next batch, see `position`.
    """

    def __init__(self) -> None:
        self._resumed: tuple[int, int] | None = None  # epoch, step at which it began
        self._numbers = RandomNumbers()
        self._acts = False
        self._validated: list[int] = []  # epoch and batch behind which a validation began last
        self._was_validated: bool | None = None  # of the checkpoint, behind its last batch
        self._must_forget = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the checkpoint and the seeds of an earlier fit."""
        if stage == TrainerFn.FITTING:
            self._resumed, self._numbers = None, RandomNumbers()
            self._validated, self._was_validated = [], None

    def is_wanted(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Whether random numbers and checkpoints of this training are in our care; always, where a config names it."""
        return True

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remembers epoch, first step and seeds; not as a state, which only one callback of a class may have."""
        if self._acts:
            checkpoint[_KEY] = {
                "epoch": EPOCH_CLOCK.epoch,
                "step": EPOCH_CLOCK.step,
                "validated": list(self._validated),
                "was_validated": self._validated == [EPOCH_CLOCK.epoch, trainer.fit_loop.batch_idx],
                **self._numbers.saved(),
            }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Publishes the epoch in which the checkpoint continues."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        epoch, clock = int(checkpoint.get("epoch", 0)), checkpoint.get(_KEY, {})
        step = clock["step"] if clock.get("epoch") == epoch else checkpoint.get("global_step", 0)
        self._resumed = epoch, int(step)
        EPOCH_CLOCK.set(*self._resumed)
        self._acts = self.is_wanted(trainer, pl_module)
        if self._acts:
            position.count_trained_batch(checkpoint)
            self._numbers.resume(clock)
            self._validated, self._was_validated = clock.get("validated", []), clock.get("was_validated")
            self._seed(trainer, Moment.EPOCH)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes the first epoch before the first iterator exists."""
        EPOCH_CLOCK.set(*(self._resumed or (trainer.current_epoch, trainer.global_step)))
        self._acts = self.is_wanted(trainer, pl_module)
        if self._acts:
            self._numbers.begin(trainer, pl_module)
            self._seed(trainer, Moment.EPOCH)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes each further epoch; a run that resumes within one skips the batches that were trained."""
        first_steps = dict([self._resumed] if self._resumed else [])
        EPOCH_CLOCK.set(trainer.current_epoch, first_steps.get(trainer.current_epoch, trainer.global_step))
        if not self._acts:
            return
        self._seed(trainer, Moment.EPOCH)
        self._must_forget = position.settle_validation(trainer, self._was_validated)
        trained = position.begin_again(trainer, lambda: self._seed(trainer, Moment.EPOCH))
        if trained:
            self._seed(trainer, Moment.LOADING, trained - 1)
        if trainer.current_epoch in first_steps:
            position.warn_of_random_order(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sets the loop back before callbacks look for what a validation measured."""
        if self._must_forget:
            position.forget_validation(trainer)
            self._must_forget = False

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds what the model draws for this batch."""
        self._seed(trainer, Moment.BATCH, batch_idx)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Seeds what the next batch draws while it is loaded, unless a worker loads it."""
        self._seed(trainer, Moment.LOADING, batch_idx)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds what a validation draws, which may be another one of the same batch in a resumed run."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._validated = [EPOCH_CLOCK.epoch, trainer.fit_loop.batch_idx]
            self._seed(trainer, Moment.VALIDATION, trainer.fit_loop.batch_idx)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds the loading of the next batch, as if there had been no validation."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._seed(trainer, Moment.LOADING, trainer.fit_loop.batch_idx)

    def _seed(self, trainer: Trainer, moment: Moment, batch: int = 0) -> None:
        if self._acts:
            self._numbers.set(trainer, epoch=EPOCH_CLOCK.epoch, batch=batch, moment=moment)


class GuestEpochClock(EpochClockCallback):
    """The clock that every trainer of the process gets: it publishes the epoch, and leaves others' runs alone."""

    def is_wanted(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Whether the model, a callback or a perturbation is ours, and no config names the clock."""
        if any(type(callback) is EpochClockCallback for callback in trainer.callbacks):
            return False
        if has_readers():
            return True
        parts = [*pl_module.modules(), *(part for part in trainer.callbacks if type(part) not in _GUESTS)]
        return any(kind.__module__.startswith("nemo_noise.") for part in parts for kind in type(part).__mro__)


_GUESTS = (GuestEpochClock, SensorListener, ContextInputCheck)


def trainer_callbacks() -> list[Callback]:
    """What every Lightning trainer gets, by entry point, once we are registered with NeMo; see the plugin.

    Where neither the model nor a callback nor a perturbation is ours, they do nothing.
    """
    return [GuestEpochClock(), SensorListener(), ContextInputCheck()]
