# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of a noise context: say what the noise was where nobody could hear it.

Spans of the noisy spectrogram are set to 0.0 (missing). A light local network, told the context, names discrete codes
of the *noise alone* inside the spans. The network sees only a few hundred milliseconds, so what lasts longer has to
come from the context. After pretraining it is thrown away.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules import RandomBlockMasking, RandomProjectionVectorQuantizer
from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import (
    AudioSignal,
    EncodedRepresentation,
    LabelsType,
    LengthsType,
    LogitsType,
    MaskType,
    NeuralType,
    SpectrogramType,
)

__all__ = ["CodePredictor", "MaskedSpans", "NoiseCodes", "SpanMasking"]

SHORTEST_SPAN_S = 0.3  # below it, stationary noise is guessed from the neighbouring frames
QUIETEST = -9.0  # nats under the power of the mixture; noise below it is as good as none
NUM_CALIBRATION_BATCHES = 20


class MaskedSpans(NamedTuple):
    """Features [B, D, T] with spans set to 0.0, and which steps they hide: ``mask`` [B, S]."""

    features: Tensor
    mask: Tensor


class SpanMasking(NeuralModule):
    """Hides spans of a spectrogram on a grid of steps, so that a code is either hidden or heard as a whole.

    Args:
        frames_per_step: frames of one step, the time a code describes.
        steps_per_span: steps that are hidden together.
        share: part of the time that is hidden, in (0, 1).
        window_stride: seconds from one frame to the next.

    Raises:
        ValueError: if a span is shorter than 0.3 s or ``share`` is out of range.
    """

    def __init__(
        self, frames_per_step: int = 8, steps_per_span: int = 4, share: float = 0.4, window_stride: float = 0.01
    ) -> None:
        super().__init__()
        span_s = frames_per_step * steps_per_span * window_stride
        if span_s < SHORTEST_SPAN_S - 1e-6:
            raise ValueError(
                f"SpanMasking: frames_per_step={frames_per_step} times steps_per_span={steps_per_span} spans "
                f"{span_s:.2f} s; it must be at least {SHORTEST_SPAN_S} s, or stationary noise is solved by copying."
            )
        if not 0.0 < share < 1.0:
            raise ValueError(f"SpanMasking: share={share} must lie between 0 and 1.")
        self.frames_per_step = frames_per_step
        self.blocks = RandomBlockMasking(feat_in=1, mask_prob=share, block_size=steps_per_span, mask_value=0.0)

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, D, T] and their lengths [B] in frames."""
        return {
            "features": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Masked features [B, D, T] and the hidden steps [B, S]."""
        return {
            "features": NeuralType(("B", "D", "T"), SpectrogramType()),
            "mask": NeuralType(("B", "T"), MaskType()),
        }

    @typecheck()
    def forward(self, features: Tensor, length: Tensor) -> MaskedSpans:
        """Hide random spans.

        Args:
            features: spectrogram [B, D, T].
            length: valid frames [B]; what lies beyond is never hidden.

        Returns:
            The features with 0.0 in the spans and the mask [B, S], S = T // frames_per_step.
        """
        num_steps = features.shape[2] // self.frames_per_step
        ones = torch.ones(len(features), 1, num_steps, device=features.device)
        steps = torch.div(length, self.frames_per_step, rounding_mode="floor").clamp_max(num_steps)
        mask = self.blocks(input_feats=ones, input_lengths=steps)[1].squeeze(1) > 0.5  # [B, S]
        hidden = mask.repeat_interleave(self.frames_per_step, dim=1)  # [B, S * frames_per_step]
        hidden = nn.functional.pad(hidden, (0, features.shape[2] - hidden.shape[1]))  # [B, T]
        return MaskedSpans(features.masked_fill(hidden.unsqueeze(1), 0.0), mask)


class NoiseCodes(NeuralModule):
    """Discrete codes of the noise inside a mixture: which of V random directions its cepstrum points to.

    The log-mel spectrogram of the noise is averaged over a step and taken relative to the power of the mixture, so a
    code tells colour and SNR, and not the overall level. Neighbouring bands say nearly the same; the first cepstral
    coefficients say it once, and standardised they weigh the same, so that many codes are in use. The statistics are
    those of the first batches and then stay fixed. Codes as in BEST-RQ (Chiu et al., ICML 2022).

    Args:
        feat_in: bands D.
        frames_per_step: frames averaged for one code.
        num_cepstra: coefficients K that are kept, counting the level.
        code_dim: dimension of the random projection.
        num_codes: V.

    Raises:
        ValueError: if ``num_cepstra`` is not between 1 and ``feat_in``.
    """

    mean: Tensor
    variance: Tensor
    num_batches: Tensor
    cosines: Tensor

    def __init__(
        self,
        feat_in: int,
        frames_per_step: int = 8,
        num_cepstra: int = 13,
        code_dim: int = 8,
        num_codes: int = 256,
    ) -> None:
        super().__init__()
        if not 1 <= num_cepstra <= feat_in:
            raise ValueError(f"NoiseCodes: num_cepstra={num_cepstra} must lie between 1 and feat_in={feat_in}.")
        self.frames_per_step = frames_per_step
        self.num_codes = num_codes
        # dist_fn "cosine" does not run in NeMo 3.0; for unit vectors "l2" names the same nearest code.
        self.quantizer = RandomProjectionVectorQuantizer(
            feat_in=num_cepstra,
            code_dim=code_dim,
            num_classes=num_codes,
            num_books=1,
            dist_fn="l2",
            squeeze_single=True,
        )
        angles = torch.outer(torch.arange(feat_in) + 0.5, torch.arange(num_cepstra)) * (torch.pi / feat_in)
        self.register_buffer("cosines", torch.cos(angles) / feat_in, persistent=False)  # [D, K]
        self.register_buffer("mean", torch.zeros(num_cepstra))
        self.register_buffer("variance", torch.ones(num_cepstra))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Noise features [B, D, T], the mixture's samples [B, N] and lengths [B], the steps asked for [B, S]."""
        return {
            "noise_features": NeuralType(("B", "D", "T"), SpectrogramType()),
            "mixture": NeuralType(("B", "T"), AudioSignal()),
            "mixture_length": NeuralType(tuple("B"), LengthsType()),
            "mask": NeuralType(("B", "T"), MaskType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Codes [B, S]."""
        return {"codes": NeuralType(("B", "T"), LabelsType())}

    @typecheck()
    @torch.no_grad()
    def forward(self, noise_features: Tensor, mixture: Tensor, mixture_length: Tensor, mask: Tensor) -> Tensor:
        """Codes of the noise at the masked steps.

        Args:
            noise_features: log-mel spectrogram of the noise, not normalised [B, D, T].
            mixture: samples of the mixture [B, N], padding 0.
            mixture_length: valid samples [B].
            mask: steps to name [B, S].

        Returns:
            Codes [B, S]; 0 outside the mask.
        """
        num_frames = mask.shape[1] * self.frames_per_step
        steps = nn.functional.avg_pool1d(noise_features[:, :, :num_frames].float(), self.frames_per_step)  # [B, D, S]
        power = (mixture.float().square().sum(dim=1) / mixture_length.clamp_min(1)).clamp_min(1e-10).log()  # [B]
        relative = (steps - power[:, None, None]).clamp_min(QUIETEST).transpose(1, 2)[mask]  # [N, D]
        codes = torch.zeros(mask.shape, dtype=torch.int64, device=mask.device)
        if len(relative) == 0:
            return codes
        cepstra = relative @ self.cosines  # [N, K]
        if self.training and self.num_batches < NUM_CALIBRATION_BATCHES:
            self._calibrate(cepstra)
        standard = (cepstra - self.mean) / (self.variance + 1e-6).sqrt()
        _, named = self.quantizer(input_signal=standard.T.unsqueeze(0).to(self.quantizer.proj.weight.dtype))  # [1, N]
        codes[mask] = named.squeeze(0)
        return codes

    def _calibrate(self, cepstra: Tensor) -> None:
        """Move the statistics towards those of one more batch [N, K], all batches counting the same."""
        self.num_batches += 1
        self.mean += (cepstra.mean(dim=0) - self.mean) / self.num_batches
        self.variance += (cepstra.var(dim=0, unbiased=False) - self.variance) / self.num_batches


class CodePredictor(NeuralModule):
    """Names the codes of a noisy spectrogram with holes from what is left nearby and from the context.

    Args:
        feat_in: bands D.
        d_context: width C of the context.
        num_codes: V.
        frames_per_step: frames of one code.
        d_hidden: width of the network.
    """

    def __init__(
        self, feat_in: int, d_context: int, num_codes: int = 256, frames_per_step: int = 8, d_hidden: int = 128
    ) -> None:
        super().__init__()
        self.steps = nn.Conv1d(feat_in, d_hidden, kernel_size=frames_per_step, stride=frames_per_step)
        self.context = nn.Linear(d_context, d_hidden)
        self.neighbours = nn.Conv1d(d_hidden, d_hidden, kernel_size=5, padding=2)
        self.norm = nn.LayerNorm(d_hidden)
        self.output = nn.Linear(d_hidden, num_codes)

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Masked features [B, D, T] and the context [B, C]."""
        return {
            "features": NeuralType(("B", "D", "T"), SpectrogramType()),
            "context": NeuralType(("B", "D"), EncodedRepresentation()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Scores [B, S, V]."""
        return {"logits": NeuralType(("B", "T", "D"), LogitsType())}

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Score every code at every step.

        Args:
            features: noisy log-mel spectrogram with 0.0 where nothing is known [B, D, T].
            context: [B, C].

        Returns:
            Unnormalised scores [B, S, V].
        """
        observed = features != 0.0  # [B, D, T]
        level = features.sum(dim=(1, 2), keepdim=True) / observed.sum(dim=(1, 2), keepdim=True).clamp_min(1)
        centred = (features - level).masked_fill(~observed, 0.0) / 4.0  # a log-mel spectrogram spans about +-4 nats
        hidden = self.steps(centred) + self.context(context).unsqueeze(2)  # [B, H, S]
        hidden = self.neighbours(nn.functional.gelu(hidden)).transpose(1, 2)  # [B, S, H]
        logits: Tensor = self.output(nn.functional.gelu(self.norm(hidden)))  # [B, S, V]
        return logits
