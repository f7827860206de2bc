# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Features without padding and masks, in a fixed scale, and their moments."""

from typing import NamedTuple

from torch import Tensor, nn

from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.precision import at_least_float32

__all__ = ["FeatureScale", "Observed", "masked_moments", "observe"]


class Observed(NamedTuple):
    """Features without padding and masks [B, D, T]: 0.0 wherever ``mask`` [B, D, T] is False; valid frames [B]."""

    features: Tensor
    mask: Tensor
    length: Tensor


class FeatureScale(nn.Module):
    """``(x - mean) / std`` of what was observed, with two fixed numbers: numbers around 1 that keep their level.

    Args:
        mean: what the features are around.
        std: how far they lie from it.

    Raises:
        ValueError: if ``std`` is not positive.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        if std <= 0:
            raise ValueError(f"feature_std={std} must be positive; 4 for log-mel that is not normalised, 1 otherwise.")
        self.mean = mean
        self.std = std

    def forward(self, observed: Observed) -> Observed:
        """Scale the features; what was not observed stays 0."""
        scaled = ((observed.features - self.mean) / self.std).masked_fill(~observed.mask, 0.0)
        return observed._replace(features=scaled)


def observe(audio_signal: Tensor, length: Tensor) -> Observed:
    """Separate what was observed from padding (time >= length) and masked cells (exactly 0.0); float32 at least."""
    valid = valid_frames(length, audio_signal.shape[2])
    features = audio_signal.masked_fill(~valid.unsqueeze(1), 0.0).to(at_least_float32(audio_signal))
    return Observed(features, features != 0.0, length)


def masked_moments(observed: Observed) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the observed time, both [B, D]; 0 and 0.01 where nothing was observed."""
    count = observed.mask.sum(dim=2).clamp_min(1)
    mean = observed.features.sum(dim=2) / count
    centred = (observed.features - mean.unsqueeze(2)).masked_fill(~observed.mask, 0.0)
    return mean, (centred.square().sum(dim=2) / count + 1e-4).sqrt()
