# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Normalisation inside the encoder, so that a noise context can read the features before it.

NeMo normalises per utterance in the preprocessor, which a stream cannot, or not at all (``normalize: NA``, its
streaming recipes). Padding stays zero, and so do cells that are exactly 0.0: SpecAugment masked them. Sums over time
are float32 at least.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo.collections.asr.parts.preprocessing.features import normalize_batch

from nemo_noise.modules.context.observed import masked_moments, observe
from nemo_noise.modules.precision import at_least_float32

__all__ = ["Normalization", "Normalized", "RunningNormalization", "checked_normalization", "normalization_of"]

VARIANCE_FLOOR = 0.25  # nats squared; one frame has no variance yet
Setting = str | Mapping[str, float] | None


class Normalized(NamedTuple):
    """Features [B, D, T] as the recogniser reads them, and the state [B, N] for the next chunk, if there is one."""

    features: Tensor
    state: Tensor | None = None


class Normalization(nn.Module):
    """The contract of every normalisation, and none at all: only the padding becomes zero."""

    state_size = 0  # numbers that one stream carries from chunk to chunk

    def forward(
        self, features: Tensor, length: Tensor, *, state: Tensor | None = None, num_kept: int = 0
    ) -> Normalized:
        """Normalise whole utterances or one chunk [B, D, T] with ``length`` [B] frames, in the type of the features.

        ``state`` [B, N] is what the chunks before left, in float32 at least, None at the start; ``num_kept`` frames of
        the chunk enter the next state, the rest will be read again.
        """
        return Normalized(observe(features, length).features.to(features.dtype))


class FixedNormalization(Normalization):
    """``(x - mean) / std`` with two numbers for all bands."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(
        self, features: Tensor, length: Tensor, *, state: Tensor | None = None, num_kept: int = 0
    ) -> Normalized:
        """Shift and scale."""
        observed = observe(features, length)
        scaled = (observed.features - self.mean) / self.std
        return Normalized(scaled.masked_fill(~observed.mask, 0.0).to(features.dtype))


class UtteranceNormalization(Normalization):
    """``(x - mean) / deviation`` of every band over the utterance: NeMo's ``per_feature``, without masked cells."""

    def forward(
        self, features: Tensor, length: Tensor, *, state: Tensor | None = None, num_kept: int = 0
    ) -> Normalized:
        """Normalise by the utterance."""
        if not self.training:  # nothing is masked
            exact = features.to(at_least_float32(features))
            return Normalized(normalize_batch(exact, length, "per_feature")[0].to(features.dtype))
        observed = observe(features, length)
        mean, deviation = masked_moments(observed)
        scaled = (observed.features - mean.unsqueeze(2)) / deviation.unsqueeze(2)
        return Normalized(scaled.masked_fill(~observed.mask, 0.0).to(features.dtype))


class RunningNormalization(Normalization):
    """``(x - mean) / deviation`` of every band, with the moments up to and including each frame.

    The classical answer to new voices, levels and channels in a stream: it costs nothing and has no parameters.
    """

    def __init__(self, feat_in: int) -> None:
        super().__init__()
        self.feat_in = feat_in
        self.state_size = 3 * feat_in  # count, mean and sum of squared deviations; all zero before the first chunk

    def forward(
        self, features: Tensor, length: Tensor, *, state: Tensor | None = None, num_kept: int = 0
    ) -> Normalized:
        """Normalise by the moments so far.

        The moments are merged as deviations from the mean before the chunk (Chan, Golub and LeVeque 1983): sums of
        squares would lose the variance of a long stream to rounding.
        """
        values, mask, _ = observe(features, length)
        state = values.new_zeros(values.shape[0], self.state_size) if state is None else state
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
        next_state = torch.stack([count, means, squared], dim=1)[..., kept].flatten(1)
        return Normalized(normalized.to(features.dtype), next_state)


def checked_normalization(value: Setting) -> str | dict[str, float] | None:
    """The setting ``feature_normalization`` as numbers or its name; a ValueError for another."""
    has_numbers = isinstance(value, Mapping) and all(isinstance(number, (int, float)) for number in value.values())
    if isinstance(value, Mapping) and has_numbers and set(value) == {"mean", "std"} and value["std"] > 0:
        return {name: float(number) for name, number in value.items()}
    if value in (None, "per_feature", "running"):
        return value
    raise ValueError(
        f"feature_normalization={value!r} is unknown; use 'per_feature', 'running' or {{mean: -8.0, std: 4.0}} (each "
        "with the preprocessor's normalize: NA), or leave it out."
    )


def normalization_of(setting: str | dict[str, float] | None, feat_in: int) -> Normalization:
    """The normalisation of a setting that `checked_normalization` gave, for D = ``feat_in`` bands."""
    if isinstance(setting, Mapping):
        return FixedNormalization(**setting)
    if setting == "running":
        return RunningNormalization(feat_in)
    return Normalization() if setting is None else UtteranceNormalization()
