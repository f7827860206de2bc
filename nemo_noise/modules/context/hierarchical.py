# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context in two steps: what is in each half second, then how the half seconds go together."""

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.context.layers import (
    AttentivePooling,
    MultiHeadAttention,
    StridedConvolutions,
    seconds_embedding,
    valid_frames,
)
from nemo_noise.modules.context.observed import FeatureScale, Observed

__all__ = ["HierarchicalContextEncoder"]

FRAME_S = 0.01  # one feature frame
FRAMES_PER_HOP = 4  # two convolutions of stride 2


class HierarchicalContextEncoder(ContextEncoder):
    """Attention within segments, then across segments, then learned queries that read the noise into tokens.

    Convolutions bring the features to 40 ms; attentive pooling turns every segment into one vector; transformer layers
    let the segments see each other; learned queries read them out (Jaegle et al., ICML 2021, "Perceiver").

    Args:
        feat_in: number of feature bands D.
        d_context: width C of a token.
        d_hidden: width H of the layers.
        segment_frames: feature frames in a segment, a multiple of 4.
        num_layers: transformer layers across segments.
        num_heads: attention heads; ``d_hidden`` must be a multiple.
        num_tokens: tokens K.
        feature_mean: what features are around; -8 for log-mel that is not normalised, 0 for normalised.
        feature_std: how far they lie from it; 4 and 1.

    Raises:
        ValueError: if a number is not positive or does not divide as it must.
    """

    layout = Layout.TOKENS

    def __init__(
        self,
        feat_in: int,
        d_context: int,
        *,
        d_hidden: int = 96,
        segment_frames: int = 48,
        num_layers: int = 2,
        num_heads: int = 4,
        num_tokens: int = 8,
        feature_mean: float = 0.0,
        feature_std: float = 1.0,
    ) -> None:
        super().__init__(feat_in, d_context)
        self.d_hidden = d_hidden
        if segment_frames < FRAMES_PER_HOP or segment_frames % FRAMES_PER_HOP:
            raise ValueError(
                f"HierarchicalContextEncoder: segment_frames={segment_frames} must be a positive multiple of "
                f"{FRAMES_PER_HOP}."
            )
        if num_tokens < 1:
            raise ValueError(f"HierarchicalContextEncoder: num_tokens={num_tokens} must be at least 1.")
        self.hops_per_segment = segment_frames // FRAMES_PER_HOP
        self.scale = FeatureScale(feature_mean, feature_std)
        self.front = StridedConvolutions(feat_in, d_hidden, num_layers=2)
        self.segment_pool = AttentivePooling(d_hidden)
        self.segment = nn.Linear(2 * d_hidden, d_hidden)
        self.layers = nn.ModuleList(_Layer(d_hidden, num_heads) for _ in range(num_layers))
        self.queries = nn.Parameter(torch.randn(num_tokens, d_hidden) * d_hidden**-0.5)
        self.memory_norm = nn.LayerNorm(d_hidden)
        self.readout = MultiHeadAttention(d_hidden, d_hidden, num_heads)
        self.output = nn.Linear(d_hidden, d_context)
        self.context_norm = nn.LayerNorm(d_context)

    def describe(self, observed: Observed) -> Tensor:
        """Tokens [B, K, C]."""
        segments, valid = self._segments(observed)  # [B, N, H], [B, N]
        return self._read(segments, valid)

    def _read(self, segments: Tensor, valid: Tensor) -> Tensor:
        """What the queries read from segments [B, N, H] that have seen each other: tokens [B, K, C]."""
        for layer in self.layers:
            segments = layer(segments, valid)
        queries = self.queries.expand(segments.shape[0], -1, -1)
        read, _ = self.readout(queries, self.memory_norm(segments), valid)
        context: Tensor = self.context_norm(self.output(queries + read))
        return context

    def _segments(self, observed: Observed) -> tuple[Tensor, Tensor]:
        """One vector for every segment [B, N, H], and which segments there are [B, N]."""
        frames, length = self.front(self.scale(observed).features, observed.length)[-1]
        missing = -frames.shape[1] % self.hops_per_segment
        frames = nn.functional.pad(frames, (0, 0, 0, missing))  # [B, N * S, H]
        batch, hops = frames.shape[0], self.hops_per_segment
        valid = valid_frames(length, frames.shape[1]).view(batch, -1, hops)  # [B, N, S]
        frames = frames.reshape(batch, -1, hops, frames.shape[2])  # [B, N, S, H]
        segments = self.segment(self.segment_pool(frames, valid))
        numbers = torch.arange(segments.shape[1], device=segments.device, dtype=torch.float32)
        seconds = numbers * (self.hops_per_segment * FRAMES_PER_HOP * FRAME_S)
        return segments + seconds_embedding(seconds, segments.shape[2]).to(segments.dtype), valid.any(dim=2)


class _Layer(nn.Module):
    """A transformer layer with its norms first."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, width, num_heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )

    def forward(self, hidden: Tensor, valid: Tensor) -> Tensor:
        """[B, N, H] -> [B, N, H]."""
        normed = self.attention_norm(hidden)
        hidden = hidden + self.attention(normed, normed, valid)[0]
        changed: Tensor = hidden + self.feed_forward(hidden)
        return changed
