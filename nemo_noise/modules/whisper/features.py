# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's features: log-mel energies of a window of fixed length, the same numbers as transformers'.

Radford et al., 2022 (arXiv 2212.04356). What is shorter than the window is filled with silence, and the silence is
part of the features: Whisper has no padding mask. A noise context has one, so the lengths may be those of the audio.
"""

from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.audio_utils import mel_filter_bank

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AudioSignal, LengthsType, MelSpectrogramType, NeuralType

from nemo_noise.modules.precision import ExactConstants

__all__ = ["FrameCount", "WhisperFeatures"]

POWER_FLOOR = 1e-10
DYNAMIC_RANGE = 8.0  # powers of ten below the loudest value


class FrameCount(str, Enum):
    """Which frames the lengths of the features count."""

    WINDOW = "window"  # all of them, as the encoder reads all
    AUDIO = "audio"  # those that begin within the audio, for a noise context that leaves the silence behind it out


class WhisperFeatures(NeuralModule):
    """Log-mel features of a fixed window; equal to those of transformers' ``WhisperFeatureExtractor``.

    Args:
        features: mel bands D: 80, or 128 for large-v3.
        window_s: length of the window in seconds; Whisper's is 30.
        sample_rate: rate of the audio in Hz; Whisper's is 16000.
        window_size: length of a frame in seconds.
        window_stride: step between frames in seconds.
        frame_count: ``window`` or ``audio``: what the lengths count. The features are the same.

    Raises:
        ValueError: if ``window_s`` or ``frame_count`` does not fit.
    """

    def __init__(
        self,
        features: int = 80,
        window_s: float = 30.0,
        *,
        sample_rate: int = 16000,
        window_size: float = 0.025,
        window_stride: float = 0.01,
        frame_count: str = "window",
    ) -> None:
        super().__init__()
        if frame_count not in [count.value for count in FrameCount]:
            raise ValueError(f"frame_count={frame_count!r} must be one of {[count.value for count in FrameCount]}.")
        self.frame_count = FrameCount(frame_count)
        self._sample_rate = sample_rate
        self.n_fft = round(window_size * sample_rate)
        self.hop_length = round(window_stride * sample_rate)
        self.num_samples = round(window_s * sample_rate)
        if self.num_samples <= 0 or self.num_samples % self.hop_length:
            raise ValueError(f"window_s={window_s} must be a multiple of window_stride={window_stride}.")
        self.num_frames = self.num_samples // self.hop_length
        filters = mel_filter_bank(
            num_frequency_bins=1 + self.n_fft // 2,
            num_mel_filters=features,
            min_frequency=0.0,
            max_frequency=8000.0,
            sampling_rate=sample_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        mel_filters = torch.from_numpy(filters).float().T.contiguous()
        self.constants = ExactConstants(mel_filters=mel_filters, window=torch.hann_window(self.n_fft))

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Samples [B, T] and their lengths [B]."""
        return {
            "input_signal": NeuralType(("B", "T"), AudioSignal(freq=self._sample_rate)),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Features [B, D, T] and their lengths [B]."""
        return {
            "processed_signal": NeuralType(("B", "D", "T"), MelSpectrogramType()),
            "processed_length": NeuralType(tuple("B"), LengthsType()),
        }

    @typecheck()
    @torch.no_grad()
    def forward(self, input_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, D, window] of samples [B, T], silence beyond each length, and the frames that count [B].

        Raises:
            ValueError: if an utterance is longer than the window.
        """
        with torch.autocast(input_signal.device.type, enabled=False):
            signal = self._window_of(input_signal.float(), length)  # [B, T]
            window, filters = self.constants.window.float(), self.constants.mel_filters.float()
            spectrum = torch.stft(signal, self.n_fft, self.hop_length, window=window, return_complex=True)
            power = (spectrum[..., :-1].abs() ** 2).contiguous()  # [B, n_fft / 2 + 1, T]
            mel = filters @ power  # [B, D, T]
            logarithm = mel.clamp_min(POWER_FLOOR).log10()
            loudest = logarithm.amax(dim=(1, 2), keepdim=True)
            features = (torch.maximum(logarithm, loudest - DYNAMIC_RANGE) + 4.0) / 4.0
        if self.frame_count is FrameCount.WINDOW:
            return features, torch.full_like(length, self.num_frames)
        frames = torch.div(length + self.hop_length - 1, self.hop_length, rounding_mode="floor")
        return features, frames.clamp_max(self.num_frames)

    def _window_of(self, signal: Tensor, length: Tensor) -> Tensor:
        if signal.shape[1] > self.num_samples and int(length.max()) > self.num_samples:
            raise ValueError(
                f"input_signal has {int(length.max())} samples ({int(length.max()) / self._sample_rate:.4f} s), the "
                f"window {self.num_samples} ({self.num_samples / self._sample_rate:g} s): cut the audio; in training, "
                "max_duration leaves long utterances out."
            )
        signal = signal[:, : self.num_samples]
        silent = torch.arange(signal.shape[1], device=signal.device) >= length[:, None]  # [B, T]
        return F.pad(signal.masked_fill(silent, 0.0), (0, self.num_samples - signal.shape[1]))
