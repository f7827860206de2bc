# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A mixture of experts as a fusion: every kind of noise may have its own way of changing the features."""

from typing import Any

import torch
from torch import Tensor, nn

from nemo_noise.modules.fusion.contract import Fusion, zero_linear
from nemo_noise.modules.fusion.pointwise import modulated

__all__ = ["MixtureFusion"]


class MixtureFusion(Fusion):
    """``(1 + gamma) x + beta`` with ``(gamma, beta) = sum_e r_e expert_e(c)`` and ``r = softmax(R c)``.

    Every expert is a FiLM layer; the router reads the context and picks the ``top_k`` likeliest, whose weights are
    scaled to sum to 1. Two experts, both used, are the default, with clean and noisy speech in mind. With more
    experts than are used, a balance loss keeps all of them in use (Fedus et al., JMLR 2022, "Switch Transformers",
    eq. 4); it enters the gradient by itself, whatever loss the recogniser has.

    At the first step the experts are zero and the router gets no gradient; it starts to learn as soon as they differ.

    Args:
        d_model: width D of the features.
        d_context: width C of the context.
        num_experts: experts E.
        top_k: how many act on one context; all if not given.
        balance_weight: of the balance loss; 1 is its value when all experts are used alike.

    Raises:
        ValueError: if a width or number is not positive, or ``top_k`` exceeds ``num_experts``.
    """

    usage: Tensor

    def __init__(
        self,
        d_model: int,
        d_context: int,
        *,
        num_experts: int = 2,
        top_k: int | None = None,
        balance_weight: float = 0.01,
    ) -> None:
        super().__init__(d_model, d_context)
        top_k = num_experts if top_k is None else top_k
        if num_experts < 1 or not 1 <= top_k <= num_experts:
            raise ValueError(f"MixtureFusion: top_k={top_k} must lie between 1 and num_experts={num_experts}.")
        if balance_weight < 0:
            raise ValueError(f"MixtureFusion: balance_weight={balance_weight} must not be negative.")
        self.num_experts = num_experts
        self.top_k = top_k
        self.balance_weight = balance_weight
        self.router = nn.Linear(d_context, num_experts)
        self.experts = nn.ModuleList(zero_linear(d_context, 2 * d_model) for _ in range(num_experts))
        # Share of each expert in the last batch of the training, for the log.
        self.register_buffer("usage", torch.zeros(num_experts), persistent=False)

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """Scale and shift by the chosen experts."""
        likelihood = self.router(context).softmax(dim=-1)  # [B, 1 or T, E]
        weights = self._top(likelihood)
        if self.training:
            context = self._balanced(context, likelihood, weights)
        modulations = torch.stack([expert(context) for expert in self.experts], dim=-1)  # [B, 1 or T, 2 D, E]
        return modulated(features, (modulations * weights.unsqueeze(2)).sum(dim=-1))

    def _top(self, likelihood: Tensor) -> Tensor:
        """The weights [B, T, E] after all but the ``top_k`` likeliest experts are left out."""
        if self.top_k == self.num_experts:
            return likelihood
        least = likelihood.topk(self.top_k, dim=-1).values[..., -1:]
        kept = likelihood.masked_fill(likelihood < least, 0.0)
        return kept / kept.sum(dim=-1, keepdim=True)

    def _balanced(self, context: Tensor, likelihood: Tensor, weights: Tensor) -> Tensor:
        """The context, unchanged; the gradient of the balance loss joins in where it is used."""
        mean_likelihood = likelihood.flatten(0, 1).mean(dim=0)  # [E]
        with torch.no_grad():
            share = (weights > 0).to(weights.dtype).flatten(0, 1).mean(dim=0)  # [E], sums to top_k
            self.usage.copy_(weights.flatten(0, 1).mean(dim=0))
        if self.top_k == self.num_experts or self.balance_weight == 0:
            return context
        loss = self.num_experts / self.top_k * (share * mean_likelihood).sum()
        balanced: Tensor = _WithLoss.apply(context, self.balance_weight * loss)  # type: ignore[no-untyped-call]
        return balanced


class _WithLoss(torch.autograd.Function):
    """The identity on its first argument; in the backward pass the second, a loss, gets the gradient 1."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, loss: Tensor) -> Tensor:
        """Pass the value on."""
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Pass the gradient on, and let the loss have its own."""
        return gradients[0], gradients[0].new_ones(())
