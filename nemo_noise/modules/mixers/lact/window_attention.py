# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Attention within a window of neighbouring frames, positions by rotation, padding and the rest of time masked."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nemo_noise.modules.precision import ExactConstants

__all__ = ["WindowAttention"]

LONGEST_WAVE = 10000.0


class WindowAttention(nn.Module):
    """Every frame attends to the frames from ``left`` before it to ``right`` after it; has no parameters.

    Positions enter by rotating queries and keys (Su et al., 2021, RoFormer, arXiv 2104.09864), so only distances count
    and a stream needs no position of its own.

    Args:
        d_model: width D of queries, keys and values.
        n_heads: heads; they must divide ``d_model`` into even widths.
        left: frames before.
        right: frames after; 0 for a causal window.
        dropout: of the weights, in training.

    Raises:
        ValueError: if the heads do not divide or a side of the window is negative.
    """

    def __init__(self, d_model: int, n_heads: int, *, left: int, right: int, dropout: float = 0.0) -> None:
        super().__init__()
        if n_heads < 1 or d_model % (2 * n_heads):
            raise ValueError(f"n_heads={n_heads} must divide d_model={d_model} into heads of an even width.")
        if left < 0 or right < 0:
            raise ValueError(f"WindowAttention: left={left} and right={right} must be 0 or more.")
        self.n_heads, self.left, self.right, self.dropout = n_heads, left, right, dropout
        self.head_dim = d_model // n_heads
        waves = LONGEST_WAVE ** (-torch.arange(0, self.head_dim, 2) / self.head_dim)
        self.constants = ExactConstants(frequencies=waves)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, is_valid: Tensor) -> Tensor:
        """Attend.

        Args:
            queries: [B, T, D], of the last T of the S frames.
            keys: [B, S, D].
            values: [B, S, D].
            is_valid: [B, S], False for keys that are not to be seen; a frame always sees itself.

        Returns:
            [B, T, D].
        """
        num_past = keys.shape[1] - queries.shape[1]
        positions = torch.arange(keys.shape[1], device=keys.device)
        asking = positions[num_past:]
        distance = positions.unsqueeze(0) - asking.unsqueeze(1)  # [T, S]
        is_near = (distance >= -self.left) & (distance <= self.right)
        is_seen = (is_near & is_valid.unsqueeze(1)) | (distance == 0)  # [B, T, S]
        attended = F.scaled_dot_product_attention(
            self._rotated(queries, asking),
            self._rotated(keys, positions),
            self._heads(values),
            attn_mask=is_seen.unsqueeze(1),
            dropout_p=self.dropout if self.training else 0.0,
        )  # [B, A, T, D / A]
        return attended.transpose(1, 2).flatten(2)

    def _heads(self, hidden: Tensor) -> Tensor:
        """[B, T, D] as [B, A, T, D / A]."""
        return torch.unflatten(hidden, -1, (self.n_heads, self.head_dim)).transpose(1, 2)

    def _rotated(self, hidden: Tensor, positions: Tensor) -> Tensor:
        """Heads [B, A, T, D / A] of [B, T, D], turned by their positions [T]."""
        angles = positions.unsqueeze(1) * self.constants.frequencies  # [T, D / 2A]
        cosine, sine = angles.cos().to(hidden.dtype), angles.sin().to(hidden.dtype)
        first, second = self._heads(hidden).chunk(2, dim=-1)
        return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
