# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The classical answer, as a baseline: running mean and variance normalisation, in the seam of the noise context.

A learned context has to beat this, or it is only an expensive way to normalise. It has no parameters, and it is the
one fusion that is not the identity when it is made: it belongs into recognisers that are trained with it.
"""

import torch
from torch import Tensor

from nemo.core.classes.common import typecheck

from nemo_noise.modules.causal_context import CausalContext, CausalContextEncoder
from nemo_noise.modules.context_encoders import observe
from nemo_noise.modules.fusion import Fusion

__all__ = ["RunningMomentsEncoder", "RunningNormalizationFusion"]

VARIANCE_FLOOR = 0.25  # nats squared; one frame has no variance yet


class RunningMomentsEncoder(CausalContextEncoder):
    """Mean and standard deviation of every band so far: context [B, S, 2 D].

    Args:
        feat_in: number of feature bands D.
        d_context: must be 2 D.
        stride: feature frames per context frame; the subsampling factor of the recogniser.

    Raises:
        ValueError: if ``d_context`` is not twice ``feat_in``.
    """

    def __init__(self, feat_in: int, d_context: int, stride: int = 8) -> None:
        super().__init__(feat_in, d_context, stride)
        if d_context != 2 * feat_in:
            raise ValueError(f"RunningMomentsEncoder: d_context={d_context} must be 2 * feat_in={2 * feat_in}.")

    @property
    def state_size(self) -> int:
        """Count, sum and sum of squares of every band."""
        return 3 * self.feat_in

    def step(self, features: Tensor, length: Tensor, state: Tensor, num_kept: int) -> CausalContext:
        """Accumulate the moments of one chunk; shapes as in ``CausalContextEncoder.step``."""
        values, mask = observe(features, length)
        increments = torch.stack([mask.to(values.dtype), values, values.square()], dim=1)  # [B, 3, D, T]
        before = state.view(-1, 3, self.feat_in, 1)
        sums = torch.cat([before, before + increments.cumsum(dim=3)], dim=3)  # [B, 3, D, 1 + T]
        count, total, squares = sums[..., 1 :: self.stride].unbind(dim=1)  # each [B, D, S]
        mean = total / count.clamp_min(1.0)
        variance = (squares / count.clamp_min(1.0) - mean.square()).clamp_min(0.0)
        context = torch.cat([mean, (variance + VARIANCE_FLOOR).sqrt()], dim=1).transpose(1, 2)  # [B, S, 2 D]
        return CausalContext(context, sums[..., min(max(num_kept, 0), features.shape[2])].flatten(1))


class RunningNormalizationFusion(Fusion):
    """``(x - mean) / deviation`` with both from the context; for the site ``features``.

    Args:
        d_model: width D of the features.
        d_context: must be 2 D: means, then deviations.

    Raises:
        ValueError: if ``d_context`` is not twice ``d_model``.
    """

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__(d_model, d_context)
        if d_context != 2 * d_model:
            raise ValueError(f"RunningNormalizationFusion: d_context={d_context} must be 2 * d_model={2 * d_model}.")

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Normalise.

        Args:
            features: [B, T, D].
            context: [B, 1, 2 D] or [B, T, 2 D].

        Returns:
            [B, T, D]; cells that are exactly 0.0 (padding, masks) stay so.
        """
        mean, deviation = context.chunk(2, dim=-1)
        return ((features - mean) / deviation).masked_fill(features == 0.0, 0.0)
