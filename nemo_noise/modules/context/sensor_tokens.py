# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One stream of a sensor as tokens: what it measured in every piece of time, with its modality and its time."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.layers import seconds_embedding, valid_frames

__all__ = ["SensorStream", "SensorTokens"]

QUIETEST_POWER = 1e-6  # of a stream that was scaled to a deviation around 1
LOG_POWER_SCALE = 4.0  # log powers span some tens of nats; linear layers like numbers around 1


class SensorStream(NamedTuple):
    """One stream of a batch: values [B, T, K], valid samples [B] (0: this utterance has none) and rates [B] in Hz.

    NaN marks what was not measured.
    """

    values: Tensor
    length: Tensor
    rate_hz: Tensor


class SensorTokens(nn.Module):
    """Cuts a stream into pieces of ``token_s`` and embeds each: its mean, and its power at every frequency.

    A stream with one sample a piece (a level meter, the speed of a car, a video embedding) has a mean only; a fast one
    (an accelerometer) has a spectrum, too, and so a token does not depend on the phase of a vibration. A piece counts
    if all of its samples were measured.

    Args:
        channels: numbers K of a sample.
        rate_hz: samples per second at which the stream is read; one at another rate is interpolated linearly.
        d_hidden: width H of a token, that of the context encoder.
        token_s: seconds of a piece; at least one sample.
        mean: what the values are around.
        std: how far they lie from it.

    Raises:
        ValueError: if a number is not positive.
    """

    def __init__(
        self,
        channels: int,
        rate_hz: float,
        *,
        d_hidden: int = 96,
        token_s: float = 0.5,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        positive = {"channels": channels, "rate_hz": rate_hz, "d_hidden": d_hidden, "token_s": token_s, "std": std}
        for name, value in positive.items():
            if value <= 0:
                raise ValueError(f"SensorTokens: {name}={value} must be above 0.")
        self.channels = channels
        self.rate_hz = float(rate_hz)
        self.d_hidden = d_hidden
        self.samples_per_token = max(1, round(token_s * rate_hz))
        self.mean = mean
        self.std = std
        self.num_features = channels * (1 + self.samples_per_token // 2)
        self.embed = nn.Sequential(nn.Linear(self.num_features, d_hidden), nn.SiLU(), nn.Linear(d_hidden, d_hidden))
        self.modality = nn.Parameter(torch.randn(d_hidden) * d_hidden**-0.5)

    def forward(self, stream: SensorStream) -> tuple[Tensor, Tensor]:
        """Make tokens.

        Args:
            stream: values [B, T, K], lengths [B], rates [B].

        Returns:
            Tokens [B, N, H], and which there are [B, N].
        """
        features, valid = self.features(stream)
        seconds = (torch.arange(features.shape[1], device=features.device) + 0.5) * self.token_s
        embedded = self.embed(features.to(self.modality.dtype)) + self.modality
        embedded = embedded + seconds_embedding(seconds, self.d_hidden)
        return embedded.to(self.modality.dtype), valid  # weights may be float64 or bfloat16, features are float32

    @property
    def token_s(self) -> float:
        """Seconds of a piece, in whole samples."""
        return self.samples_per_token / self.rate_hz

    def features(self, stream: SensorStream) -> tuple[Tensor, Tensor]:
        """Mean and log power spectrum of every piece [B, N, F], 0 where it was not measured, and which count [B, N].

        Raises:
            ValueError: if the stream has another number of channels.
        """
        if stream.values.shape[2] != self.channels:
            raise ValueError(
                f"SensorTokens: channels={self.channels}, but the stream has {stream.values.shape[2]} a sample."
            )
        values, length = self._at_own_rate(stream)
        size = self.samples_per_token
        count = values.shape[1] // size
        values = values[:, : count * size].reshape(len(values), count, size, self.channels)  # [B, N, S, K]
        in_time = valid_frames(torch.div(length, size, rounding_mode="floor"), values.shape[1])
        valid = in_time & values.isfinite().all(dim=3).all(dim=2)  # [B, N]
        scaled = ((values - self.mean) / self.std).masked_fill(~valid[:, :, None, None], 0.0)
        mean = scaled.mean(dim=2, keepdim=True)  # [B, N, 1, K]
        spectrum = torch.fft.rfft(scaled - mean, dim=2)[:, :, 1 : 1 + size // 2]
        power = (spectrum.real.square() + spectrum.imag.square()) / size  # [B, N, S / 2, K]
        log_power = (power + QUIETEST_POWER).log() / LOG_POWER_SCALE
        features = torch.cat([mean, log_power], dim=2).flatten(2)
        return features.masked_fill(~valid.unsqueeze(2), 0.0), valid

    def _at_own_rate(self, stream: SensorStream) -> tuple[Tensor, Tensor]:
        """Values [B, T', K] at ``rate_hz``, interpolated where they came at another rate, and lengths [B]."""
        values, length, rate_hz = stream.values.float(), stream.length, stream.rate_hz.float()
        is_other = (length > 0) & ((rate_hz - self.rate_hz).abs() > 1e-4 * self.rate_hz)  # [B]
        if not is_other.any():
            return values, length
        step = torch.where(length > 0, rate_hz, torch.full_like(rate_hz, self.rate_hz)) / self.rate_hz  # [B]
        new_length = (torch.div(length - 1, step).floor() + 1).clamp_min(0).to(length.dtype)
        new_length = torch.where(length > 0, new_length, length)
        place = torch.arange(int(new_length.max()), device=values.device) * step[:, None]  # [B, T']
        last = (length - 1).clamp_min(0)[:, None]
        lower = torch.minimum(place.floor().long(), last)
        upper = torch.minimum(lower + 1, last)
        share = (place - lower).clamp(0.0, 1.0).unsqueeze(2)
        below, above = (values.gather(1, index.unsqueeze(2).expand(-1, -1, self.channels)) for index in (lower, upper))
        return torch.where(share > 0, below + share * (above - below), below), new_length
