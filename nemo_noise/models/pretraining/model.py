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
from nemo_noise.models.pretraining.hidden_noise import HiddenNoiseHead
from nemo_noise.models.pretraining.loss_choice import LOSS_NAMES, build_losses
from nemo_noise.models.pretraining.losses import EnvironmentContrastiveLoss, effective_rank
from nemo_noise.models.pretraining.masked_cells import MaskedCells
from nemo_noise.models.pretraining.masked_sensors import MaskedSensors
from nemo_noise.models.pretraining.masked_spans import CodePredictor, NoiseCodes, SpanMasking
from nemo_noise.modules import ContextEncoder, MultimodalContextEncoder, listening_to

__all__ = ["ContextProjector", "NoiseContextPretrainingModel"]

LOADER_KEYS = {"batch_size", "num_workers", "pin_memory", "defer_setup"}


class ContextProjector(nn.Module):
    """Two layers between the context and the contrastive loss; thrown away after pretraining.

    Args:
        d_context: width C of the context.
        d_hidden: width of the hidden layer.
        d_projection: width of what the loss compares.
    """

    def __init__(self, d_context: int, d_hidden: int = 128, d_projection: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d_context, d_hidden), nn.GELU(), nn.Linear(d_hidden, d_projection))

    def forward(self, context: Tensor) -> Tensor:
        """Project contexts [B, C] to [B, P]."""
        projection: Tensor = self.layers(context)
        return projection


class NoiseContextPretrainingModel(ModelPT):
    """Pretrains ``encoder.context_encoder`` so that its context tells the noise and not the words.

    Two objectives: name the noise behind masked spans (``masked``, or ``masked_cells`` for spans over time and bands)
    and find the view of the same noise under different speech (``contrastive``); optionally the SNR of the mixture
    (``snr``) and a guard against collapse (``variance``). The parameters are named as in a noise-aware recogniser, so
    ``+init_from_nemo_model=<saved .nemo>`` loads the context encoder into it.

    Args:
        cfg: ``sample_rate``; ``preprocessor`` (NeMo's, the recogniser's); ``encoder.context_encoder`` with a
            ``_target_``; ``masking``, ``codes``, ``predictor`` (arguments of the parts in ``masked_prediction``);
            ``cells`` (arguments of ``MaskedCells``, for ``masked_cells``); ``sensors`` (of ``MaskedSensors``);
            ``projector`` (arguments of ``ContextProjector``, or null to compare contexts directly); ``losses``
            {name: {weight, arguments of the loss}}; ``train_ds`` and ``validation_ds`` (arguments of
            ``ContextPairDataset``, ``batch_size``, ``num_workers``); ``optim``.
        trainer: Lightning's trainer.

    Raises:
        ValueError: if a part of the config is missing or unknown.
    """

    def __init__(self, cfg: DictConfig, trainer: Trainer | None = None) -> None:
        _check_config(cfg)
        with open_dict(cfg):
            cfg.target = public_path(type(self))
        super().__init__(cfg=cfg, trainer=trainer)
        self.preprocessor = self.from_config_dict(cfg.preprocessor)
        # What the noise is gets named on a spectrogram that still has its floor, whatever the recogniser reads.
        self.noise_preprocessor = self.from_config_dict(OmegaConf.merge(cfg.preprocessor, {"normalize": "NA"}))
        context_encoder = self.from_config_dict(cfg.encoder.context_encoder)
        self.encoder = nn.ModuleDict({"context_encoder": context_encoder})
        self.losses = nn.ModuleDict(build_losses(cfg.losses))
        self.loss_weights = {name: float(cfg.losses[name].weight) for name in self.losses}
        feat_in, d_context = context_encoder.feat_in, context_encoder.d_context
        self.masking = SpanMasking(**_arguments(cfg, "masking"))
        frames_per_step = self.masking.frames_per_step
        # Only what a loss uses is built: a parameter without a gradient stops distributed training.
        if "masked" in self.losses:
            self.codes = NoiseCodes(feat_in, frames_per_step=frames_per_step, **_arguments(cfg, "codes"))
            self.predictor = CodePredictor(
                feat_in, d_context, self.codes.num_codes, frames_per_step, **_arguments(cfg, "predictor")
            )
        if "masked_cells" in self.losses:
            self.cells = MaskedCells(feat_in, d_context, **_arguments(cfg, "cells"))
            self.masking = self.cells.masking
        if "contrastive" in self.losses:
            has_projector = cfg.get("projector") is not None
            self.projector = ContextProjector(d_context, **cfg.projector) if has_projector else nn.Identity()
        if "snr" in self.losses:
            self.snr_head = nn.Linear(d_context, 1)
        if "hidden_noise" in self.losses:
            self.hidden_noise_head = HiddenNoiseHead(feat_in, d_context, _stride_of(context_encoder))
        if "sensors" in self.losses:
            streams = getattr(context_encoder, "streams", {})
            self.sensors = MaskedSensors(streams, d_context, **_arguments(cfg, "sensors"))

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
        frames: Tensor = self.encoder["context_encoder"](audio_signal=features, length=length)
        return self._pooled(frames, features, length)

    def _pooled(self, context: Tensor, features: Tensor, length: Tensor) -> Tensor:
        """Context [B, C] of the whole recording, also from one that follows the time [B, S, C]."""
        if context.dim() == 2:
            return context
        if cast(ContextEncoder, self.encoder["context_encoder"]).layout == "tokens":
            return context.mean(dim=1)
        steps = (length * context.shape[1] / features.shape[2]).ceil().clamp_min(1)  # [B]
        valid = torch.arange(context.shape[1], device=context.device) < steps[:, None]  # [B, S]
        return (context * valid.unsqueeze(2)).sum(dim=1) / steps.unsqueeze(1)

    def _losses(self, batch: ContextPair) -> dict[str, Tensor]:
        """All losses, their weighted sum under ``loss``, and what tells how the pretraining goes."""
        audio = batch["audio"].transpose(0, 1).flatten(0, 1)  # [2 * B, T], first views first
        length = batch["audio_length"].T.flatten()  # [2 * B]
        noise = batch["audio_noise"].transpose(0, 1).flatten(0, 1)  # [2 * B, T]
        snr_db = batch["snr_db"].T.flatten()  # [2 * B]
        features, feature_length = self.preprocessor(input_signal=audio.clone(), length=length)  # dither is in place
        spans = self.masking(features=features, length=feature_length)
        sensors: dict[str, Any] = cast(SensedContextPair, batch).get("sensors", {})
        left, is_hidden = self.sensors.hide(sensors) if "sensors" in self.losses else (sensors, {})
        with listening_to(self.encoder, left):
            frames: Tensor = self.encoder["context_encoder"](audio_signal=spans.features, length=feature_length)
        context = self._pooled(frames, spans.features, feature_length)  # [2 * B, C]
        values: dict[str, Tensor] = {}
        if "masked" in self.losses:
            noise_features, _ = self.noise_preprocessor(input_signal=noise, length=length)
            codes = self.codes(noise_features=noise_features, mixture=audio, mixture_length=length, mask=spans.mask)
            logits = self.predictor(features=spans.features, context=context)
            values["masked"] = self.losses["masked"](logits=logits, codes=codes, mask=spans.mask)
            values |= _code_statistics(logits[spans.mask], codes[spans.mask], self.codes.num_codes)
        if "masked_cells" in self.losses:
            noise_features, _ = self.noise_preprocessor(input_signal=noise, length=length)
            codes = self.cells.targets(noise_features, audio, length, spans.mask)
            scores = self.cells.scores(spans.features, context)
            values["masked_cells"] = self.losses["masked_cells"](
                logits=scores.flatten(1, 2), codes=codes.flatten(1), mask=spans.mask.flatten(1)
            )
            values |= _code_statistics(scores[spans.mask], codes[spans.mask], self.cells.num_codes)
        if "contrastive" in self.losses:
            first, second = self.projector(context).chunk(2)
            pairs = {"environment": batch["environment"], "snr_db": batch["snr_db"].mean(dim=1)}
            values["contrastive"] = self.losses["contrastive"](
                first=first, second=second, speaker=batch["speaker"], **pairs
            )
            values["contrastive_accuracy"] = self._pairs_found(first, second, **pairs)
        if "redundancy" in self.losses:
            first, second = context.chunk(2)
            values["redundancy"] = self.losses["redundancy"](first=first, second=second)
        if "leakage" in self.losses:
            context_of, partner = _same_speech(batch["speech"])
            values["leakage"] = self.losses["leakage"](context=context[context_of], same_speech=context[partner])
        if "snr" in self.losses:
            values["snr"] = self.losses["snr"](prediction=self.snr_head(context).squeeze(1), snr_db=snr_db)
        if "hidden_noise" in self.losses:
            values["hidden_noise"] = self._hidden_noise(frames, feature_length, audio, noise, length)
        if "sensors" in self.losses:
            streams = cast(MultimodalContextEncoder, self.encoder["context_encoder"]).streams
            scores, codes = self.sensors(context, streams, sensors, is_hidden)
            values["sensors"] = self.losses["sensors"](
                logits=scores[None], codes=codes[None], mask=torch.ones_like(codes)[None]
            )
        if "variance" in self.losses:
            values["variance"] = self.losses["variance"](context=context)
        values["loss"] = torch.stack([self.loss_weights[name] * values[name] for name in self.losses]).sum()
        values["effective_rank"] = effective_rank(context)
        return values

    def _hidden_noise(
        self, frames: Tensor, feature_length: Tensor, audio: Tensor, noise: Tensor, length: Tensor
    ) -> Tensor:
        """How well the context frames [B, S, C] tell the noise under the speech."""
        ratio = self.hidden_noise_head(context=frames)
        noise_features, _ = self.noise_preprocessor(input_signal=noise, length=length)
        mixture_features, _ = self.noise_preprocessor(input_signal=audio.clone(), length=length)
        loss: Tensor = self.losses["hidden_noise"](
            ratio=ratio, noise=noise_features, mixture=mixture_features, length=feature_length
        )
        return loss

    def _pairs_found(self, first: Tensor, second: Tensor, environment: Tensor, snr_db: Tensor) -> Tensor:
        """Share of first views whose nearest second view is their own."""
        loss = cast(EnvironmentContrastiveLoss, self.losses["contrastive"])
        similarity = loss.logits(first, second, environment, snr_db)  # [B, B]
        return (similarity.argmax(dim=1) == torch.arange(len(first), device=first.device)).float().mean()

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


def _same_speech(speech: Tensor) -> tuple[Tensor, Tensor]:
    """Which views share their speech: neighbouring pairs hold it crosswise.

    Args:
        speech: index of the speech in both views [B, 2], -1 for none.

    Returns:
        Two lists of rows [N] of the views, first views first: row ``a[n]`` and row ``b[n]`` share their speech.
    """
    batch_size = len(speech)
    left = torch.arange(0, batch_size - 1, 2, device=speech.device)  # [N]
    first, second = speech[left], speech[left + 1]  # [N, 2]
    rows = torch.cat([left, left + batch_size])
    partners = torch.cat([left + 1 + batch_size, left + 1])
    shared = torch.cat([first[:, 0] == second[:, 1], first[:, 1] == second[:, 0]])
    has_speech = torch.cat([first[:, 0] >= 0, first[:, 1] >= 0])
    return rows[shared & has_speech], partners[shared & has_speech]


def _check_config(cfg: DictConfig) -> None:
    """Name the first part that is missing, and what it should hold."""
    needed = {
        "sample_rate": "the rate of the audio in Hz, such as 16000",
        "preprocessor": "NeMo's AudioToMelSpectrogramPreprocessor with its options, as in the recogniser's recipe",
        "encoder.context_encoder._target_": "a context encoder such as nemo_noise.modules.AttentiveContextEncoder",
        "losses": f"at least one of {list(LOSS_NAMES)} with a weight, such as {{contrastive: {{weight: 1.0}}}}",
    }
    for name, hint in needed.items():
        if OmegaConf.select(cfg, name) is None:
            raise ValueError(f"model.{name} is missing; it must be {hint}.")


def _stride_of(context_encoder: nn.Module) -> int:
    """Feature frames per context frame."""
    stride = getattr(context_encoder, "stride", None)
    if stride is None:
        raise ValueError(
            f"losses.hidden_noise needs a context that follows the time, such as TemporalContextEncoder; "
            f"{type(context_encoder).__name__} gives one context per utterance."
        )
    return int(stride)


def _arguments(cfg: DictConfig, section: str) -> dict[str, Any]:
    """The keyword arguments of one config section, none where it is absent."""
    return dict(cfg.get(section) or {})


def _code_statistics(logits: Tensor, codes: Tensor, num_codes: int) -> dict[str, Tensor]:
    """How often the right code came first, and how many codes are in use (perplexity)."""
    shares = torch.bincount(codes, minlength=num_codes).float() / max(len(codes), 1)  # [V]
    perplexity = torch.exp(-(shares * shares.clamp_min(1e-12).log()).sum())
    return {"code_accuracy": (logits.argmax(dim=1) == codes).float().mean(), "code_perplexity": perplexity}
