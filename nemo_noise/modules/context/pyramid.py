# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context from several time scales at once: clicks, syllables of babble, passing cars."""

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.context.layers import AttentivePooling, StridedConvolutions, valid_frames
from nemo_noise.modules.context.observed import FeatureScale, Observed

__all__ = ["FeaturePyramidContextEncoder"]


class FeaturePyramidContextEncoder(ContextEncoder):
    """Strided convolutions upwards, lateral connections downwards, one pooled vector a level.

    With frames of 10 ms the levels are 20, 40, ... 640 ms apart and the highest sees 2.5 s. A level is added to the
    level below (Lin et al., CVPR 2017, "Feature pyramid networks for object detection"). Each level is pooled over
    time; the context is the sum of the levels, weighted by a learned score, or all of them as tokens.

    Args:
        feat_in: number of feature bands D.
        d_context: width C of the context.
        d_hidden: channels H of the convolutions.
        num_levels: levels L of the pyramid.
        as_tokens: give the levels as tokens [B, L, C] instead of their weighted sum [B, C].
        feature_mean: what features are around; -8 for log-mel that is not normalised, 0 for normalised.
        feature_std: how far they lie from it; 4 and 1.

    Raises:
        ValueError: if a width or ``num_levels`` is not positive.
    """

    def __init__(
        self,
        feat_in: int,
        d_context: int,
        *,
        d_hidden: int = 96,
        num_levels: int = 6,
        as_tokens: bool = False,
        feature_mean: float = 0.0,
        feature_std: float = 1.0,
    ) -> None:
        super().__init__(feat_in, d_context)
        if num_levels < 1:
            raise ValueError(f"FeaturePyramidContextEncoder: num_levels={num_levels} must be at least 1.")
        self.layout = Layout.TOKENS if as_tokens else Layout.UTTERANCE
        self.scale = FeatureScale(feature_mean, feature_std)
        self.front = StridedConvolutions(feat_in, d_hidden, num_levels)
        self.laterals = nn.ModuleList(nn.Linear(d_hidden, d_hidden) for _ in range(num_levels))
        self.pools = nn.ModuleList(AttentivePooling(d_hidden) for _ in range(num_levels))
        self.outputs = nn.ModuleList(nn.Linear(2 * d_hidden, d_context) for _ in range(num_levels))
        self.weight = None if as_tokens else nn.Linear(d_context, 1, bias=False)
        self.context_norm = nn.LayerNorm(d_context)

    def describe(self, observed: Observed) -> Tensor:
        """The levels' weighted sum [B, C], or tokens [B, L, C] from the finest to the coarsest level."""
        levels = self.front(self.scale(observed).features, observed.length)
        above = torch.zeros_like(levels[-1][0])
        pooled = []
        for level in reversed(range(len(levels))):
            own, own_length = levels[level]
            frames = self.laterals[level](own) + above  # [B, T_l, H]
            valid = valid_frames(own_length, frames.shape[1])
            pooled.append(self.outputs[level](self.pools[level](frames, valid)))  # [B, C]
            if level:
                above = frames.repeat_interleave(2, dim=1)[:, : levels[level - 1][0].shape[1]]
        context = torch.stack(pooled[::-1], dim=1)  # [B, L, C]
        if self.weight is not None:
            weights = self.weight(context.tanh()).softmax(dim=1)  # [B, L, 1]
            context = (weights * context).sum(dim=1)
        normed: Tensor = self.context_norm(context)
        return normed
