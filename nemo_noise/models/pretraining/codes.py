# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Discrete targets: random-projection codes of standardised vectors, and the loss of naming them."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nemo.collections.asr.modules import RandomProjectionVectorQuantizer
from nemo.core.classes.common import typecheck
from nemo.core.classes.loss import Loss
from nemo.core.neural_types import LabelsType, LogitsType, LossType, MaskType, NeuralType

__all__ = ["MaskedCodeLoss", "RandomCodes", "code_statistics"]

NUM_CALIBRATION_BATCHES = 20


class RandomCodes(nn.Module):
    """Codes as in BEST-RQ (Chiu et al., ICML 2022), of vectors standardised by the first batches of training."""

    mean: Tensor
    variance: Tensor
    num_batches: Tensor

    def __init__(self, num_features: int, code_dim: int, num_codes: int) -> None:
        super().__init__()
        self.num_codes = num_codes
        # dist_fn "cosine" does not run in NeMo 3.0; for unit vectors "l2" names the same nearest code.
        self.quantizer = RandomProjectionVectorQuantizer(
            feat_in=num_features, code_dim=code_dim, num_classes=num_codes, num_books=1, dist_fn="l2",
            squeeze_single=True,
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("variance", torch.ones(num_features))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, vectors: Tensor) -> Tensor:
        """Codes [N] of vectors [N, F]."""
        if len(vectors) == 0:
            return torch.zeros(0, dtype=torch.int64, device=vectors.device)
        if self.training and self.num_batches < NUM_CALIBRATION_BATCHES:  # all batches count the same
            self.num_batches += 1
            self.mean += (vectors.mean(dim=0) - self.mean) / self.num_batches
            self.variance += (vectors.var(dim=0, unbiased=False) - self.variance) / self.num_batches
        standard = (vectors - self.mean) / (self.variance + 1e-6).sqrt()
        _, codes = self.quantizer(input_signal=standard.T.unsqueeze(0).to(self.quantizer.proj.weight.dtype))  # [1, N]
        named: Tensor = codes.squeeze(0)
        return named


class MaskedCodeLoss(Loss):
    """Cross-entropy of discrete codes, over the masked steps only."""

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
        """Mean cross-entropy in nats of codes where the mask is True; 0 where nothing is masked."""
        hidden = mask.bool()
        total = functional.cross_entropy(logits[hidden].float(), codes[hidden], reduction="sum")
        return total / hidden.sum().clamp_min(1)


def code_statistics(logits: Tensor, codes: Tensor, num_codes: int) -> dict[str, Tensor]:
    """How often the right code comes first, and how many codes are in use (perplexity); scores [N, V], codes [N]."""
    shares = torch.bincount(codes, minlength=num_codes).float() / max(len(codes), 1)  # [V]
    perplexity = torch.exp(-(shares * shares.clamp_min(1e-12).log()).sum())
    return {"code_accuracy": (logits.argmax(dim=1) == codes).float().mean(), "code_perplexity": perplexity}
