# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The control: a context with the same parameters that does not depend on the utterance."""

import torch
from torch import Tensor

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.context.observed import Observed

__all__ = ["ConstantContextEncoder", "width_of"]


class ConstantContextEncoder(ContextEncoder):
    """The control: any context encoder, with all its parameters, that does not read the utterance.

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
        self.layout = Layout.TOKENS if context.layout == Layout.TOKENS else Layout.UTTERANCE
        self.register_buffer("spectrogram", torch.linspace(-1.0, 1.0, num_frames).repeat(context.feat_in, 1))

    def describe(self, observed: Observed) -> Tensor:
        """The same context for every utterance: [B, C], or tokens [B, M, C] if the wrapped encoder gives them."""
        spectrogram: Tensor = self.spectrogram[None]
        frames = torch.full((1,), spectrogram.shape[2], dtype=observed.length.dtype, device=observed.length.device)
        context = self.context(audio_signal=spectrogram, length=frames)
        context = context[:, -1] if self.context.layout == Layout.FRAMES else context  # [1, C] or [1, M, C]
        expanded: Tensor = context.expand(observed.features.shape[0], *context.shape[1:])
        return expanded


def width_of(context: ContextEncoder, d_context: int | None) -> int:
    """The width of a wrapped encoder; one that the recipe gives beside it must be the same."""
    if d_context not in (None, context.d_context):
        raise ValueError(f"d_context={d_context}, but the context encoder that is wrapped has {context.d_context}.")
    return context.d_context
