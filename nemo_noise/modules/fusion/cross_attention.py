# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Cross-attention from the recogniser to noise tokens, with maps that can be kept and drawn."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.layers import MultiHeadAttention
from nemo_noise.modules.fusion.contract import Fusion, zero_linear

__all__ = ["CrossAttentionFusion", "attention_maps"]


class CrossAttentionFusion(Fusion):
    """``x + W_o attention(norm(x), [0; tokens])``: every frame looks up what it needs of the noise.

    The tokens are those of a context encoder with several of them; a context of one vector is one token. A learned
    null token stands before them, so a frame can also look nowhere.

    Args:
        d_model: width D of the features.
        d_context: width C of a token.
        num_heads: attention heads; ``d_model`` must be a multiple.

    Raises:
        ValueError: if a width is not positive or ``d_model`` is no multiple of ``num_heads``.
    """

    reads_tokens = True

    def __init__(self, d_model: int, d_context: int, num_heads: int = 4) -> None:
        super().__init__(d_model, d_context)
        self.norm = nn.LayerNorm(d_model)
        self.null_token = nn.Parameter(torch.randn(d_context) * d_context**-0.5)
        self.attention = MultiHeadAttention(d_model, d_context, num_heads)
        self.attention.output = zero_linear(d_model, d_model)
        self.keeps_map = False
        self.last_map: Tensor | None = None

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """Attend to the tokens."""
        null = self.null_token.expand(context.shape[0], 1, -1)
        tokens = torch.cat([null, context], dim=1)  # [B, 1 + M, C]
        found, weights = self.attention(self.norm(features), tokens)
        if self.keeps_map:
            self.last_map = weights.detach()
        fused: Tensor = features + found
        return fused


@contextmanager
def attention_maps(encoder: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Keep the attention maps of every cross-attention to noise tokens in a module.

    Args:
        encoder: any module with ``CrossAttentionFusion`` in it.

    Yields:
        Name of the fusion -> map [B, H, T, 1 + M] of its last call, filled when the block ends; token 0 is the null
        token.
    """
    fusions = {name: part for name, part in encoder.named_modules() if isinstance(part, CrossAttentionFusion)}
    maps: dict[str, Tensor] = {}
    for fusion in fusions.values():
        fusion.keeps_map = True
    try:
        yield maps
    finally:
        maps |= {name: fusion.last_map for name, fusion in fusions.items() if fusion.last_map is not None}
        for fusion in fusions.values():
            fusion.keeps_map, fusion.last_map = False, None
