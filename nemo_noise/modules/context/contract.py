# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of every context encoder: from features of an utterance to a noise context, and how a context is read.

A context encoder reads the same log-mel features as the recogniser. Two conventions hold for all of them:

* frames at or beyond ``length`` are ignored, whatever they hold (NaN included);
* a cell that is exactly 0.0 carries no information. NeMo pads and SpecAugment masks with 0.0, so statistics are taken
  over the *observed* cells only.
"""

from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import EncodedRepresentation, LengthsType, NeuralType, SpectrogramType

from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.context.observed import Observed, observe

__all__ = ["Context", "ContextEncoder", "Layout"]


class Layout(str, Enum):
    """What the vectors of a context belong to."""

    UTTERANCE = "utterance"  # one vector, [B, C]
    FRAMES = "frames"  # one for each frame of the recogniser, [B, S, C]
    TOKENS = "tokens"  # a set of M, [B, M, C]


class Context(NamedTuple):
    """A noise context with its layout: ``values`` are [B, C], [B, S, C] or [B, M, C]."""

    values: Tensor
    layout: Layout

    def at_frames(self, count: int) -> Tensor:
        """One vector for each of ``count`` frames: [B, 1, C] for all of them, or [B, ``count``, C]; tokens by mean."""
        if self.layout is Layout.UTTERANCE:
            return self.values.unsqueeze(1)
        if self.layout is Layout.TOKENS:
            return self.values.mean(dim=1, keepdim=True)
        last = self.values[:, -1:].expand(-1, count, -1)  # the subsampling may round up by a frame
        return torch.cat([self.values, last], dim=1)[:, :count]

    def tokens(self) -> Tensor:
        """All vectors [B, M, C]."""
        return self.values.unsqueeze(1) if self.layout is Layout.UTTERANCE else self.values

    def pooled(self, length: Tensor | None = None, num_frames: int = 1) -> Tensor:
        """One vector per utterance [B, C]: the mean within ``length`` [B] of ``num_frames`` feature frames."""
        if self.layout is Layout.UTTERANCE:
            return self.values
        if self.layout is Layout.TOKENS or length is None:
            return self.values.mean(dim=1)
        steps = (length * self.values.shape[1] / num_frames).ceil().clamp_min(1)  # [B]
        valid = valid_frames(steps, self.values.shape[1])  # [B, S]
        return (self.values * valid.unsqueeze(2)).sum(dim=1) / steps.unsqueeze(1)

    def upsampled(self, factor: int) -> "Context":
        """At the rate of the features, ``factor`` times that of the recogniser, if it follows the time."""
        if self.layout is not Layout.FRAMES:
            return self
        return self._replace(values=self.values.repeat_interleave(factor, dim=1))

    def without_first(self, count: int) -> "Context":
        """Without the first frames, which a stream repeats, if it follows the time."""
        if self.layout is not Layout.FRAMES:
            return self
        return self._replace(values=torch.cat([self.values, self.values[:, -1:]], dim=1)[:, count:])

    def shuffled(self) -> "Context":
        """The context of the neighbour in the batch, for every utterance: a control."""
        return self._replace(values=self.values.roll(1, dims=0))


class ContextEncoder(NeuralModule):
    """The contract of every noise-context encoder; a kind of its own defines ``describe`` and its ``layout``.

    Those that scale their input also take ``feature_mean``, what features are around, and ``feature_std``, how far
    they lie from it: -8 and 4 for log-mel that is not normalised, 0 and 1 for normalised, as linear layers like
    numbers around 1.

    Args:
        feat_in: number of feature bands D that the encoder reads.
        d_context: width C of the context.
    """

    layout: Layout = Layout.UTTERANCE

    def __init__(self, feat_in: int, d_context: int) -> None:
        super().__init__()
        for name, value in (("feat_in", feat_in), ("d_context", d_context)):
            if value < 1:
                raise ValueError(f"{type(self).__name__}: {name}={value} must be at least 1.")
        self.feat_in = feat_in
        self.d_context = d_context

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, D, T] and their lengths [B] in frames."""
        return {
            "audio_signal": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """The context [B, C], [B, S, C] or [B, M, C], by the layout."""
        axes = ("B", "D") if self.layout == Layout.UTTERANCE else ("B", "T", "D")
        return {"context": NeuralType(axes, EncodedRepresentation())}

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """The context [B, C], [B, S, C] or [B, M, C] of features [B, D, T] with ``length`` [B] frames."""
        return self.describe(observe(audio_signal, length))

    def describe(self, observed: Observed) -> Tensor:
        """What ``forward`` gives, from features without padding."""
        raise NotImplementedError(f"{type(self).__name__} must define describe.")

    def read(self, audio_signal: Tensor, length: Tensor) -> Context:
        """The context of utterances [B, D, T] with lengths [B], with its layout."""
        return self.context_of(self(audio_signal=audio_signal, length=length))

    def context_of(self, values: Tensor) -> Context:
        """A context from what ``forward`` gave."""
        return Context(values, Layout(self.layout))

    def input_example(self, max_batch: int = 1, max_dim: int = 256) -> tuple[Tensor, Tensor]:
        """Random features [max_batch, D, max_dim] and full lengths, for export."""
        device = next(self.parameters()).device
        lengths = torch.full((max_batch,), max_dim, dtype=torch.int64, device=device)
        return torch.randn(max_batch, self.feat_in, max_dim, device=device), lengths
