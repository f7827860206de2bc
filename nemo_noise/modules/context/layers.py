# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What context encoders are made of: convolutions, attention, pooling and positions that padding does not touch."""

import torch
from torch import Tensor, nn

from nemo_noise.modules.precision import at_least_float32

__all__ = ["AttentivePooling", "MultiHeadAttention", "StridedConvolutions", "seconds_embedding", "valid_frames"]


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with masked keys, ``d_query`` wide, over a memory ``d_memory`` wide.

    ``torch.nn.MultiheadAttention`` computes the same, but traced for ONNX it keeps the batch and length of the trace.
    """

    def __init__(self, d_query: int, d_memory: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_query % num_heads:
            raise ValueError(
                f"{type(self).__name__}: the width {d_query} must be a multiple of num_heads={num_heads}."
            )
        self.num_heads = num_heads
        self.query = nn.Linear(d_query, d_query)
        self.key = nn.Linear(d_memory, d_query, bias=False)  # a bias would be the same for every key
        self.value = nn.Linear(d_memory, d_query)
        self.output = nn.Linear(d_query, d_query)

    def forward(self, queries: Tensor, memory: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Attend from queries [B, T, D] to memory [B, M, E], ``valid`` [B, M] of it; all if not given.

        Returns what was found [B, T, D] and the weights [B, H, T, M].
        """
        projected = (self.query(queries), self.key(memory), self.value(memory))
        query, key, value = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in projected)
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5  # [B, H, T, M]
        if valid is not None:
            scores = scores.masked_fill(~valid[:, None, None], torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1)
        found: Tensor = self.output((weights @ value).transpose(1, 2).flatten(2))
        return found, weights


class StridedConvolutions(nn.Module):
    """Convolutions that halve the frame rate one after the other, each with a norm and SiLU.

    The last of ``num_layers`` has one frame of ``d_hidden`` channels H for ``2 ** num_layers``.
    """

    def __init__(self, feat_in: int, d_hidden: int, num_layers: int) -> None:
        super().__init__()
        widths = [feat_in] + [d_hidden] * num_layers
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width_in, width_out, kernel_size=5, stride=2, padding=2)
            for width_in, width_out in zip(widths[:-1], widths[1:], strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(d_hidden) for _ in range(num_layers))

    def forward(self, features: Tensor, length: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For every layer its frames [B, T_l, H], zero in the padding, and their lengths [B].

        ``features`` [B, D, T], zero in the padding beyond ``length`` [B], are rounded to the type of the weights.
        """
        levels = []
        features = features.to(next(self.parameters()).dtype)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            frames = norm(convolution(features).transpose(1, 2))
            length = torch.div(length + 1, 2, rounding_mode="floor")
            frames = nn.functional.silu(frames) * valid_frames(length, frames.shape[1]).unsqueeze(2)
            levels.append((frames, length))
            features = frames.transpose(1, 2)
        return levels


class AttentivePooling(nn.Module):
    """Weighted mean and deviation over time, the weights from a small network.

    Okabe et al., Interspeech 2018 ("Attentive statistics pooling for deep speaker embedding").
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, max(width // 2, 1))
        self.score = nn.Linear(max(width // 2, 1), 1, bias=False)  # a bias would be the same for every frame

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Pool frames [..., T, H], where ``valid`` [..., T], to [..., 2 H].

        The mean is zero where no frame counts. Sums over time are taken in float32 at least.
        """
        scores = self.score(self.hidden(frames).tanh()).squeeze(-1)  # [..., T]
        exact = frames.to(at_least_float32(frames))
        scores = scores.to(exact.dtype).masked_fill(~valid, torch.finfo(exact.dtype).min)
        weights = scores.softmax(dim=-1).masked_fill(~valid, 0.0).unsqueeze(-1)  # [..., T, 1]
        mean = (weights * exact).sum(dim=-2)
        second_moment = (weights * exact.square()).sum(dim=-2)
        deviation = (second_moment - mean.square()).clamp_min(1e-4).sqrt()
        return torch.cat([mean, deviation], dim=-1).to(frames.dtype)


def valid_frames(length: Tensor, count: int) -> Tensor:
    """Which of ``count`` frames lie within each length [B]: [B, count]."""
    return torch.arange(count, device=length.device) < length[:, None]


def seconds_embedding(seconds: Tensor, width: int) -> Tensor:
    """Sines and cosines of a time, periods from 0.5 s to 500 s: [..., T] -> [..., T, width]."""
    half = (width + 1) // 2
    periods = 0.5 * 1000.0 ** (torch.arange(half, device=seconds.device) / max(half - 1, 1))
    angles = 2.0 * torch.pi * seconds.unsqueeze(-1) / periods
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width]
