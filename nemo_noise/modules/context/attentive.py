# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context by attention over time: the encoder decides which frames are noise."""

from torch import Tensor, nn

from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.context.layers import AttentivePooling, StridedConvolutions, valid_frames
from nemo_noise.modules.context.observed import Observed

__all__ = ["AttentiveContextEncoder"]


class AttentiveContextEncoder(ContextEncoder):
    """Attentive statistics pooling over a small convolutional network: the encoder decides which frames are noise.

    Strided convolutions see 150 ms around each pooled frame; an attention head weights the frames; the weighted mean
    and deviation of the hidden features become the context. Pooling as in Okabe et al., Interspeech 2018
    ("Attentive statistics pooling for deep speaker embedding").

    Args:
        feat_in: number of feature bands D.
        d_context: width C of the context.
        d_hidden: channels of the convolutions.
        num_layers: strided convolutions, each halving the frame rate.

    Raises:
        ValueError: if a width or ``num_layers`` is not positive.
    """

    def __init__(self, feat_in: int, d_context: int, *, d_hidden: int = 128, num_layers: int = 2) -> None:
        super().__init__(feat_in, d_context)
        if num_layers < 1:
            raise ValueError(f"AttentiveContextEncoder: num_layers={num_layers} must be at least 1.")
        self.front = StridedConvolutions(feat_in, d_hidden, num_layers)
        self.pool = AttentivePooling(d_hidden)
        self.output = nn.Linear(2 * d_hidden, d_context)

    def describe(self, observed: Observed) -> Tensor:
        """One vector per utterance [B, C]."""
        frames, length = self.front(observed.features, observed.length)[-1]
        context: Tensor = self.output(self.pool(frames, valid_frames(length, frames.shape[1])))  # [B, C]
        return context
