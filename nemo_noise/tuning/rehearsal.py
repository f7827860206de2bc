# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A few steps before a tuning, timed: how many steps and validations fit into the minutes that there are."""

import copy
import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig, OmegaConf

from nemo.core.classes import ModelPT
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.tuning.training_config import Length

__all__ = ["length_for"]

WARM_STEPS, TIMED_STEPS, BATCHES = 3, 5, 4  # batches: of each validation set
OF_THE_TIME = 0.9  # that is planned for
MOST_ON_VALIDATION = 0.4  # of the time
FEWEST_VALIDATIONS = 2


def length_for(
    minutes: float, build: Callable[[pl.Trainer], ModelPT], config: DictConfig, *, validations: int
) -> Length:
    """The steps and validations that fit into a time, by training a model that is thrown away for a few steps.

    Args:
        minutes: of training and validation.
        build: makes the model for a trainer.
        config: of the training.
        validations: as many, or fewer where they would take more than 40 % of the time.
    """
    short: Any = OmegaConf.create(copy.deepcopy(OmegaConf.to_container(config.trainer, resolve=True)))
    short.callbacks = [one for one in short.callbacks if str(one.get("_target_", "")).endswith("TrainOnly")]
    short.max_steps, short.num_sanity_val_steps, short.limit_val_batches = WARM_STEPS + TIMED_STEPS, 0, BATCHES
    short.val_check_interval = short.max_steps * int(short.get("accumulate_grad_batches") or 1)
    settings = resolve_trainer_cfg(short)
    times = _Times(_utterances(config.model.validation_ds.manifest_filepath))
    trainer = pl.Trainer(**{**settings, "callbacks": [*settings["callbacks"], times]})
    trainer.fit(build(trainer))
    return times.length(60 * minutes * OF_THE_TIME, validations)


class _Times(Callback):
    """Times the later steps, and the utterances of a validation: Lhotse's batches have no number before they are made.

    Args:
        utterances: of all validation sets.
    """

    def __init__(self, utterances: int) -> None:
        self.utterances, self.step_s, self.utterance_s = utterances, 0.0, 0.0
        self._begun, self._validated = 0.0, 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == WARM_STEPS and not self._begun:
            self._begun = time.monotonic()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.step_s = (time.monotonic() - (self._begun or time.monotonic())) / TIMED_STEPS
        self._begun = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._validated += len(batch.audio if hasattr(batch, "audio") else batch[0])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.utterance_s = (time.monotonic() - self._begun) / max(1, self._validated)

    def length(self, seconds: float, validations: int) -> Length:
        validation_s = max(1e-3, self.utterance_s * self.utterances)
        most = int(MOST_ON_VALIDATION * seconds / validation_s) - 1  # one is before the training
        count = max(FEWEST_VALIDATIONS, min(validations, most))
        left_s = max(0.0, seconds - (count + 1) * validation_s)
        return Length.of(max(count, int(left_s / max(1e-4, self.step_s))), count)


def _utterances(manifests: Any) -> int:
    """Lines of the manifests of validation sets."""
    paths = [manifests] if isinstance(manifests, str) else list(manifests)
    return sum(len(read_manifest(path)) for path in paths)
