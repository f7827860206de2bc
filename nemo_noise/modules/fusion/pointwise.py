# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fusions that act on every frame alone: add, concatenate, scale and shift, gate."""

import torch
from torch import Tensor, nn

from nemo_noise.modules.fusion.contract import Fusion, zero_linear

__all__ = ["AddFusion", "ConcatFusion", "FiLMFusion", "GatedFusion", "modulated"]


class AddFusion(Fusion):
    """``x + W c``: the context as a bias."""

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__(d_model, d_context)
        self.shift = zero_linear(d_context, d_model)

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """Add the projected context."""
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

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """Let a network read features and context together."""
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

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """Scale and shift."""
        return modulated(features, self.modulation(context))


class GatedFusion(Fusion):
    """``x + sigmoid(G [x; c]) W c``: every frame decides how much of the context it takes."""

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__(d_model, d_context)
        self.gate = nn.Linear(d_model + d_context, d_model)
        self.shift = zero_linear(d_context, d_model)

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """Add the gated context."""
        both = torch.cat([features, context.expand(-1, features.shape[1], -1)], dim=-1)  # [B, T, D + C]
        fused: Tensor = features + self.gate(both).sigmoid() * self.shift(context)
        return fused


def modulated(features: Tensor, modulation: Tensor) -> Tensor:
    """``(1 + gamma) x + beta``, with gamma and beta side by side in ``modulation`` [..., 2 D]."""
    gamma, beta = modulation.chunk(2, dim=-1)
    return (1.0 + gamma) * features + beta
