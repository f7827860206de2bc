# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How far a training is, as lines of JSON that another process reads."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import Callback, LightningModule, Trainer

from nemo.core.classes import Serialization

__all__ = ["StepLog", "TrainingState", "read_last_step"]


class TrainingState(NamedTuple):
    """One line: optimiser steps so far, of how many, and the mean loss since the line before."""

    step: int
    of: int
    loss: float


class StepLog(Callback, Serialization):
    """Appends a line to a file each so many optimiser steps, and at the end.

    Args:
        path: the file; its folder is made.
        every_n_steps: steps between two lines, 1 or more.
    """

    def __init__(self, path: str, every_n_steps: int = 10) -> None:
        if every_n_steps < 1:
            raise ValueError(f"StepLog: every_n_steps={every_n_steps} must be at least 1.")
        self.path, self.every_n_steps = Path(path), every_n_steps
        self._losses: list[float] = []
        self._written = -1

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins after the lines of a training that was stopped."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._losses, self._written = [], trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Takes the loss of a batch, and writes where a line is due."""
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._losses.append(float(loss))
        step = trainer.global_step
        if step > self._written and (step % self.every_n_steps == 0 or step == trainer.max_steps):
            self._written = step
            if trainer.is_global_zero:
                state = TrainingState(step, trainer.max_steps, sum(self._losses) / len(self._losses))
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(state._asdict()) + "\n")
            self._losses = []


def read_last_step(path: str | Path) -> TrainingState | None:
    """The last whole line of a file; None where there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return None
    whole = [line for line in lines if line.endswith("\n")]
    return TrainingState(**json.loads(whole[-1])) if whole else None
