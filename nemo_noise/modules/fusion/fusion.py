# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How the context acts: fusions that change hidden features [B, T, D] by a context [B, C] or [B, T, C].

Every fusion is the identity, bit for bit, when it is made: its last layer is zero. A pretrained recogniser therefore
keeps its output until training moves that layer, and its gradient is not zero at the first step.
"""

import torch
from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AcousticEncodedRepresentation, EncodedRepresentation, NeuralType

__all__ = ["AddFusion", "ConcatFusion", "FiLMFusion", "Fusion", "GatedFusion"]


class Fusion(NeuralModule):
    """The contract of every fusion.

    Args:
        d_model: width D of the features that are changed.
        d_context: width C of the context.

    Raises:
        ValueError: if a width is not positive.

    Attributes:
        reads_tokens: whether the context is a set of tokens [B, M, C]. If not, tokens are averaged before.
    """

    reads_tokens: bool = False

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__()
        for name, value in (("d_model", d_model), ("d_context", d_context)):
            if value < 1:
                raise ValueError(f"{type(self).__name__}: {name}={value} must be at least 1.")
        self.d_model = d_model
        self.d_context = d_context

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, T, D] and the context, [B, 1, C] for an utterance or [B, T, C] for every frame."""
        return {
            "features": NeuralType(("B", "T", "D"), AcousticEncodedRepresentation()),
            "context": NeuralType(("B", "T", "D"), EncodedRepresentation()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Changed features [B, T, D]."""
        return {"fused": NeuralType(("B", "T", "D"), AcousticEncodedRepresentation())}


class AddFusion(Fusion):
    """``x + W c``: the context as a bias."""

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__(d_model, d_context)
        self.shift = zero_linear(d_context, d_model)

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Add the projected context.

        Args:
            features: [B, T, D].
            context: [B, 1, C] or [B, T, C].

        Returns:
            [B, T, D].
        """
        fused: Tensor = features + self.shift(context)
        return fused


class ConcatFusion(Fusion):
    """``x + V silu(W [x; c])``: features and context side by side, then a small network, as a residual.

    Args:
        d_model: width D of the features.
        d_context: width C of the context.
        d_hidden: width of the network; ``d_model`` if not given.
    """

    def __init__(self, d_model: int, d_context: int, d_hidden: int | None = None) -> None:
        super().__init__(d_model, d_context)
        self.hidden = nn.Linear(d_model + d_context, d_hidden or d_model)
        self.output = zero_linear(d_hidden or d_model, d_model)

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Let a network read features and context together.

        Args:
            features: [B, T, D].
            context: [B, 1, C] or [B, T, C].

        Returns:
            [B, T, D].
        """
        both = torch.cat([features, context.expand(-1, features.shape[1], -1)], dim=-1)  # [B, T, D + C]
        fused: Tensor = features + self.output(nn.functional.silu(self.hidden(both)))
        return fused


class FiLMFusion(Fusion):
    """``(1 + gamma(c)) x + beta(c)``: the context scales and shifts every channel.

    Perez et al., AAAI 2018 ("FiLM: visual reasoning with a general conditioning layer").
    """

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__(d_model, d_context)
        self.modulation = zero_linear(d_context, 2 * d_model)

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Scale and shift.

        Args:
            features: [B, T, D].
            context: [B, 1, C] or [B, T, C].

        Returns:
            [B, T, D].
        """
        return modulated(features, self.modulation(context))


class GatedFusion(Fusion):
    """``x + sigmoid(G [x; c]) W c``: every frame decides how much of the context it takes."""

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__(d_model, d_context)
        self.gate = nn.Linear(d_model + d_context, d_model)
        self.shift = zero_linear(d_context, d_model)

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Add the gated context.

        Args:
            features: [B, T, D].
            context: [B, 1, C] or [B, T, C].

        Returns:
            [B, T, D].
        """
        both = torch.cat([features, context.expand(-1, features.shape[1], -1)], dim=-1)  # [B, T, D + C]
        fused: Tensor = features + self.gate(both).sigmoid() * self.shift(context)
        return fused


def modulated(features: Tensor, modulation: Tensor) -> Tensor:
    """``(1 + gamma) x + beta``, with gamma and beta side by side in ``modulation`` [..., 2 D]."""
    gamma, beta = modulation.chunk(2, dim=-1)
    return (1.0 + gamma) * features + beta


def zero_linear(width_in: int, width_out: int) -> nn.Linear:
    """A linear layer whose weight and bias are zero."""
    linear = nn.Linear(width_in, width_out)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
