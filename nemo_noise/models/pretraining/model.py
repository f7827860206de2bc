# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Self-supervised pretraining of a noise context from unlabelled speech and a list of noises."""

import inspect
from typing import Any, cast

import torch
from lightning.pytorch import Trainer
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor, nn
from torch.utils.data import DataLoader

from nemo.core.classes.common import PretrainedModelInfo, typecheck
from nemo.core.classes.modelPT import ModelPT
from nemo.core.neural_types import AudioSignal, EncodedRepresentation, LengthsType, NeuralType
from nemo.utils import logging

from nemo_noise.archive.class_paths import public_path
from nemo_noise.data.pairs.context_pairs import (
    ContextPair,
    ContextPairDataset,
    SensedContextPair,
    collate_context_pairs,
)
from nemo_noise.models.pretraining.old_config import SPAN_MASKING, rename_old_weights, tasks_from_losses
from nemo_noise.models.pretraining.redundancy import effective_rank
from nemo_noise.models.pretraining.task import Encoding, PretextTask, Views, build_masking, build_tasks
from nemo_noise.modules import ContextEncoder, listening_to

__all__ = ["NoiseContextPretrainingModel"]

LOADER_KEYS = {"batch_size", "num_workers", "pin_memory", "defer_setup"}


class NoiseContextPretrainingModel(ModelPT):
    """Pretrains ``encoder.context_encoder`` so that its context describes the noise and not the words.

    The features are masked once; every pretext task of ``tasks`` then scores the contexts (see ``task.py``). The
    parameters are named as in a noise-aware recogniser, so ``+init_from_nemo_model=<saved .nemo>`` loads the context
    encoder into it.

    Args:
        cfg: ``sample_rate``; ``preprocessor`` (NeMo's, the recogniser's); ``encoder.context_encoder`` with a
            ``_target_``; ``masking`` (a ``SpanMasking`` unless its ``_target_`` says otherwise); ``tasks``
            {name: {_target_, weight, arguments of the task}}; ``train_ds`` and ``validation_ds`` (arguments of
            ``ContextPairDataset``, ``batch_size``, ``num_workers``); ``optim``. Configs with ``losses``, from before
            there were tasks, are read too.
        trainer: Lightning's trainer.

    Raises:
        ValueError: if a part of the config is missing or unknown.
    """

    def __init__(self, cfg: DictConfig, trainer: Trainer | None = None) -> None:
        with open_dict(cfg):
            tasks_from_losses(cfg)
            cfg.target = public_path(type(self))
        _check_config(cfg)
        super().__init__(cfg=cfg, trainer=trainer)
        self.preprocessor = self.from_config_dict(cfg.preprocessor)
        # The noise is named on a spectrogram that still has its floor, whatever the recogniser reads.
        self.noise_preprocessor = self.from_config_dict(OmegaConf.merge(cfg.preprocessor, {"normalize": "NA"}))
        context_encoder = self.from_config_dict(cfg.encoder.context_encoder)
        self.encoder = nn.ModuleDict({"context_encoder": context_encoder})
        self.masking = build_masking(cfg.get("masking"), SPAN_MASKING)
        self.tasks, self.task_weights = build_tasks(cfg.tasks, context_encoder, self.masking)
        self.register_load_state_dict_pre_hook(rename_old_weights)

    @classmethod
    def list_available_models(cls) -> list[PretrainedModelInfo]:
        """None is published."""
        return []

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Samples [B, T] and their lengths [B]."""
        return {
            "input_signal": NeuralType(("B", "T"), AudioSignal()),
            "input_signal_length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One context per utterance, [B, C]."""
        return {"context": NeuralType(("B", "D"), EncodedRepresentation())}

    @typecheck()
    def forward(self, input_signal: Tensor, input_signal_length: Tensor) -> Tensor:
        """The noise context of recordings, nothing masked.

        Args:
            input_signal: samples [B, T].
            input_signal_length: valid samples [B].

        Returns:
            Context [B, C].
        """
        features, length = self.preprocessor(input_signal=input_signal, length=input_signal_length)
        return self._context(features, length)

    def training_step(self, batch: ContextPair, batch_idx: int) -> dict[str, Tensor]:
        """One batch of pairs; logs every loss."""
        values = self._losses(batch)
        values["learning_rate"] = torch.tensor(self.optimizers().param_groups[0]["lr"])
        self.log_dict({f"train_{name}": value.detach() for name, value in values.items()})
        return {"loss": values["loss"]}

    def validation_step(self, batch: ContextPair, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor]:
        """The losses of one validation batch; the masks are the same every time."""
        with torch.random.fork_rng():
            torch.manual_seed(batch_idx)
            values = {f"val_{name}": value for name, value in self._losses(batch).items()}
        outputs: Any = self.validation_step_outputs
        is_multiple = isinstance(self._validation_dl, (list, tuple)) and len(self._validation_dl) > 1
        (outputs[dataloader_idx] if is_multiple else outputs).append(values)
        return values

    def multi_validation_epoch_end(
        self, outputs: list[dict[str, Tensor]], dataloader_idx: int = 0
    ) -> dict[str, dict[str, Tensor]]:
        """Means over the batches."""
        return {"log": {name: torch.stack([values[name] for values in outputs]).mean() for name in outputs[0]}}

    def setup_training_data(self, train_data_config: DictConfig) -> None:
        """Build the training loader from ``train_ds``."""
        self._train_dl = self._loader("train_ds", train_data_config)

    def setup_validation_data(self, val_data_config: DictConfig) -> None:
        """Build the validation loader from ``validation_ds``."""
        self._validation_dl = self._loader("validation_ds", val_data_config)

    def train_dataloader(self) -> Any:
        """The training loader, at the epoch that the trainer is in (a resumed one asks before the epoch starts)."""
        self.on_train_epoch_start()
        return super().train_dataloader()

    def on_train_epoch_start(self) -> None:
        """Draw other pairs than in the last epoch."""
        if self._train_dl is not None:
            dataset = cast(ContextPairDataset, self._train_dl.dataset)
            dataset.set_epoch(self.current_epoch)

    def _context(self, features: Tensor, length: Tensor) -> Tensor:
        """Context [B, C] of features [B, D, T]."""
        encoder = cast(ContextEncoder, self.encoder["context_encoder"])
        return encoder.read(features, length).pooled(length, features.shape[2])

    def _losses(self, batch: ContextPair) -> dict[str, Tensor]:
        """The losses of all tasks, their weighted sum under ``loss``, and what else is logged."""
        views = self._views(batch)
        for task in self.tasks.values():
            views = cast(PretextTask, task).hide(views)
        encoding = self._encode(views)
        values: dict[str, Tensor] = {}
        for name, task in self.tasks.items():
            values[name], statistics = task(views, encoding)
            values |= statistics
        values["loss"] = torch.stack([weight * values[name] for name, weight in self.task_weights.items()]).sum()
        values["effective_rank"] = effective_rank(encoding.context)
        return values

    def _views(self, batch: ContextPair) -> Views:
        """The rows of a batch, first views first, with a part of their features hidden."""
        audio, length = batch["audio"].transpose(0, 1).flatten(0, 1), batch["audio_length"].T.flatten()
        features, feature_length = self.preprocessor(input_signal=audio.clone(), length=length)  # dither is in place
        hidden = self.masking(features=features, length=feature_length)
        return Views(
            pairs=batch,
            audio=audio,
            length=length,
            noise=batch["audio_noise"].transpose(0, 1).flatten(0, 1),
            snr_db=batch["snr_db"].T.flatten(),
            features=hidden.features,
            feature_length=feature_length,
            mask=hidden.mask,
            spectrum=lambda signal: self.noise_preprocessor(input_signal=signal, length=length)[0],
            sensors=cast(SensedContextPair, batch).get("sensors", {}),
        )

    def _encode(self, views: Views) -> Encoding:
        """The contexts of what is not hidden."""
        encoder = cast(ContextEncoder, self.encoder["context_encoder"])
        with listening_to(self.encoder, views.sensors):
            context = encoder.read(views.features, views.feature_length)
        return Encoding(encoder, context.values, context.pooled(views.feature_length, views.features.shape[2]))

    def _loader(self, section: str, config: DictConfig) -> DataLoader[ContextPair]:
        """A loader over the pairs of one config section; the order is fixed, the pairs are what is random."""
        options = dict(OmegaConf.to_container(config, resolve=True))
        known = set(inspect.signature(ContextPairDataset).parameters)
        unknown = sorted(set(options) - known - LOADER_KEYS)
        if unknown:
            raise ValueError(f"{section} has unknown arguments {unknown}; known are {sorted(known | LOADER_KEYS)}.")
        for name in ("manifest_filepath", "noise_manifest", "batch_size"):
            if not options.get(name):
                raise ValueError(f"{section}.{name}={options.get(name)} must be given.")
        batch_size, num_workers = int(options["batch_size"]), int(options.get("num_workers", 0))
        arguments = {"sample_rate": self.cfg.sample_rate} | {name: options[name] for name in known & set(options)}
        dataset = ContextPairDataset(**arguments)
        dataset.set_num_processes(max(1, self.world_size))  # NeMo's: ranks of the trainer, 1 without one
        if batch_size < 2 or batch_size > len(dataset):
            raise ValueError(
                f"{section}.batch_size={batch_size} must lie between 2 (a pair needs others to differ from) and "
                f"num_pairs={len(dataset)}."
            )
        logging.info(
            f"{section}: {len(dataset)} pairs an epoch from {len(dataset.speech.entries)} speech files and "
            f"{len(dataset.noise.entries)} noise files ({len(dataset.noise.labels)} labels)."
        )
        return DataLoader(
            dataset,
            batch_size=batch_size,
            shuffle=False,
            drop_last=True,
            num_workers=num_workers,
            collate_fn=collate_context_pairs,
            pin_memory=bool(options.get("pin_memory", False)),
            persistent_workers=num_workers > 0,
        )


def _check_config(cfg: DictConfig) -> None:
    """Name the first part that is missing, and what it should hold."""
    needed = {
        "sample_rate": "the rate of the audio in Hz, such as 16000",
        "preprocessor": "NeMo's AudioToMelSpectrogramPreprocessor with its options, as in the recogniser's recipe",
        "encoder.context_encoder._target_": "a context encoder such as nemo_noise.modules.AttentiveContextEncoder",
        "tasks": "pretext tasks with a weight, such as those of conf/recipes/noise_context",
    }
    for name, hint in needed.items():
        if OmegaConf.select(cfg, name) is None:
            raise ValueError(f"model.{name} is missing; it must be {hint}.")
