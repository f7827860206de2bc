# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext tasks of redundancy: every dimension follows what the views share, and none follows the speech."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nemo.core.classes.common import typecheck
from nemo.core.classes.loss import Loss
from nemo.core.neural_types import EncodedRepresentation, LossType, NeuralType

from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder

__all__ = [
    "ContextVariance",
    "Redundancy",
    "RedundancyLoss",
    "SpeechLeakage",
    "SpeechLeakageLoss",
    "VarianceLoss",
    "effective_rank",
]


class RedundancyLoss(Loss):
    """Barlow Twins: over the batch, a dimension agrees between the views and is uncorrelated with the others.

    InfoNCE compares angles, which the strongest directions decide; words hide in the weak ones. Here every dimension
    is standardised first, so each has to follow what the views share. Loss of Zbontar et al., ICML 2021.

    Args:
        off_diagonal: weight of the correlations between different dimensions.
    """

    def __init__(self, off_diagonal: float = 0.05) -> None:
        super().__init__()
        if off_diagonal < 0:
            raise ValueError(f"RedundancyLoss: off_diagonal={off_diagonal} must be 0 or more.")
        self.off_diagonal = off_diagonal

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Two views [B, C] of each environment."""
        return {
            "first": NeuralType(("B", "D"), EncodedRepresentation()),
            "second": NeuralType(("B", "D"), EncodedRepresentation()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distance of the cross-correlation from the identity, per dimension; 1 for views that share nothing."""
        correlation = _standardised(first).T @ _standardised(second) / len(first)  # [C, C]
        diagonal = correlation.diagonal()
        others = correlation.square().sum() - diagonal.square().sum()
        return ((1.0 - diagonal).square().sum() + self.off_diagonal * others) / len(diagonal)


class SpeechLeakageLoss(Loss):
    """The mirror of ``RedundancyLoss``: the same speech under different noise must not show in any dimension."""

    def __init__(self, off_diagonal: float = 0.05) -> None:
        super().__init__()
        if off_diagonal < 0:
            raise ValueError(f"SpeechLeakageLoss: off_diagonal={off_diagonal} must be 0 or more.")
        self.off_diagonal = off_diagonal

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Contexts [B, C] of views, and contexts [B, C] of the same speech under other noise."""
        return {
            "context": NeuralType(("B", "D"), EncodedRepresentation()),
            "same_speech": NeuralType(("B", "D"), EncodedRepresentation()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, context: Tensor, same_speech: Tensor) -> Tensor:
        """Squared correlation per dimension; 1 for a function of the speech, 0 for less than 2 rows."""
        if len(context) < 2:
            return context.sum() * 0.0
        correlation = _standardised(context).T @ _standardised(same_speech) / len(context)  # [C, C]
        diagonal = correlation.diagonal().square().sum()
        others = correlation.square().sum() - diagonal
        return (diagonal + self.off_diagonal * others) / correlation.shape[0]


class VarianceLoss(Loss):
    """Hinge on the standard deviation of every dimension over the batch: contexts may not all become the same.

    From VICReg (Bardes et al., ICLR 2022). A deviation under ``target`` costs something.
    """

    def __init__(self, target: float = 1.0) -> None:
        super().__init__()
        if target <= 0:
            raise ValueError(f"VarianceLoss: target={target} must be above 0.")
        self.target = target

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Contexts [B, C]."""
        return {"context": NeuralType(("B", "D"), EncodedRepresentation())}

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, context: Tensor) -> Tensor:
        """Mean shortfall of the deviations; 0 for a single row, which has none."""
        if len(context) < 2:
            return context.sum() * 0.0
        deviation = (context.float().var(dim=0) + 1e-4).sqrt()  # [C]
        return functional.relu(self.target - deviation).mean()


class Redundancy(PretextTask):
    """``RedundancyLoss`` between the two views of every pair; takes its arguments."""

    def __init__(self, encoder: ContextEncoder, masking: nn.Module, *, off_diagonal: float = 0.05) -> None:
        super().__init__(encoder, masking)
        self.loss = RedundancyLoss(off_diagonal)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """See ``PretextTask``."""
        first, second = encoding.context.chunk(2)
        return TaskLoss(self.loss(first=first, second=second), {})


class SpeechLeakage(PretextTask):
    """``SpeechLeakageLoss`` between views of the same speech under other noise; takes its arguments."""

    def __init__(self, encoder: ContextEncoder, masking: nn.Module, *, off_diagonal: float = 0.05) -> None:
        super().__init__(encoder, masking)
        self.loss = SpeechLeakageLoss(off_diagonal)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """See ``PretextTask``."""
        rows, partners = same_speech(views.pairs["speech"])
        return TaskLoss(self.loss(context=encoding.context[rows], same_speech=encoding.context[partners]), {})


class ContextVariance(PretextTask):
    """``VarianceLoss`` of all contexts; takes its arguments. No task by itself: a guard against collapse."""

    def __init__(self, encoder: ContextEncoder, masking: nn.Module, *, target: float = 1.0) -> None:
        super().__init__(encoder, masking)
        self.loss = VarianceLoss(target)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """See ``PretextTask``."""
        return TaskLoss(self.loss(context=encoding.context), {})


def same_speech(speech: Tensor) -> tuple[Tensor, Tensor]:
    """Two lists of rows [N] of the views, first views first, that share their speech.

    Neighbouring pairs hold it crosswise; ``speech`` [B, 2] is its index in both views, -1 for none.
    """
    batch_size = len(speech)
    left = torch.arange(0, batch_size - 1, 2, device=speech.device)  # [N]
    first, second = speech[left], speech[left + 1]  # [N, 2]
    rows = torch.cat([left, left + batch_size])
    partners = torch.cat([left + 1 + batch_size, left + 1])
    shared = torch.cat([first[:, 0] == second[:, 1], first[:, 1] == second[:, 0]])
    has_speech = torch.cat([first[:, 0] >= 0, first[:, 1] >= 0])
    return rows[shared & has_speech], partners[shared & has_speech]


def effective_rank(context: Tensor) -> Tensor:
    """Directions that contexts [B, C] use: exp of the entropy of the covariance's eigenvalues (Roy & Vetterli, 2007).

    A scalar between 1 (collapsed) and min(B - 1, C).
    """
    centred = context.detach().float() - context.detach().float().mean(dim=0)
    variances = torch.linalg.svdvals(centred).square()
    shares = variances / variances.sum().clamp_min(1e-12)
    return torch.exp(-(shares * shares.clamp_min(1e-12).log()).sum())


def _standardised(context: Tensor) -> Tensor:
    """Every dimension with mean 0 and deviation 1 over the batch [B, C]."""
    centred = context.float() - context.float().mean(dim=0)
    return centred / (centred.square().mean(dim=0) + 1e-6).sqrt()
