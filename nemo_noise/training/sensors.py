# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hands what comes beside a batch to the model's context encoder, in training, validation, test and prediction."""

from contextlib import ExitStack
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from nemo.core.classes import Serialization

from nemo_noise.data.context_audio_in_batches import context_audio_of
from nemo_noise.data.sensors_in_batches import BatchWithSensors
from nemo_noise.data.utterance_notes import ContextSource
from nemo_noise.modules import noise_before, noise_in_place, with_sensors

__all__ = ["SensorListener"]


class SensorListener(Callback, Serialization):
    """Opens ``with_sensors`` when a batch with sensors starts and closes it when the batch ends.

    The same for the audio of `noise_mix`'s ``for_context``: the pre-roll goes before the utterances of the context,
    the noise in their place; a ValueError where the model has no noise context that could read it.

    Every Lightning trainer gets one by our entry point; a batch without sensors passes it untouched. The model stays
    NeMo's own class.
    """

    def __init__(self) -> None:
        self._open = ExitStack()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *args: Any) -> None:
        """Hands over the sensors of a batch, and the audio for its contexts."""
        self._open.close()
        if isinstance(batch, BatchWithSensors):
            self._open.enter_context(with_sensors(pl_module, batch.sensors))
        audio = context_audio_of(batch)
        if audio is not None:
            block = noise_before if audio.source is ContextSource.PREROLL else noise_in_place
            self._open.enter_context(block(pl_module, audio.signal, audio.length))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Takes them back, also when a batch failed."""
        self._open.close()

    on_validation_batch_start = on_test_batch_start = on_predict_batch_start = on_train_batch_start
    on_validation_batch_end = on_test_batch_end = on_predict_batch_end = on_exception = on_train_batch_end
