# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of a context that follows the time: predict the level of the noise under the speech."""

import torch
from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.loss import Loss
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import EncodedRepresentation, LengthsType, LossType, NeuralType, SpectrogramType

from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder

__all__ = ["HiddenNoise", "HiddenNoiseHead", "HiddenNoiseLoss"]

RATIO_BOUNDS = (-5.0, 0.5)  # nats; below, the noise does not matter; above 0, speech and noise have cancelled


class HiddenNoiseHead(NeuralModule):
    """Reads, from each context frame, the noise in every cell of its ``stride`` feature frames.

    Speech is the mask here: the noise shows only where speech is weak, and is to be predicted everywhere. The target
    is relative to the mixture, so it is independent of the overall level, as the masks of speech enhancement are
    (Wang et al., 2014, "On training targets for supervised speech separation").
    """

    def __init__(self, feat_in: int, d_context: int, stride: int) -> None:
        super().__init__()
        self.feat_in = feat_in
        self.stride = stride
        self.output = nn.Linear(d_context, feat_in * stride)

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Context [B, S, C]."""
        return {"context": NeuralType(("B", "T", "D"), EncodedRepresentation())}

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Noise relative to the mixture [B, D, S * stride], nats of power."""
        return {"ratio": NeuralType(("B", "D", "T"), SpectrogramType())}

    @typecheck()
    def forward(self, context: Tensor) -> Tensor:
        """Logarithm of noise power over mixture power [B, D, S * stride], of a context [B, S, C]."""
        cells = self.output(context).unflatten(2, (self.stride, self.feat_in))  # [B, S, stride, D]
        ratio: Tensor = cells.flatten(1, 2).transpose(1, 2)
        return ratio


class HiddenNoiseLoss(Loss):
    """Mean absolute error of the noise inside a mixture, relative to the mixture, in nats per spectrogram cell."""

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Predicted ratio [B, D, T'], log-mel noise and mixture [B, D, T], lengths [B]."""
        return {
            "ratio": NeuralType(("B", "D", "T"), SpectrogramType()),
            "noise": NeuralType(("B", "D", "T"), SpectrogramType()),
            "mixture": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """One number."""
        return {"loss": NeuralType(elements_type=LossType())}

    @typecheck()
    def forward(self, ratio: Tensor, noise: Tensor, mixture: Tensor, length: Tensor) -> Tensor:
        """Compare the valid frames of ``ratio`` [B, D, T'], T' at least T, with the spectrograms [B, D, T].

        ``noise`` and ``mixture`` are log-mel spectrograms, not normalised.
        """
        target = (noise - mixture).clamp(*RATIO_BOUNDS)
        valid = (torch.arange(noise.shape[2], device=noise.device) < length[:, None]).unsqueeze(1)  # [B, 1, T]
        error = (ratio[:, :, : noise.shape[2]] - target).abs() * valid
        return error.sum() / (valid.sum() * noise.shape[1]).clamp_min(1)


class HiddenNoise(PretextTask):
    """Predict the noise in every cell of the spectrogram from the frames of a context that follows the time."""

    def __init__(self, encoder: ContextEncoder, masking: nn.Module) -> None:
        super().__init__(encoder, masking)
        stride = getattr(encoder, "stride", None)
        if stride is None:
            raise ValueError(
                "HiddenNoise: model.tasks.hidden_noise needs a context that follows the time, such as "
                f"TemporalContextEncoder; {type(encoder).__name__} gives one context per utterance."
            )
        self.head = HiddenNoiseHead(encoder.feat_in, encoder.d_context, int(stride))
        self.loss = HiddenNoiseLoss()

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """See ``PretextTask``."""
        ratio = self.head(context=encoding.frames)
        noise, mixture = views.spectrum(views.noise), views.spectrum(views.audio.clone())  # dither is in place
        return TaskLoss(self.loss(ratio=ratio, noise=noise, mixture=mixture, length=views.feature_length), {})
