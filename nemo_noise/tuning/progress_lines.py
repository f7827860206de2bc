# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a tuning writes for people while it runs, and its end in time."""

import math
import time
from contextlib import ExitStack
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from nemo_noise.progress import Progress, progress, rounded, write_line
from nemo_noise.training.best_in_noise import BestInNoise

__all__ = ["ProgressLines"]

MOST_BROKEN_STEPS = 20  # in a row, whose loss is no number
REMEMBERED = 0.98  # of the mean loss at each step


class ProgressLines(Callback):
    """Writes a line for each validation, and stops a training whose time is over or whose loss is no number.

    The time counts training and validation, in all runs of a resumed training together.

    Its attribute `best` must be the callback that measures the validations.

    Args:
        steps: of the whole training.
        minutes: at most; None for any.
    """

    def __init__(self, *, steps: int, minutes: float | None) -> None:
        self.steps, self.minutes = steps, minutes
        self.best: BestInNoise  # set before the training
        self.stopped_by: str | None = None
        self.spent_s = 0.0  # in runs before this one
        self.loss: float | None = None
        self._broken_steps = 0
        self._begun = self._rate_begun = time.monotonic()
        self._step_begun = 0
        self._validation_s, self._validation_begun = 0.0, 0.0
        self._stack = ExitStack()
        self._bar: Progress | None = None
        self._counted = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to count the time."""
        self._begun = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to count the steps, once those of a checkpoint are known."""
        self._rate_begun, self._step_begun = time.monotonic(), trainer.global_step
        self._counted = trainer.global_step
        if trainer.is_global_zero:
            opened = progress(self.steps, "tune", unit="steps", done=trainer.global_step)
            self._bar = self._stack.enter_context(opened)
        if trainer.global_step and trainer.is_global_zero:
            write_line(f"goes on behind step {trainer.global_step}")

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the error rates before the training."""
        if self.best.before is not None and trainer.is_global_zero:
            before = self.best.before
            write_line(f"   0 %  before    clean {100 * before.clean:.1f}  noisy {100 * before.noisy:.1f}")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Counts the steps before; late, so that the line of a validation comes first."""
        self._count(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Takes the loss, and stops where it must."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, torch.Tensor):
            self._take(float(loss.detach()) * trainer.accumulate_grad_batches)
        if self._broken_steps >= MOST_BROKEN_STEPS:
            self._stop(trainer, "the loss is no number any more: take a lower --lr")
        if self.minutes is not None and self._elapsed_s() + self._validation_s >= 60 * self.minutes:
            self._stop(trainer, f"{self.minutes:g} minutes are over")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to measure how long a validation takes."""
        self._validation_begun = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes a line."""
        self._validation_s = time.monotonic() - self._validation_begun
        if trainer.sanity_checking or not self.best.validations or self._bar is None:
            return
        found, step = self.best.validations[-1], trainer.global_step
        mark = "  best" if found is self.best.best else ""
        left = "" if step >= self.steps or self.stopped_by else f"  {rounded(self._left_s(step))} left"
        loss = "" if self.loss is None else f"loss {self.loss:.3g}  "
        share = 100 * step // self.steps
        rates = f"clean {100 * found.clean:.1f}  noisy {100 * found.noisy:.1f}"
        self._bar.line(f"{share:4d} %  step {step}  {loss}{rates}{mark}{left}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the last step."""
        self._count(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes the bar away."""
        self._stack.close()
        self._bar = None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {"spent_s": self._elapsed_s(), "loss": self.loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the time that was spent."""
        self.spent_s, self.loss = float(state_dict["spent_s"]), state_dict["loss"]

    def _take(self, loss: float) -> None:
        if not math.isfinite(loss):
            self._broken_steps += 1
            return
        self._broken_steps = 0
        self.loss = loss if self.loss is None else REMEMBERED * self.loss + (1 - REMEMBERED) * loss

    def _count(self, trainer: Trainer) -> None:
        if self._bar is not None and trainer.global_step > self._counted:
            self._bar.set_postfix_str("" if self.loss is None else f"loss {self.loss:.3g}")
            self._bar.update(trainer.global_step - self._counted)
            self._counted = trainer.global_step

    def _stop(self, trainer: Trainer, why: str) -> None:
        if self.stopped_by is None:
            self.stopped_by = why
            trainer.should_stop = True

    def _elapsed_s(self) -> float:
        return self.spent_s + time.monotonic() - self._begun

    def _left_s(self, step: int) -> float:
        done = max(1, step - self._step_begun)
        by_steps = (time.monotonic() - self._rate_begun) / done * (self.steps - step)
        return by_steps if self.minutes is None else max(0.0, min(by_steps, 60 * self.minutes - self._elapsed_s()))
