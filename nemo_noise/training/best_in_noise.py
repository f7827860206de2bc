# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Of the weights of a fine-tuning, those with the fewest errors in noise that keep clean speech as good as before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from safetensors.torch import load_file, save_file
from torch import Tensor

from nemo.core.classes import Serialization
from nemo.utils import logging

from nemo_noise.whole_file import writing

__all__ = ["BestInNoise", "Validation"]


class Validation(NamedTuple):
    """Error rates behind an optimizer step, 0 to 1; step 0 is before the training."""

    step: int
    clean: float
    noisy: float


class BestInNoise(Callback, Serialization):
    """Keeps the weights of the validation with the fewest errors in noise, where clean speech is within a tolerance.

    The first candidate is the start, so that a training that does not help changes nothing. When the training ends,
    the model has the weights that were kept. Name it before `CleanGuard`, which may change weights that were measured.

    Args:
        path: where the kept weights lie, a `.safetensors`; what learns and all running statistics.
        clean: the logged error rate of clean speech, the first validation set.
        noisy: the logged error rate of noisy speech, the second; it is named after the file of the manifest.
        tolerance: how far the error rate of clean speech may rise, absolute; 0.005 is 0.5 % WER.

    Raises:
        ValueError: the tolerance is negative, or the path has another suffix.
    """

    def __init__(
        self, path: str, *, clean: str = "val_wer", noisy: str = "noisy_val_wer", tolerance: float = 0.005
    ) -> None:
        if tolerance < 0:
            raise ValueError(f"BestInNoise: tolerance={tolerance} must not be negative.")
        if not str(path).endswith(".safetensors"):
            raise ValueError(f"BestInNoise: path={path!r} must end in .safetensors.")
        self.path, self.clean, self.noisy, self.tolerance = Path(path), clean, noisy, tolerance
        self.validations: list[Validation] = []
        self.best: Validation | None = None

    @property
    def before(self) -> Validation | None:
        """The error rates before the training."""
        return self.validations[0] if self.validations else None

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the error rates and the weights before the training, if all of the validation sets were run."""
        if not self.validations and trainer.num_sanity_val_steps == float("inf"):
            self._add(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the weights if they are the best so far.

        Raises:
            ValueError: nobody knows the error rates before the training, or one was not logged.
        """
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if not self.validations:
            raise ValueError("BestInNoise: set trainer.num_sanity_val_steps=-1, by which the start is measured.")
        self._add(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the model the weights that were kept."""
        trainer.strategy.barrier()
        self.restore(pl_module)

    def restore(self, model: torch.nn.Module) -> None:
        """Gives a model the weights that were kept; nothing where none were."""
        if self.best is None:
            return
        state = model.state_dict()
        with torch.no_grad():
            for name, value in load_file(self.path).items():
                state[name].copy_(value)
        logging.info(f"BestInNoise: the model has the weights of step {self.best.step}")

    def _add(self, trainer: Trainer, model: LightningModule) -> None:
        found = self._measured(trainer)
        self.validations.append(found)
        if self.best is None or self._is_better(found, self.best, self.validations[0]):
            self.best = found
            if trainer.is_global_zero:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with writing(self.path) as temporary:
                    save_file(_that_changes(model), temporary)

    def _measured(self, trainer: Trainer) -> Validation:
        known = trainer.callback_metrics
        missing = [name for name in (self.clean, self.noisy) if name not in known]
        if missing:
            raise ValueError(f"BestInNoise: {missing[0]!r} was not logged; there are {sorted(known)}.")
        return Validation(trainer.global_step, float(known[self.clean]), float(known[self.noisy]))

    def _is_better(self, found: Validation, best: Validation, before: Validation) -> bool:
        if found.clean - before.clean > self.tolerance:
            return False
        return (found.noisy, found.clean) < (best.noisy, best.clean)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {"validations": [tuple(one) for one in self.validations], "best": self.best and tuple(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the error rates of the training that is resumed."""
        self.validations = [_validation(one) for one in state_dict["validations"]]
        self.best = _validation(state_dict["best"]) if state_dict["best"] else None


def _validation(values: Sequence[Any]) -> Validation:
    return Validation(int(values[0]), float(values[1]), float(values[2]))


def _that_changes(model: LightningModule) -> dict[str, Tensor]:
    """What a training may change: parameters that learn, and buffers such as the statistics of batch norms."""
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    return {
        name: value.detach().cpu().clone().contiguous()
        for name, value in model.state_dict().items()
        if name not in frozen and isinstance(value, Tensor)
    }
