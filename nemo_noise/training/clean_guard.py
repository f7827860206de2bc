# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Clean speech must not get worse: watches its error rate while a recogniser is fine-tuned for noise."""

from enum import Enum
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from nemo.core.classes import Serialization
from nemo.utils import logging

from nemo_noise.checks import choice

__all__ = ["CleanGuard"]


class Action(str, Enum):
    """What a guard does when clean speech gets worse."""

    STOP = "stop"
    BLEND = "blend"


class CleanGuard(Callback, Serialization):
    """Compares the error rate of clean speech after every validation with that before the training.

    If it has risen by more than the tolerance, the training is stopped, or the weights go half of the way back to
    where they started and the training goes on. Between the two ends of a fine-tuning lie weights that keep most
    of both (Wortsman et al., CVPR 2022, "Robust fine-tuning of zero-shot models"). The weights at the start are
    kept in host memory and in the checkpoints. Running statistics of batch norms are no weights and stay; a checkpoint
    that is saved after a step back holds the new weights under the error rate of the old.

    Args:
        monitor: the logged error rate of clean speech; with several validation sets, the first is ``val_wer``.
        tolerance: how far it may rise, absolute; 0.002 is 0.2 % WER.
        action: ``stop`` or ``blend``.
        baseline: the error rate before the training. If not given it is measured, which needs
            ``trainer.num_sanity_val_steps=-1``.

    Raises:
        ValueError: if the tolerance is negative or the action unknown.
    """

    def __init__(
        self,
        monitor: str = "val_wer",
        *,
        tolerance: float = 0.002,
        action: Action | str = Action.BLEND,
        baseline: float | None = None,
    ) -> None:
        if tolerance < 0:
            raise ValueError(f"CleanGuard: tolerance={tolerance} must not be negative.")
        self.monitor = monitor
        self.tolerance = tolerance
        self.action = choice(Action, action, "CleanGuard: action")
        self.baseline = baseline
        self.num_alarms = 0
        self._start: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights of the start, unless a checkpoint brought them."""
        if self.action is Action.BLEND and not self._start:
            self._start = {name: value.detach().cpu().clone() for name, value in _learning(pl_module).items()}

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the error rate before the training, if all of the validation set was run."""
        if self.baseline is None and trainer.num_sanity_val_steps == float("inf"):
            self.baseline = self._measured(trainer)
            logging.info(f"CleanGuard: {self.monitor} is {self.baseline:.4f} before the training")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare, and act.

        Raises:
            ValueError: if nobody knows the error rate before the training, or none was logged.
        """
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if self.baseline is None:
            raise ValueError(
                "CleanGuard: baseline=None; give the error rate before the training, or set "
                "trainer.num_sanity_val_steps=-1 to have it measured."
            )
        rise = self._measured(trainer) - self.baseline
        if rise <= self.tolerance:
            return
        self.num_alarms += 1
        said = f"CleanGuard: {self.monitor} rose by {rise:.4f}, more than tolerance={self.tolerance}"
        if self.action is Action.STOP:
            trainer.should_stop = True
            logging.warning(f"{said}; the training stops.")
            return
        with torch.no_grad():
            for name, value in _learning(pl_module).items():
                value.lerp_(self._start[name].to(value.device), 0.5)
        logging.warning(f"{said}; the weights go half of the way back ({self.num_alarms} times so far).")

    def _measured(self, trainer: Trainer) -> float:
        if self.monitor not in trainer.callback_metrics:
            known = sorted(trainer.callback_metrics)
            raise ValueError(f"CleanGuard: monitor={self.monitor!r} was not logged; there are {known}.")
        return float(trainer.callback_metrics[self.monitor])

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {"baseline": self.baseline, "num_alarms": self.num_alarms, "start": self._start}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the baseline and the start of the training that is resumed."""
        self.baseline = state_dict["baseline"]
        self.num_alarms = state_dict["num_alarms"]
        self._start = dict(state_dict["start"])


def _learning(module: LightningModule) -> dict[str, Tensor]:
    """The parameters that learn."""
    return {name: value for name, value in module.named_parameters() if value.requires_grad}
