# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""From samples to frames: the convolutions at the front of wav2vec 2.0, at a chosen frame hop.

Baevski et al., 2020 (arXiv 2006.11477). Parameters are named as in transformers' ``Wav2Vec2FeatureEncoder``.
"""

from collections.abc import Sequence
from enum import Enum
from itertools import accumulate
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn import functional

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AudioSignal, LengthsType, NeuralType

from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.precision import at_least_float32

__all__ = [
    "ConvolutionNorm",
    "MaskedGroupNorm",
    "WaveformFrontEnd",
    "WaveformPreprocessor",
    "normalize_waveform",
    "strides_for_hop",
]

VARIANCE_FLOOR = 1e-7  # transformers' feature extractor adds it as well


class WaveformPreprocessor(NeuralModule):
    """Stands where NeMo's models have a mel spectrogram, for encoders that read the samples themselves.

    Args:
        sample_rate: rate of the audio in Hz.
        window_stride: seconds from one "frame" to the next, here from sample to sample; NeMo's time stamps multiply
            it by the encoder's ``subsampling_factor``. By default ``1 / sample_rate``.

    Raises:
        ValueError: if ``window_stride`` is not the time of one sample.
    """

    def __init__(self, sample_rate: int = 16000, window_stride: float | None = None) -> None:
        super().__init__()
        if window_stride is not None and abs(window_stride * sample_rate - 1.0) > 1e-6:
            raise ValueError(
                f"window_stride={window_stride} must be 1 / sample_rate={1 / sample_rate}: one sample is one frame."
            )
        self._sample_rate = sample_rate

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Samples [B, T] and their lengths [B]."""
        return {
            "input_signal": NeuralType(("B", "T"), AudioSignal(freq=self._sample_rate)),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """The samples as one band [B, 1, T] and their lengths [B]."""
        return {
            "processed_signal": NeuralType(("B", "D", "T"), AudioSignal()),
            "processed_length": NeuralType(tuple("B"), LengthsType()),
        }

    @typecheck()
    def forward(self, input_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Pass the samples on.

        Args:
            input_signal: samples [B, T].
            length: valid samples [B].

        Returns:
            The samples [B, 1, T], 0 beyond each length, and the lengths [B].
        """
        valid = valid_frames(length, input_signal.shape[1])
        return input_signal.masked_fill(~valid, 0.0).unsqueeze(1), length


def normalize_waveform(signal: Tensor, length: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the valid samples, as transformers' ``Wav2Vec2FeatureExtractor`` (``do_normalize``).

    Args:
        signal: samples [B, T], 0 beyond each length.
        length: valid samples [B].

    Returns:
        Samples [B, T], 0 beyond each length; float32 at least, as sums over seconds of samples need.
    """
    valid = valid_frames(length, signal.shape[1])
    signal = signal.to(at_least_float32(signal))
    count = length.clamp_min(1).unsqueeze(1)
    centred = (signal - signal.sum(dim=1, keepdim=True) / count).masked_fill(~valid, 0.0)
    variance = centred.square().sum(dim=1, keepdim=True) / count
    return centred / (variance + VARIANCE_FLOOR).sqrt()


class ConvolutionNorm(str, Enum):
    """What is normalised between the convolutions: the first one's channels over time, or all of every frame."""

    GROUP = "group"
    LAYER = "layer"


class MaskedGroupNorm(nn.GroupNorm):
    """Group norm with one channel a group whose statistics are those of the valid frames.

    Without padding it is torch's. transformers' takes the padding in, so there an utterance depends on its batch.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels, num_channels)

    def forward(self, hidden: Tensor, length: Tensor) -> Tensor:  # type: ignore[override]
        """Normalise every channel over time.

        Args:
            hidden: [B, C, T].
            length: valid frames [B].

        Returns:
            [B, C, T]; what lies beyond the lengths is finite and means nothing.
        """
        valid = valid_frames(length, hidden.shape[2]).unsqueeze(1)  # [B, 1, T]
        count = length.clamp(1, hidden.shape[2]).view(-1, 1, 1)
        known = hidden.float().masked_fill(~valid, 0.0)
        centred = known - known.sum(dim=2, keepdim=True) / count
        variance = centred.masked_fill(~valid, 0.0).square().sum(dim=2, keepdim=True) / count
        normed = centred * (variance + self.eps).rsqrt()
        return (normed * self.weight.unsqueeze(1) + self.bias.unsqueeze(1)).to(hidden.dtype)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of [B, C, T]."""

    def forward(self, hidden: Tensor, length: Tensor) -> Tensor:  # type: ignore[override]
        """Normalise every frame of [B, C, T]; ``length`` is not needed."""
        return super().forward(hidden.transpose(1, 2)).transpose(1, 2)


class WaveformConvolution(nn.Module):
    """One convolution over time, its norm if it has one, and GELU.

    Args:
        convolution: from [B, C, T] to [B, C', T'].
        layer_norm: takes [B, C', T'] and the lengths, or None.
    """

    def __init__(self, convolution: nn.Conv1d, layer_norm: nn.Module | None) -> None:
        super().__init__()
        self.conv = convolution
        self.layer_norm = layer_norm

    def forward(self, hidden: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [B, C', T'] of [B, C, T], and how many are valid: those that read nothing but valid ones."""
        hidden = self.conv(hidden)
        (dilation,), (kernel,), (stride,) = self.conv.dilation, self.conv.kernel_size, self.conv.stride
        length = torch.div(length - dilation * (kernel - 1) - 1, stride, rounding_mode="floor") + 1
        length = length.clamp_min(1)  # an utterance shorter than a frame is filled with silence
        if self.layer_norm is not None:
            hidden = self.layer_norm(hidden, length)
        return functional.gelu(hidden), length


class WaveformFrontEnd(nn.Module):
    """Convolutions without padding from samples to frames.

    Args:
        channels: of each convolution.
        kernels: taps of each.
        strides: of each, at the hop of the pretrained weights; their product is that hop.
        norm: ``group`` (wav2vec 2.0 base) or ``layer`` (large, XLSR).
        has_bias: whether the convolutions have one.
        frame_hop: samples from frame to frame; None for the product of the strides.

    Raises:
        ValueError: if the lists differ in length or the hop cannot be made.
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        *,
        norm: ConvolutionNorm,
        has_bias: bool,
        frame_hop: int | None = None,
    ) -> None:
        super().__init__()
        if not len(channels) == len(kernels) == len(strides):
            raise ValueError(
                f"conv_dims, conv_kernels and conv_strides have {len(channels)}, {len(kernels)} and {len(strides)} "
                "entries; each convolution needs one of each."
            )
        taken, dilations = strides_for_hop(strides, frame_hop)
        self.frame_hop, self.receptive_field = 1, 1
        self.conv_layers = nn.ModuleList()
        for number, (width, kernel) in enumerate(zip(channels, kernels, strict=True)):
            narrow = channels[number - 1] if number else 1
            convolution = nn.Conv1d(
                narrow, width, kernel, stride=taken[number], dilation=dilations[number], bias=has_bias
            )
            nn.init.kaiming_normal_(convolution.weight)
            layer_norm: nn.Module | None = None
            if norm is ConvolutionNorm.LAYER:
                layer_norm = ChannelLayerNorm(width)
            elif number == 0:
                layer_norm = MaskedGroupNorm(width)
            self.conv_layers.append(WaveformConvolution(convolution, layer_norm))
            self.receptive_field += (kernel - 1) * dilations[number] * self.frame_hop
            self.frame_hop *= taken[number]

    def forward(self, signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the frames.

        Args:
            signal: samples [B, 1, T], finite, 0 beyond each length.
            length: valid samples [B].

        Returns:
            Frames [B, C, T'] and how many are valid [B], at least 1; an utterance shorter than ``receptive_field``
            samples is filled with silence.
        """
        if not torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            signal = functional.pad(signal, (0, max(0, self.receptive_field - signal.shape[2])))
        hidden = signal
        for layer in self.conv_layers:
            hidden, length = layer(hidden, length)
        return hidden, length


def strides_for_hop(strides: Sequence[int], frame_hop: int | None) -> tuple[list[int], list[int]]:
    """Strides and dilations that evaluate the same convolutions every ``frame_hop`` samples.

    Where a stride is left out, all later layers are dilated by it (Holschneider et al., 1989, "algorithme à trous"):
    every frame is the one that the original strides give there. Strides are kept as long as they divide the hop; the
    last layer takes what remains.

    Args:
        strides: the original ones.
        frame_hop: samples from frame to frame; None for the product of the strides.

    Returns:
        The strides and the dilations, one of each for every layer.

    Raises:
        ValueError: if the first stride does not divide the hop; its norm would then cover other frames.
    """
    hop = frame_hop if frame_hop is not None else list(accumulate(strides, mul))[-1]
    if hop < 1 or hop % strides[0]:
        raise ValueError(
            f"frame_hop={frame_hop} must be a multiple of the first stride {strides[0]}; with the usual strides 320, "
            "200, 160 and 80 are good choices."
        )
    taken, dilations = [], []
    original = reached = 1
    for number, stride in enumerate(strides):
        dilations.append(original // reached)
        is_last = number == len(strides) - 1
        step = hop // reached if is_last else (stride if hop % (reached * stride) == 0 else 1)
        taken.append(step)
        original, reached = original * stride, reached * step
    return taken, dilations
