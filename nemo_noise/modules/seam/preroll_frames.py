# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Features of a pre-roll in front of features of an utterance, and the context of the utterance alone behind them."""

from typing import NamedTuple

import torch
from torch import Tensor

from nemo_noise.modules.context.encoders import ContextEncoder

__all__ = ["Preroll"]


class Preroll(NamedTuple):
    """What was heard before each utterance: ``features`` [B, D, P] and how many frames of each count [B]."""

    features: Tensor
    length: Tensor

    def context(self, encoder: ContextEncoder, features: Tensor, length: Tensor, subsampling_factor: int) -> Tensor:
        """The context of utterances [B, D, T] with lengths [B] after their pre-roll, in the layout of its encoder.

        Raises:
            ValueError: if the pre-roll is not of as many utterances, or the encoder hears sensors as well.
        """
        if any("_sensors" in part.__dict__ for part in encoder.modules()):  # their time begins with the utterance
            raise ValueError("noise_before: is given beside sensors (listening_to), expected one of the two.")
        stride = subsampling_factor if encoder.layout == "frames" else 1
        joined, joined_length, lead = self.join(features, length, stride)
        context: Tensor = encoder(audio_signal=joined, length=joined_length)
        if encoder.layout != "frames":
            return context
        own = torch.arange(-(-features.shape[2] // stride), device=context.device)
        own = own + lead.unsqueeze(1) // stride  # [B, S]
        return context.gather(1, own.unsqueeze(2).expand(-1, -1, context.shape[2]))

    def join(self, features: Tensor, length: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
        """Put the pre-roll in front of every utterance, without a gap.

        Args:
            features: of the utterances [B, D, T].
            length: their valid frames [B].
            stride: the frames that go before an utterance are a multiple of it; the oldest are left out for that.

        Returns:
            Features [B, D, L + T], their lengths [B], and the frames L_b that go before each utterance [B].

        Raises:
            ValueError: if the pre-roll is not of as many utterances.
        """
        if len(self.length) != len(length):
            raise ValueError(f"noise_before: was given {len(self.length)} pre-rolls, the batch has {len(length)}.")
        lead = self.length.to(length.device) // stride * stride
        longest = int(lead.max())
        place = torch.arange(longest + features.shape[2], device=length.device) - lead.unsqueeze(1)  # [B, L + T]
        place = place.clamp_max(features.shape[2] - 1)
        oldest = self.features.shape[2] - self.length.to(length.device)
        source = torch.cat([self.features.to(features), features], dim=2)  # [B, D, P + T]
        index = torch.where(place < 0, place - oldest.unsqueeze(1), place) + self.features.shape[2]
        joined = source.gather(2, index.unsqueeze(1).expand(-1, features.shape[1], -1))
        return joined, length + lead, lead
