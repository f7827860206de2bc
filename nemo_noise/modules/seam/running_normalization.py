# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The classical answer to new voices, levels and channels in a stream: running mean and variance normalisation.

NeMo normalises per utterance, which a stream cannot, or not at all (``normalize: NA``, its streaming recipes). Here
every frame is normalised by the moments of all frames so far; that costs nothing and has no parameters.
"""

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.encoders import observe

__all__ = ["RunningNormalization"]

VARIANCE_FLOOR = 0.25  # nats squared; one frame has no variance yet


class RunningNormalization(nn.Module):
    """``(x - mean) / deviation`` of every band, with the moments up to and including each frame.

    Args:
        feat_in: number of feature bands D.
    """

    def __init__(self, feat_in: int) -> None:
        super().__init__()
        self.feat_in = feat_in

    @property
    def state_size(self) -> int:
        """Count, mean and sum of squared deviations of every band; all zero before the first chunk."""
        return 3 * self.feat_in

    def forward(self, features: Tensor, length: Tensor, state: Tensor, num_kept: int = 0) -> tuple[Tensor, Tensor]:
        """Normalise one chunk, or a whole utterance with a state of zeros.

        The moments are merged as deviations from the mean before the chunk (Chan, Golub and LeVeque 1983): sums of
        squares would lose the variance of a long stream to rounding.

        Args:
            features: [B, D, T]; cells that are exactly 0.0 were not observed and stay so.
            length: valid frames [B].
            state: what the chunks before left, [B, 3 D], in float32 at least.
            num_kept: how many frames of the chunk enter the next state; the rest will be seen again.

        Returns:
            Normalised features [B, D, T], in the type of the features, and the next state [B, 3 D].
        """
        values, mask = observe(features, length)
        before = state.view(-1, 3, self.feat_in, 1)
        count, mean, deviations = before.unbind(dim=1)  # each [B, D, 1]
        centred = (values - mean).masked_fill(~mask, 0.0)
        count = torch.cat([count, count + mask.to(values.dtype).cumsum(dim=2)], dim=2)  # [B, D, 1 + T]
        total = torch.cat([torch.zeros_like(mean), centred.cumsum(dim=2)], dim=2)
        squares = torch.cat([deviations, deviations + centred.square().cumsum(dim=2)], dim=2)
        shift = total / count.clamp_min(1.0)
        means, squared = mean + shift, (squares - total * shift).clamp_min(0.0)
        deviation = (squared / count.clamp_min(1.0) + VARIANCE_FLOOR).sqrt()
        normalized = ((values - means[..., 1:]) / deviation[..., 1:]).masked_fill(~mask, 0.0)
        kept = min(max(num_kept, 0), features.shape[2])
        return normalized.to(features.dtype), torch.stack([count, means, squared], dim=1)[..., kept].flatten(1)
