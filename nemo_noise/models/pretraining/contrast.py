# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of the environment contrast: find the view of the same noise under different speech."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nemo.core.classes.common import typecheck
from nemo.core.classes.loss import Loss
from nemo.core.neural_types import ElementType, EncodedRepresentation, LabelsType, LossType, NeuralType

from nemo_noise.checks import refuse_unknown
from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder

__all__ = ["ContextProjector", "EnvironmentContrast", "EnvironmentContrastiveLoss"]

SNR_BOUNDS_DB = (-30.0, 60.0)  # stand in for -inf (noise alone) and +inf (clean speech)


class EnvironmentContrastiveLoss(Loss):
    """Symmetric InfoNCE: a view must find the view of the same noise under different speech among the whole batch.

    Rows which are the same environment by accident (the same noise at nearly the same SNR) are neither positives nor
    negatives: they leave the denominator. Loss of van den Oord et al., 2018 ("Representation learning with
    contrastive predictive coding"), on cosine similarities.

    A hard negative is a view of another environment by the *same speaker*: only the noise distinguishes the two. It
    counts ``hard_negative_weight`` times in the denominator, as if the batch held so many of it (re-weighting of
    negatives: Robinson et al., ICLR 2021).

    Args:
        temperature: divides the similarities.
        snr_margin_db: two rows with the same noise are different environments from this SNR difference on, in dB.
        hard_negative_weight: how often a hard negative counts; 1 treats all negatives alike.
    """

    def __init__(
        self, temperature: float = 0.1, snr_margin_db: float = 3.0, hard_negative_weight: float = 1.0
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"EnvironmentContrastiveLoss: temperature={temperature} must be above 0.")
        if snr_margin_db < 0:
            raise ValueError(f"EnvironmentContrastiveLoss: snr_margin_db={snr_margin_db} must be 0 or more.")
        if hard_negative_weight < 1:
            raise ValueError(
                f"EnvironmentContrastiveLoss: hard_negative_weight={hard_negative_weight} must be 1 or more."
            )
        self.temperature = temperature
        self.snr_margin_db = snr_margin_db
        self.hard_negative_weight = hard_negative_weight

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Two views [B, C] of each environment, its id [B], its SNR [B] and who speaks in the views [B, 2]."""
        return {
            "first": NeuralType(("B", "D"), EncodedRepresentation()),
            "second": NeuralType(("B", "D"), EncodedRepresentation()),
            "environment": NeuralType(tuple("B"), LabelsType()),
            "snr_db": NeuralType(tuple("B"), ElementType()),
            "speaker": NeuralType(("B", "T"), LabelsType(), optional=True),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(
        self, first: Tensor, second: Tensor, environment: Tensor, snr_db: Tensor, speaker: Tensor | None = None
    ) -> Tensor:
        """Mean over both directions, in nats; ln B for contexts without information.

        ``snr_db`` is infinite for clean speech and noise alone. A ``speaker`` [B, 2] is -1 for nobody; None makes no
        negative hard.
        """
        logits = self.logits(first, second, environment=environment, snr_db=snr_db)  # [B, B]
        if speaker is not None and self.hard_negative_weight > 1:
            is_hard = (speaker[:, :1] == speaker[None, :, 1]) & (speaker[:, :1] >= 0)  # [B, B]
            is_hard = is_hard & ~torch.eye(len(first), dtype=torch.bool, device=first.device)
            logits = logits + is_hard * math.log(self.hard_negative_weight)
        target = torch.arange(len(first), device=first.device)
        forwards = functional.cross_entropy(logits, target)
        backwards = functional.cross_entropy(logits.T, target)
        return (forwards + backwards) / 2

    def logits(self, first: Tensor, second: Tensor, *, environment: Tensor, snr_db: Tensor) -> Tensor:
        """Similarities over the temperature [B, B], -inf where two rows are the same environment by accident."""
        first = functional.normalize(first.float(), dim=1)
        second = functional.normalize(second.float(), dim=1)
        bounded_db = snr_db.clamp(*SNR_BOUNDS_DB)
        is_near = (bounded_db[:, None] - bounded_db[None, :]).abs() < self.snr_margin_db  # [B, B]
        is_same = (environment[:, None] == environment[None, :]) & is_near
        is_pair = torch.eye(len(first), dtype=torch.bool, device=first.device)
        return (first @ second.T / self.temperature).masked_fill(is_same & ~is_pair, float("-inf"))


class ContextProjector(nn.Module):
    """Two layers between the context and the contrastive loss, left out after pretraining."""

    def __init__(self, d_context: int, d_hidden: int = 128, d_projection: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d_context, d_hidden), nn.GELU(), nn.Linear(d_hidden, d_projection))

    def forward(self, context: Tensor) -> Tensor:
        """Project contexts [B, C] to [B, P]."""
        projection: Tensor = self.layers(context)
        return projection


class EnvironmentContrast(PretextTask):
    """InfoNCE between the two views of every pair, on the contexts or on projections of them.

    ``projector`` are arguments of ``ContextProjector``; None compares the contexts themselves. The others are those of
    ``EnvironmentContrastiveLoss``.
    """

    def __init__(
        self,
        encoder: ContextEncoder,
        masking: nn.Module,
        *,
        projector: dict[str, int] | None = None,
        temperature: float = 0.1,
        snr_margin_db: float = 3.0,
        hard_negative_weight: float = 1.0,
    ) -> None:
        super().__init__(encoder, masking)
        refuse_unknown(projector or {}, ContextProjector, "EnvironmentContrast.projector")
        self.projector = nn.Identity() if projector is None else ContextProjector(encoder.d_context, **projector)
        self.loss = EnvironmentContrastiveLoss(temperature, snr_margin_db, hard_negative_weight)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """The loss, and the share of first views whose nearest second view is their own; see ``PretextTask``."""
        first, second = self.projector(encoding.context).chunk(2)
        environment, snr_db = views.pairs["environment"], views.pairs["snr_db"].mean(dim=1)
        loss = self.loss(
            first=first, second=second, environment=environment, snr_db=snr_db, speaker=views.pairs["speaker"]
        )
        nearest = self.loss.logits(first, second, environment=environment, snr_db=snr_db).argmax(dim=1)  # [B]
        accuracy = (nearest == torch.arange(len(first), device=first.device)).float().mean()
        return TaskLoss(loss, {"contrastive_accuracy": accuracy})
