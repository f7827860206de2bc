# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of the SNR: it is given because the mixture is made here."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nemo.core.classes.common import typecheck
from nemo.core.classes.loss import Loss
from nemo.core.neural_types import ElementType, LossType, NeuralType

from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder

__all__ = ["SNRRegression", "SNRRegressionLoss"]


class SNRRegressionLoss(Loss):
    """Smooth L1 between predicted and true SNR, in units of ``scale_db``; rows without a finite SNR are left out.

    ``center_db`` is the SNR that the prediction 0 stands for.
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


class SNRRegression(PretextTask):
    """A linear estimate of the SNR by the context; takes the arguments of ``SNRRegressionLoss``."""

    def __init__(
        self, encoder: ContextEncoder, masking: nn.Module, *, center_db: float = 7.5, scale_db: float = 7.5
    ) -> None:
        super().__init__(encoder, masking)
        self.loss = SNRRegressionLoss(center_db, scale_db)
        self.head = nn.Linear(encoder.d_context, 1)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """The loss of the estimate."""
        estimate = self.head(encoding.context).squeeze(1)  # [2 * B]
        return TaskLoss(self.loss(prediction=estimate, snr_db=views.snr_db), {})
