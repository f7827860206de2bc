# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the noise is: encoders that turn the features of one utterance into a noise context.

A context encoder reads the same log-mel features as the recogniser and answers with one vector per utterance, or,
when it is causal, with one vector per encoder frame. Two conventions hold for all of them:

* frames at or beyond ``length`` are ignored, whatever they hold (NaN included);
* a cell that is exactly 0.0 carries no information. NeMo pads and SpecAugment masks with 0.0, so statistics are taken
  over the *observed* cells only.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import EncodedRepresentation, LengthsType, NeuralType, SpectrogramType

from nemo_noise.modules.context.layers import AttentivePooling, StridedConvolutions, valid_frames
from nemo_noise.modules.precision import ExactConstants, at_least_float32

__all__ = [
    "AttentiveContextEncoder",
    "ConstantContextEncoder",
    "ContextEncoder",
    "StatisticsContextEncoder",
]


Layout = Literal["utterance", "frames", "tokens"]


class ContextEncoder(NeuralModule):
    """The contract of every noise-context encoder.

    Args:
        feat_in: number of feature bands D that the encoder reads.
        d_context: width C of the context.

    Raises:
        ValueError: if a width is not positive.

    Attributes:
        layout: what the context is: one vector an ``utterance`` [B, C], one for each of the recogniser's ``frames``
            [B, S, C], or a set of ``tokens`` [B, M, C].
    """

    layout: Layout = "utterance"

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
        """One context vector per utterance, [B, C]."""
        return {"context": NeuralType(("B", "D"), EncodedRepresentation())}

    def input_example(self, max_batch: int = 1, max_dim: int = 256) -> tuple[Tensor, Tensor]:
        """Random features [max_batch, D, max_dim] and full lengths, for export."""
        device = next(self.parameters()).device
        lengths = torch.full((max_batch,), max_dim, dtype=torch.int64, device=device)
        return torch.randn(max_batch, self.feat_in, max_dim, device=device), lengths


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

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """Describe the noise of each utterance.

        Args:
            audio_signal: features [B, D, T].
            length: valid frames [B].

        Returns:
            Context [B, C].
        """
        statistics = self.statistics(audio_signal, length).to(self.level.weight.dtype)  # [B, (2 + Q) * D]
        shape = self.output(nn.functional.silu(self.hidden(self.norm(statistics))))
        context: Tensor = self.context_norm(shape + self.level(statistics))  # [B, C]
        return context

    def statistics(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """Mean, deviation and quantiles of every band: [B, (2 + Q) * D], finite even for an empty utterance.

        They are sums over time, in float32 at least.
        """
        observed = self.scale(observe(audio_signal, length))
        mean, deviation = masked_moments(observed)
        quantiles = masked_quantiles(observed, self.constants.quantiles)  # [B, D, Q]
        return torch.cat([mean, deviation, quantiles.flatten(1)], dim=1)


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

    def __init__(self, feat_in: int, d_context: int, d_hidden: int = 128, num_layers: int = 2) -> None:
        super().__init__(feat_in, d_context)
        if num_layers < 1:
            raise ValueError(f"AttentiveContextEncoder: num_layers={num_layers} must be at least 1.")
        self.front = StridedConvolutions(feat_in, d_hidden, num_layers)
        self.pool = AttentivePooling(d_hidden)
        self.output = nn.Linear(2 * d_hidden, d_context)

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """Describe the noise of each utterance.

        Args:
            audio_signal: features [B, D, T].
            length: valid frames [B].

        Returns:
            Context [B, C].
        """
        frames, length = self.front(observe(audio_signal, length).features, length)[-1]
        context: Tensor = self.output(self.pool(frames, valid_frames(length, frames.shape[1])))  # [B, C]
        return context


class ConstantContextEncoder(ContextEncoder):
    """The control: any context encoder, with all its parameters, that never hears the utterance.

    The wrapped encoder reads a learned, constant spectrogram instead of the features, so the recogniser gets the same
    parameters and the same freedom to learn a bias, and no knowledge of the noise.

    Args:
        context: the encoder to wrap; of one that follows the time, the last frame is taken, of tokens all.
        num_frames: frames of the constant spectrogram.
        d_context: numbers of context, those of ``context``; given so that a recipe sets the width in one place.

    Raises:
        ValueError: ``d_context`` is not that of ``context``.
    """

    def __init__(self, context: ContextEncoder, num_frames: int = 16, d_context: int | None = None) -> None:
        super().__init__(context.feat_in, width_of(context, d_context))
        self.context = context
        self.layout = "tokens" if context.layout == "tokens" else "utterance"
        self.register_buffer("spectrogram", torch.linspace(-1.0, 1.0, num_frames).repeat(context.feat_in, 1))

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Context [B, C], or tokens [B, M, C]."""
        axes = ("B", "T", "D") if self.layout == "tokens" else ("B", "D")
        return {"context": NeuralType(axes, EncodedRepresentation())}

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """Answer with the same context for every utterance.

        Args:
            audio_signal: features [B, D, T]; only the batch size is read.
            length: valid frames [B]; not read.

        Returns:
            Context [B, C], or tokens [B, M, C] if the wrapped encoder gives tokens.
        """
        spectrogram: Tensor = self.spectrogram[None]
        frames = torch.full((1,), spectrogram.shape[2], dtype=length.dtype, device=length.device)
        context = self.context(audio_signal=spectrogram, length=frames)
        context = context[:, -1] if self.context.layout == "frames" else context  # [1, C] or [1, M, C]
        expanded: Tensor = context.expand(audio_signal.shape[0], *context.shape[1:])
        return expanded


def width_of(context: ContextEncoder, d_context: int | None) -> int:
    """The width of a wrapped encoder; one that the recipe says beside it must be the same."""
    if d_context not in (None, context.d_context):
        raise ValueError(f"d_context={d_context}, but the context encoder that is wrapped has {context.d_context}.")
    return context.d_context


class Observed(NamedTuple):
    """Features without padding and masks: ``features`` is 0.0 wherever ``mask`` is False. Both [B, D, T]."""

    features: Tensor
    mask: Tensor


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
        return Observed(scaled, observed.mask)


def observe(audio_signal: Tensor, length: Tensor) -> Observed:
    """Separate what was observed from padding (time >= length) and masked cells (exactly 0.0); float32 at least."""
    valid = valid_frames(length, audio_signal.shape[2])
    features = audio_signal.masked_fill(~valid.unsqueeze(1), 0.0).to(at_least_float32(audio_signal))
    return Observed(features, features != 0.0)


def masked_moments(observed: Observed) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the observed time, both [B, D]; 0 and 0.01 where nothing was observed."""
    count = observed.mask.sum(dim=2).clamp_min(1)
    mean = observed.features.sum(dim=2) / count
    centred = (observed.features - mean.unsqueeze(2)).masked_fill(~observed.mask, 0.0)
    return mean, (centred.square().sum(dim=2) / count + 1e-4).sqrt()


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
