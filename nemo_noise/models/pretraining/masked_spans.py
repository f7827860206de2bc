# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of hidden spans: name the noise where the input is missing.

Spans of the noisy spectrogram are set to 0.0 (missing). A light local network with the context as input names discrete
codes of the *noise alone* inside the spans. The network sees only a few hundred milliseconds, so what lasts longer has
to come from the context. After pretraining it is thrown away.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules import RandomBlockMasking
from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import (
    EncodedRepresentation,
    LengthsType,
    LogitsType,
    MaskType,
    NeuralType,
    SpectrogramType,
)

from nemo_noise.models.pretraining.codes import MaskedCodeLoss, RandomCodes, code_statistics
from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder

__all__ = ["CodePredictor", "MaskedFeatures", "MaskedSpans", "NoiseCodes", "SpanMasking"]

SHORTEST_SPAN_S = 0.3  # below it, stationary noise is guessed from the neighbouring frames
QUIETEST = -9.0  # nats under the power of the mixture; noise below it is as good as none


class MaskedFeatures(NamedTuple):
    """Features [B, D, T] with a part set to 0.0, and what is hidden: steps [B, S] or cells [B, S, G]."""

    features: Tensor
    mask: Tensor


class SpanMasking(NeuralModule):
    """Hides spans of a spectrogram on a grid of steps, so that a code is hidden as a whole or not at all.

    Args:
        frames_per_step: frames of one step, the time a code describes.
        steps_per_span: steps that are hidden together.
        share: part of the time that is hidden, in (0, 1).
        window_stride: seconds from one frame to the next.
    """

    def __init__(
        self, *, frames_per_step: int = 8, steps_per_span: int = 4, share: float = 0.4, window_stride: float = 0.01
    ) -> None:
        super().__init__()
        check_spans("SpanMasking", frames_per_step, steps_per_span, share=share, window_stride=window_stride)
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
    def forward(self, features: Tensor, length: Tensor) -> MaskedFeatures:
        """The features with 0.0 in random spans, and the mask [B, S], S = T // frames_per_step.

        Frames beyond ``length`` are never hidden.
        """
        num_steps = features.shape[2] // self.frames_per_step
        ones = torch.ones(len(features), 1, num_steps, device=features.device)
        steps = torch.div(length, self.frames_per_step, rounding_mode="floor").clamp_max(num_steps)
        mask = self.blocks(input_feats=ones, input_lengths=steps)[1].squeeze(1) > 0.5  # [B, S]
        hidden = mask.repeat_interleave(self.frames_per_step, dim=1)  # [B, S * frames_per_step]
        hidden = nn.functional.pad(hidden, (0, features.shape[2] - hidden.shape[1]))  # [B, T]
        return MaskedFeatures(features.masked_fill(hidden.unsqueeze(1), 0.0), mask)


class NoiseCodes(RandomCodes):
    """Discrete codes of the noise inside a mixture: which of V random directions its cepstrum points to.

    The log-mel spectrogram of the noise is averaged over a step, relative to the power of the mixture. So a code
    stands for colour and SNR, and not for the overall level. Neighbouring bands are nearly equal; the
    first cepstral coefficients are not, and standardised they weigh the same, so that many codes are in use.

    Args:
        feat_in: bands D.
        frames_per_step: frames averaged for one code.
        num_cepstra: coefficients K that are kept, counting the level.
        code_dim: dimension of the random projection.
        num_codes: V.
    """

    cosines: Tensor

    def __init__(
        self, feat_in: int, *, frames_per_step: int = 8, num_cepstra: int = 13, code_dim: int = 8, num_codes: int = 256
    ) -> None:
        if not 1 <= num_cepstra <= feat_in:
            raise ValueError(f"NoiseCodes: num_cepstra={num_cepstra} must lie between 1 and feat_in={feat_in}.")
        super().__init__(num_cepstra, code_dim, num_codes)
        self.frames_per_step = frames_per_step
        angles = torch.outer(torch.arange(feat_in) + 0.5, torch.arange(num_cepstra)) * (torch.pi / feat_in)
        self.register_buffer("cosines", torch.cos(angles) / feat_in, persistent=False)  # [D, K]

    @torch.no_grad()
    def at_mask(self, noise_features: Tensor, mixture: Tensor, mixture_length: Tensor, *, mask: Tensor) -> Tensor:
        """Codes [B, S] of the noise at the masked steps; 0 outside the mask [B, S].

        ``noise_features`` [B, D, T] are the log-mel spectrogram of the noise, not normalised; ``mixture`` [B, N] are
        samples, 0 beyond ``mixture_length`` [B].
        """
        num_frames = mask.shape[1] * self.frames_per_step
        steps = nn.functional.avg_pool1d(noise_features[:, :, :num_frames].float(), self.frames_per_step)  # [B, D, S]
        power = (mixture.float().square().sum(dim=1) / mixture_length.clamp_min(1)).clamp_min(1e-10).log()  # [B]
        relative = (steps - power[:, None, None]).clamp_min(QUIETEST).transpose(1, 2)[mask]  # [N, D]
        codes = torch.zeros(mask.shape, dtype=torch.int64, device=mask.device)
        codes[mask] = self(relative @ self.cosines)
        return codes


class CodePredictor(NeuralModule):
    """Names the codes of a noisy spectrogram with holes, from the context and the frames nearby."""

    def __init__(
        self, feat_in: int, d_context: int, *, num_codes: int = 256, frames_per_step: int = 8, d_hidden: int = 128
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
        """Unnormalised scores [B, S, V] of all codes, of features [B, D, T], 0.0 in the holes, and contexts [B, C]."""
        observed = features != 0.0  # [B, D, T]
        level = features.sum(dim=(1, 2), keepdim=True) / observed.sum(dim=(1, 2), keepdim=True).clamp_min(1)
        centred = (features - level).masked_fill(~observed, 0.0) / 4.0  # a log-mel spectrogram spans about +-4 nats
        hidden = self.steps(centred) + self.context(context).unsqueeze(2)  # [B, H, S]
        hidden = self.neighbours(nn.functional.gelu(hidden)).transpose(1, 2)  # [B, S, H]
        logits: Tensor = self.output(nn.functional.gelu(self.norm(hidden)))  # [B, S, V]
        return logits


class MaskedSpans(PretextTask):
    """Name the code of the noise in every hidden step.

    Args:
        num_cepstra: colour resolution of a code.
        code_dim: dimension of the random projection.
        num_codes: V.
        d_hidden: width of the predictor.
    """

    def __init__(
        self,
        encoder: ContextEncoder,
        masking: nn.Module,
        *,
        num_cepstra: int = 13,
        code_dim: int = 8,
        num_codes: int = 256,
        d_hidden: int = 128,
    ) -> None:
        super().__init__(encoder, masking)
        if not isinstance(masking, SpanMasking):
            raise ValueError(
                f"MaskedSpans: model.masking={type(masking).__name__} must be SpanMasking, which hides steps."
            )
        step = masking.frames_per_step
        self.codes = NoiseCodes(
            encoder.feat_in, frames_per_step=step, num_cepstra=num_cepstra, code_dim=code_dim, num_codes=num_codes
        )
        self.predictor = CodePredictor(
            encoder.feat_in, encoder.d_context, num_codes=num_codes, frames_per_step=step, d_hidden=d_hidden
        )
        self.loss = MaskedCodeLoss()

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """Cross-entropy over the hidden steps; see ``PretextTask``."""
        codes = self.codes.at_mask(views.spectrum(views.noise), views.audio, views.length, mask=views.mask)
        logits = self.predictor(features=views.features, context=encoding.context)
        loss = self.loss(logits=logits, codes=codes, mask=views.mask)
        return TaskLoss(loss, code_statistics(logits[views.mask], codes[views.mask], self.codes.num_codes))


def check_spans(owner: str, frames_per_step: int, steps_per_span: int, *, share: float, window_stride: float) -> None:
    """Refuse spans that stationary noise bridges, and shares that hide nothing or all."""
    span_s = frames_per_step * steps_per_span * window_stride
    if span_s < SHORTEST_SPAN_S - 1e-6:
        raise ValueError(
            f"{owner}: frames_per_step={frames_per_step} times steps_per_span={steps_per_span} spans "
            f"{span_s:.2f} s; it must be at least {SHORTEST_SPAN_S} s, or stationary noise is solved by copying."
        )
    if not 0.0 < share < 1.0:
        raise ValueError(f"{owner}: share={share} must lie between 0 and 1.")
