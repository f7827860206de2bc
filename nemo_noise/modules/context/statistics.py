# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise floor, level and spread of every band of an utterance, read by a small network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.context.observed import FeatureScale, Observed, masked_moments, observe
from nemo_noise.modules.precision import ExactConstants

__all__ = ["StatisticsContextEncoder"]


class StatisticsContextEncoder(ContextEncoder):
    """Noise floor, level and spread of every band, read by a small network: noise-aware training with learned use.

    Per band: the mean, the standard deviation and the given quantiles over the observed frames. The low quantiles
    follow the noise floor, the high ones the speech. Noise-aware training as in Seltzer et al., ICASSP 2013 ("An
    investigation of deep neural networks for noise robust speech recognition"); low quantiles as a noise estimate as
    in Stahl et al., ICASSP 2000 ("Quantile based noise estimation for spectral subtraction").

    Args:
        feat_in: number of feature bands D.
        d_context: width C of the context.
        d_hidden: width of the hidden layer.
        quantiles: which quantiles of a band are read, each in [0, 1].
        feature_mean: what features are around; -8 for log-mel that is not normalised, 0 for normalised.
        feature_std: how far they lie from it; 4 and 1. Linear layers like numbers around 1.

    Raises:
        ValueError: if a quantile is outside [0, 1] or a width is not positive.
    """

    def __init__(
        self,
        feat_in: int,
        d_context: int,
        *,
        d_hidden: int = 128,
        quantiles: Sequence[float] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.95),
        feature_mean: float = 0.0,
        feature_std: float = 1.0,
    ) -> None:
        super().__init__(feat_in, d_context)
        self.scale = FeatureScale(feature_mean, feature_std)
        for quantile in quantiles:
            if not 0.0 <= quantile <= 1.0:
                raise ValueError(f"StatisticsContextEncoder: quantiles={list(quantiles)} must all lie in [0, 1].")
        self.constants = ExactConstants(quantiles=torch.tensor(list(quantiles)))
        num_statistics = (2 + len(quantiles)) * feat_in
        self.norm = nn.LayerNorm(num_statistics)
        self.hidden = nn.Linear(num_statistics, d_hidden)
        self.output = nn.Linear(d_hidden, d_context)
        self.level = nn.Linear(num_statistics, d_context, bias=False)  # the norm takes the level away; this keeps it
        self.context_norm = nn.LayerNorm(d_context)  # or the context grows, and a fusion on the features with it

    def describe(self, observed: Observed) -> Tensor:
        """One vector per utterance [B, C]."""
        statistics = self._statistics(observed).to(self.level.weight.dtype)  # [B, (2 + Q) * D]
        shape = self.output(nn.functional.silu(self.hidden(self.norm(statistics))))
        context: Tensor = self.context_norm(shape + self.level(statistics))  # [B, C]
        return context

    def statistics(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """Mean, deviation and quantiles of every band: [B, (2 + Q) * D], finite even for an empty utterance.

        They are sums over time, in float32 at least.
        """
        return self._statistics(observe(audio_signal, length))

    def _statistics(self, observed: Observed) -> Tensor:
        observed = self.scale(observed)
        mean, deviation = masked_moments(observed)
        quantiles = masked_quantiles(observed, self.constants.quantiles)  # [B, D, Q]
        return torch.cat([mean, deviation, quantiles.flatten(1)], dim=1)


def masked_quantiles(observed: Observed, quantiles: Tensor) -> Tensor:
    """Linearly interpolated quantiles over the observed time: [B, D, Q]; 0 where nothing was observed."""
    largest = torch.finfo(observed.features.dtype).max
    ordered = observed.features.masked_fill(~observed.mask, largest).sort(dim=2).values  # [B, D, T]
    count = observed.mask.sum(dim=2, keepdim=True)  # [B, D, 1]
    position = quantiles.to(ordered.dtype) * (count - 1).clamp_min(0)  # [B, D, Q]
    lower = position.floor().to(torch.int64)
    upper = torch.minimum(lower + 1, (count - 1).clamp_min(0))
    fraction = position - lower
    below, above = ordered.gather(2, lower), ordered.gather(2, upper)
    return (below + fraction * (above - below)).masked_fill(count == 0, 0.0)
