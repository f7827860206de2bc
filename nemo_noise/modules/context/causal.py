# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise contexts for streaming: encoders that read only the past and carry a small state from chunk to chunk.

A causal encoder gives one context per encoder frame: frame ``s`` of the context depends on the features up to and
including ``s * stride``, as the output of NeMo's causal subsampling does. So a stream gives the context of the whole
utterance, whatever the chunks.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.context.observed import FeatureScale, Observed, observe

__all__ = ["CausalContext", "CausalContextEncoder", "CausalStatisticsContextEncoder"]


class CausalContext(NamedTuple):
    """What one chunk gives: ``context`` [B, S, C] and the ``state`` [B, N] before the next chunk."""

    context: Tensor
    state: Tensor


class CausalContextEncoder(ContextEncoder):
    """The contract of every causal context encoder.

    Args:
        feat_in: number of feature bands D.
        d_context: width C of the context.
        stride: feature frames per context frame; the subsampling factor of the recogniser.

    Raises:
        ValueError: if a width or the stride is not positive.
    """

    layout = Layout.FRAMES

    def __init__(self, feat_in: int, d_context: int, stride: int = 8) -> None:
        super().__init__(feat_in, d_context)
        if stride < 1:
            raise ValueError(f"{type(self).__name__}: stride={stride} must be at least 1.")
        self.stride = stride

    @property
    def state_size(self) -> int:
        """Numbers N that one stream carries from chunk to chunk; all zero is the state before the first."""
        raise NotImplementedError

    def step(self, features: Tensor, length: Tensor, state: Tensor, num_kept: int) -> CausalContext:
        """Describe one chunk.

        Args:
            features: [B, D, T]; T starts at a multiple of ``stride`` of the stream.
            length: valid frames of the chunk [B].
            state: what the chunks before left, [B, N], in float32 at least.
            num_kept: how many frames of the chunk enter the next state; the rest will be seen again.

        Returns:
            The context of the chunk [B, ceil(T / stride), C] and the next state [B, N].
        """
        raise NotImplementedError

    def describe(self, observed: Observed) -> Tensor:
        """One vector per encoder frame, up to that frame: [B, ceil(T / stride), C]."""
        state = observed.features.new_zeros(observed.features.shape[0], self.state_size)
        return self.step(observed.features, observed.length, state, num_kept=0).context


class CausalStatisticsContextEncoder(CausalContextEncoder):
    """Running mean, deviation and noise floor of every band, read by a small network.

    The noise floor is a soft minimum in nats, ``-log(mean(exp(-x)))``: like a low quantile it follows the quiet
    frames, and unlike one it can be accumulated. The state is four numbers per band: 1.25 KiB a stream for 80 bands.

    Args:
        feat_in: number of feature bands D.
        d_context: width C of the context.
        d_hidden: width of the hidden layer.
        stride: feature frames per context frame; the subsampling factor of the recogniser.
        feature_mean: what features are around; -8 for log-mel that is not normalised, 0 for normalised.
        feature_std: how far they lie from it; 4 and 1. Linear layers like numbers around 1.
    """

    def __init__(
        self,
        feat_in: int,
        d_context: int,
        *,
        d_hidden: int = 128,
        stride: int = 8,
        feature_mean: float = 0.0,
        feature_std: float = 1.0,
    ) -> None:
        super().__init__(feat_in, d_context, stride)
        self.scale = FeatureScale(feature_mean, feature_std)
        self.norm = nn.LayerNorm(3 * feat_in)
        self.hidden = nn.Linear(3 * feat_in, d_hidden)
        self.output = nn.Linear(d_hidden, d_context)
        self.level = nn.Linear(3 * feat_in, d_context, bias=False)  # the norm takes the level away; this keeps it
        self.context_norm = nn.LayerNorm(d_context)  # or the context grows, and a fusion on the features with it

    @property
    def state_size(self) -> int:
        """Count, sum, sum of squares and sum of exp(-x) of every band."""
        return 4 * self.feat_in

    def step(self, features: Tensor, length: Tensor, state: Tensor, num_kept: int) -> CausalContext:
        """Accumulate the statistics of one chunk and describe the noise at every ``stride``-th frame of it."""
        values, mask, _ = self.scale(observe(features, length))
        quiet = (-self.scale.std * values).clamp_max(30.0).exp() * mask  # in nats, whatever the scale
        increments = torch.stack([mask.to(values.dtype), values, values.square(), quiet], dim=1)
        before = state.view(-1, 4, self.feat_in, 1)
        sums = torch.cat([before, before + increments.cumsum(dim=3)], dim=3)  # [B, 4, D, 1 + T]
        count, total, squares, floors = sums[..., 1 :: self.stride].unbind(dim=1)  # each [B, D, S]
        is_observed = count > 0.5
        count = count.clamp_min(1.0)
        mean = total / count
        deviation = ((squares / count - mean.square()).clamp_min(0.0) + 1e-4).sqrt()
        floor = -(floors / count).clamp_min(1e-30).log() / self.scale.std * is_observed
        statistics = torch.cat([mean, deviation, floor], dim=1).transpose(1, 2)  # [B, S, 3 D]
        statistics = statistics.to(self.level.weight.dtype)
        shape = self.output(nn.functional.silu(self.hidden(self.norm(statistics))))
        context = self.context_norm(shape + self.level(statistics))  # [B, S, C]
        kept = min(max(num_kept, 0), features.shape[2])
        return CausalContext(context, sums[..., kept].flatten(1))
