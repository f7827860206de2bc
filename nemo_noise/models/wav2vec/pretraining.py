# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pretraining of wav2vec 2.0 on speech without text: NeMo's self-supervised model and loaders, our pretext task."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from omegaconf import DictConfig
from torch import Tensor

from nemo.collections.asr.models.ssl_models import SpeechEncDecSelfSupervisedModel
from nemo.core.classes.common import PretrainedModelInfo, typecheck
from nemo.core.neural_types import AcousticEncodedRepresentation, AudioSignal, LengthsType, NeuralType

from nemo_noise.archive.class_paths import with_target
from nemo_noise.models.wav2vec.contrastive_prediction import ContrastiveHead, contrastive_loss, draw_distractors
from nemo_noise.modules import Wav2Vec2Encoder
from nemo_noise.modules.wav2vec.span_mask import draw_span_mask

__all__ = ["Wav2Vec2PretrainingModel"]

NO_MASKS = {"_target_": "nemo.collections.asr.modules.SpectrogramAugmentation"}


class Wav2Vec2PretrainingModel(SpeechEncDecSelfSupervisedModel):
    """Pretrains a ``Wav2Vec2Encoder`` by contrastive prediction of hidden frames (Baevski et al., 2020).

    Data is NeMo's: manifests, tarred or Lhotse, with `augmentor`; `text` is not read. The encoder goes into a
    recogniser by ``+init_from_nemo_model={wav2vec: {path: <saved .nemo>, include: [encoder]}}``.

    Args:
        cfg: ``preprocessor`` and ``encoder`` as in a recogniser, with ``mask_time_prob`` above 0; ``masking``
            {share, span, min_spans}, what is hidden here; ``quantizer`` (arguments of ``ContrastiveHead``);
            ``num_distractors``, ``logit_temperature``, ``diversity_weight``; ``train_ds``, ``validation_ds``,
            ``optim``.
        trainer: Lightning's trainer.

    Raises:
        ValueError: if the encoder is another one, or has no vector for hidden frames.
    """

    def __init__(self, cfg: DictConfig, trainer: Trainer | None = None) -> None:
        cfg = with_target(cfg, type(self), loss_list={}, spec_augment=NO_MASKS)  # NeMo's class needs these two
        super().__init__(cfg=cfg, trainer=trainer)
        if not isinstance(self.encoder, Wav2Vec2Encoder) or self.encoder.masked_spec_embed is None:
            raise ValueError(
                f"encoder={type(self.encoder).__name__} must be a Wav2Vec2Encoder with mask_time_prob above 0, or it "
                "has no vector for hidden frames."
            )
        width = self.encoder.feature_projection.projection.in_features
        self.contrast = ContrastiveHead(self.encoder.d_model, width, **cfg.get("quantizer", {}))

    @classmethod
    def list_available_models(cls) -> list[PretrainedModelInfo]:
        """None is published; see ``import_wav2vec2``."""
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
        """Encoder states [B, D, T] and their lengths [B]."""
        return {
            "outputs": NeuralType(("B", "D", "T"), AcousticEncodedRepresentation()),
            "encoded_lengths": NeuralType(tuple("B"), LengthsType()),
        }

    @typecheck()
    def forward(self, input_signal: Tensor, input_signal_length: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder's states [B, D, T'] of samples [B, T], and their lengths [B]."""
        signal, length = self.preprocessor(input_signal=input_signal, length=input_signal_length)
        states: tuple[Tensor, Tensor] = self.encoder(audio_signal=signal, length=length)
        return states

    def losses(
        self, signal: Tensor, length: Tensor, *, mask: Tensor | None = None, distractors: Tensor | None = None
    ) -> dict[str, Tensor]:
        """All losses of a batch, per hidden frame, and measures of the pretraining's course.

        Args:
            signal: samples [B, T].
            length: valid samples [B].
            mask: True where a frame is hidden [B, T']; None to draw it.
            distractors: [N, K] as of ``draw_distractors``; None to draw them.

        Returns:
            ``loss``, ``contrastive``, ``diversity``, ``accuracy``, ``code_perplexity`` (codes in use, all groups
            together) and ``hidden_frames``.
        """
        waveform, samples = self.preprocessor(input_signal=signal, length=length)
        frames = self.encoder.extract(waveform, samples)
        if mask is None:
            mask = draw_span_mask(frames.length, frames.hidden.shape[1], **self.cfg.masking)
            mask[:, 0] |= ~mask.any()  # of a batch without room for a span one frame each is hidden
        states = self.encoder.contextualize(self.encoder.hide(frames.hidden, mask), frames.length)
        task = self.contrast(states, frames.features, mask)
        distractors = draw_distractors(mask, self.cfg.num_distractors) if distractors is None else distractors
        contrastive, accuracy = contrastive_loss(task, distractors, self.cfg.logit_temperature)
        return {
            "loss": contrastive + self.cfg.diversity_weight * task.diversity,
            "contrastive": contrastive,
            "diversity": task.diversity,
            "accuracy": accuracy,
            "code_perplexity": (1.0 - task.diversity) * self.contrast.num_entries,
            "hidden_frames": mask.sum().float(),
        }

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> dict[str, Tensor]:
        """One batch of recordings; logs every loss."""
        self.contrast.quantizer.set_num_updates(self.trainer.global_step)
        values = self.losses(batch[0], batch[1])
        self.log_dict({f"train_{name}": value.detach() for name, value in values.items()})
        self.log("learning_rate", self.optimizers().param_groups[0]["lr"])
        return {"loss": values["loss"]}

    def validation_pass(self, batch: tuple[Tensor, ...], batch_idx: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """The losses of one validation batch; what is hidden is the same every time."""
        with torch.random.fork_rng():
            torch.manual_seed(batch_idx)
            return {f"val_{name}": value for name, value in self.losses(batch[0], batch[1]).items()}

    def multi_validation_epoch_end(
        self, outputs: list[dict[str, Tensor]], dataloader_idx: int = 0
    ) -> dict[str, dict[str, Tensor]]:
        """Means over the batches."""
        return {"log": {name: torch.stack([values[name] for values in outputs]).mean() for name in outputs[0]}}
