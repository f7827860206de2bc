# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a noise context is taught by: masked spans, environments that match, the SNR, and a guard against collapse."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from nemo.core.classes.common import typecheck
from nemo.core.classes.loss import Loss
from nemo.core.neural_types import (
    ElementType,
    EncodedRepresentation,
    LabelsType,
    LengthsType,
    LogitsType,
    LossType,
    MaskType,
    NeuralType,
    SpectrogramType,
)

__all__ = [
    "EnvironmentContrastiveLoss",
    "HiddenNoiseLoss",
    "MaskedCodeLoss",
    "RedundancyLoss",
    "SNRRegressionLoss",
    "SpeechLeakageLoss",
    "VarianceLoss",
    "effective_rank",
]

RATIO_BOUNDS = (-5.0, 0.5)  # nats; below, the noise does not matter; above 0, speech and noise have cancelled
SNR_BOUNDS_DB = (-30.0, 60.0)  # stand in for -inf (noise alone) and +inf (clean speech)


class MaskedCodeLoss(Loss):
    """Cross-entropy of discrete codes, over the masked steps only (BEST-RQ: Chiu et al., ICML 2022)."""

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Scores [B, T, V], codes [B, T] and what was masked [B, T]."""
        return {
            "logits": NeuralType(("B", "T", "D"), LogitsType()),
            "codes": NeuralType(("B", "T"), LabelsType()),
            "mask": NeuralType(("B", "T"), MaskType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, logits: Tensor, codes: Tensor, mask: Tensor) -> Tensor:
        """Mean cross-entropy in nats.

        Args:
            logits: unnormalised scores of the codes [B, T, V].
            codes: the right ones [B, T]; those outside the mask are not read.
            mask: True where the input was hidden [B, T].

        Returns:
            Scalar; 0 where nothing is masked.
        """
        hidden = mask.bool()
        total = functional.cross_entropy(logits[hidden].float(), codes[hidden], reduction="sum")
        return total / hidden.sum().clamp_min(1)


class EnvironmentContrastiveLoss(Loss):
    """Symmetric InfoNCE: a view must find the view of the same noise under different speech among the whole batch.

    Rows which are the same environment by accident (the same noise at nearly the same SNR) are neither positives nor
    negatives: they leave the denominator. Loss of van den Oord et al., 2018 ("Representation learning with
    contrastive predictive coding"), on cosine similarities.

    A hard negative is a view of another environment by the *same speaker*: what tells the two apart can only be the
    noise. It counts ``hard_negative_weight`` times in the denominator, as if the batch held so many of it
    (re-weighting of negatives: Robinson et al., ICLR 2021).

    Args:
        temperature: divides the similarities.
        snr_margin_db: two rows with the same noise are different environments from this SNR difference on, in dB.
        hard_negative_weight: how often a hard negative counts; 1 treats all negatives alike.

    Raises:
        ValueError: if the temperature is not positive, the margin is negative or the weight is below 1.
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
        """Mean over both directions, in nats; ln B for contexts that know nothing.

        Args:
            first: context of the first view [B, C].
            second: context of the second view [B, C].
            environment: id of the noise [B].
            snr_db: SNR of the pair in dB [B]; infinite for clean speech and noise alone.
            speaker: who speaks in the two views [B, 2], -1 for nobody; without it no negative is hard.

        Returns:
            Scalar.
        """
        logits = self.logits(first, second, environment, snr_db)  # [B, B]
        if speaker is not None and self.hard_negative_weight > 1:
            is_hard = (speaker[:, :1] == speaker[None, :, 1]) & (speaker[:, :1] >= 0)  # [B, B]
            is_hard = is_hard & ~torch.eye(len(first), dtype=torch.bool, device=first.device)
            logits = logits + is_hard * math.log(self.hard_negative_weight)
        target = torch.arange(len(first), device=first.device)
        forwards = functional.cross_entropy(logits, target)
        backwards = functional.cross_entropy(logits.T, target)
        return (forwards + backwards) / 2

    def logits(self, first: Tensor, second: Tensor, environment: Tensor, snr_db: Tensor) -> Tensor:
        """Similarities over the temperature [B, B], -inf where two rows are the same environment by accident."""
        first = functional.normalize(first.float(), dim=1)
        second = functional.normalize(second.float(), dim=1)
        bounded_db = snr_db.clamp(*SNR_BOUNDS_DB)
        is_near = (bounded_db[:, None] - bounded_db[None, :]).abs() < self.snr_margin_db  # [B, B]
        is_same = (environment[:, None] == environment[None, :]) & is_near
        is_pair = torch.eye(len(first), dtype=torch.bool, device=first.device)
        return (first @ second.T / self.temperature).masked_fill(is_same & ~is_pair, float("-inf"))


class HiddenNoiseLoss(Loss):
    """Mean absolute error of the noise inside a mixture, relative to the mixture, in nats per spectrogram cell."""

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Predicted ratio [B, D, T'], log-mel noise and mixture [B, D, T], lengths [B]."""
        return {
            "ratio": NeuralType(("B", "D", "T"), SpectrogramType()),
            "noise": NeuralType(("B", "D", "T"), SpectrogramType()),
            "mixture": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, ratio: Tensor, noise: Tensor, mixture: Tensor, length: Tensor) -> Tensor:
        """Compare over the valid frames.

        Args:
            ratio: predicted logarithm of noise power over mixture power [B, D, T'], T' at least T.
            noise: log-mel spectrogram of the noise alone, not normalised [B, D, T].
            mixture: log-mel spectrogram of the mixture, not normalised [B, D, T].
            length: valid frames [B].

        Returns:
            Scalar.
        """
        target = (noise - mixture).clamp(*RATIO_BOUNDS)
        valid = (torch.arange(noise.shape[2], device=noise.device) < length[:, None]).unsqueeze(1)  # [B, 1, T]
        error = (ratio[:, :, : noise.shape[2]] - target).abs() * valid
        return error.sum() / (valid.sum() * noise.shape[1]).clamp_min(1)


class SNRRegressionLoss(Loss):
    """Smooth L1 between predicted and true SNR, in units of ``scale_db``; rows without a finite SNR are left out.

    Args:
        center_db: the SNR that the prediction 0 stands for.
        scale_db: the SNR difference that the prediction 1 stands for.

    Raises:
        ValueError: if ``scale_db`` is not positive.
    """

    def __init__(self, center_db: float = 7.5, scale_db: float = 7.5) -> None:
        super().__init__()
        if scale_db <= 0:
            raise ValueError(f"SNRRegressionLoss: scale_db={scale_db} must be above 0.")
        self.center_db = center_db
        self.scale_db = scale_db

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Prediction [B] and SNR [B] in dB."""
        return {
            "prediction": NeuralType(tuple("B"), ElementType()),
            "snr_db": NeuralType(tuple("B"), ElementType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, prediction: Tensor, snr_db: Tensor) -> Tensor:
        """Mean over the rows with a finite SNR; 0 where there is none."""
        finite = torch.isfinite(snr_db)
        target = (snr_db[finite] - self.center_db) / self.scale_db
        total = functional.smooth_l1_loss(prediction[finite].float(), target, reduction="sum")
        return total / finite.sum().clamp_min(1)


class VarianceLoss(Loss):
    """Hinge on the standard deviation of every dimension over the batch: contexts may not all become the same.

    From VICReg (Bardes et al., ICLR 2022).

    Args:
        target: the deviation under which a dimension costs something.
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


class RedundancyLoss(Loss):
    """Barlow Twins: over the batch, a dimension agrees between the views and says nothing that another one says.

    InfoNCE looks at angles, which the strongest directions decide; words hide in the weak ones. Here every dimension
    is standardised first, so each has to be about what the views share. Loss of Zbontar et al., ICML 2021.

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
    """The mirror of ``RedundancyLoss``: the same speech under different noise must not show in any dimension.

    Args:
        off_diagonal: weight of the correlations between different dimensions.
    """

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


def effective_rank(context: Tensor) -> Tensor:
    """How many directions contexts use: exp of the entropy of the covariance's eigenvalues (Roy & Vetterli, 2007).

    Args:
        context: [B, C].

    Returns:
        Scalar between 1 (collapsed) and min(B - 1, C).
    """
    centred = context.detach().float() - context.detach().float().mean(dim=0)
    variances = torch.linalg.svdvals(centred).square()
    shares = variances / variances.sum().clamp_min(1e-12)
    return torch.exp(-(shares * shares.clamp_min(1e-12).log()).sum())


def _standardised(context: Tensor) -> Tensor:
    """Every dimension with mean 0 and deviation 1 over the batch [B, C]."""
    centred = context.float() - context.float().mean(dim=0)
    return centred / (centred.square().mean(dim=0) + 1e-6).sqrt()
