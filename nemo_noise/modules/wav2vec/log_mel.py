# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's log-mel spectrogram as a convolution, so that it exports to ONNX inside an encoder that reads samples."""

import torch
from torch import Tensor
from torch.nn import functional

from nemo.collections.asr.parts.preprocessing.features import FilterbankFeatures
from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AudioSignal, LengthsType, NeuralType, SpectrogramType

from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.precision import ExactConstants

__all__ = ["LogMelFeatures"]

LOG_FLOOR = 2.0**-24
PREEMPHASIS = 0.97


class LogMelFeatures(NeuralModule):
    """The numbers of ``AudioToMelSpectrogramPreprocessor`` with ``normalize: NA``, ``dither: 0`` and ``pad_to: 0``.

    A context encoder that was pretrained on those features can read these. There is nothing to learn.

    Args:
        features: mel bands D.
        sample_rate: rate of the audio in Hz.
        window_size: seconds of a frame.
        window_stride: seconds from frame to frame.
        n_fft: points of the transform.
    """

    def __init__(
        self,
        features: int = 80,
        *,
        sample_rate: int = 16000,
        window_size: float = 0.025,
        window_stride: float = 0.01,
        n_fft: int = 512,
    ) -> None:
        super().__init__()
        self.features = features
        self.hop_length, self.n_fft = round(window_stride * sample_rate), n_fft
        nemo = FilterbankFeatures(
            sample_rate=sample_rate,
            n_window_size=round(window_size * sample_rate),
            n_window_stride=self.hop_length,
            n_fft=n_fft,
            nfilt=features,
            dither=0.0,
        )
        centre = (n_fft - nemo.win_length) // 2
        window = functional.pad(nemo.window, (centre, n_fft - nemo.win_length - centre)).double()
        angles = torch.outer(torch.arange(n_fft // 2 + 1), torch.arange(n_fft)).double() * (2 * torch.pi / n_fft)
        transform = torch.cat([angles.cos(), -angles.sin()]) * window  # [2 * F, n_fft]
        self.constants = ExactConstants(transform=transform.float().unsqueeze(1), mel=nemo.fb[0].clone())

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Samples [B, T] and their lengths [B]."""
        return {
            "input_signal": NeuralType(("B", "T"), AudioSignal()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Features [B, D, T] and their lengths [B]."""
        return {
            "processed_signal": NeuralType(("B", "D", "T"), SpectrogramType()),
            "processed_length": NeuralType(tuple("B"), LengthsType()),
        }

    @typecheck()
    @torch.no_grad()
    def forward(self, input_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features.

        Args:
            input_signal: samples [B, T].
            length: valid samples [B].

        Returns:
            Features [B, D, T'], 0 beyond the lengths, and how many frames are valid [B].
        """
        with torch.autocast(input_signal.device.type, enabled=False):
            signal = input_signal.float()
            signal = torch.cat([signal[:, :1], signal[:, 1:] - PREEMPHASIS * signal[:, :-1]], dim=1)
            signal = signal.masked_fill(~valid_frames(length, signal.shape[1]), 0.0)
            half = self.n_fft // 2
            padded = functional.pad(signal.unsqueeze(1), (half, half))
            transform, filters = self.constants.transform.float(), self.constants.mel.float()
            spectrum = functional.conv1d(padded, transform, stride=self.hop_length)  # [B, 2 * F, T']
            real, imaginary = spectrum.chunk(2, dim=1)
            power = real.square() + imaginary.square()  # [B, F, T']
            mel = torch.log(filters @ power + LOG_FLOOR)
        frames = torch.div(length, self.hop_length, rounding_mode="floor")
        return mel.masked_fill(~valid_frames(frames, mel.shape[2]).unsqueeze(1), 0.0), frames
