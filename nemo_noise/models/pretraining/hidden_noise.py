# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of a context that follows the time: say how loud the noise is under the speech that hides it."""

from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import EncodedRepresentation, NeuralType, SpectrogramType

__all__ = ["HiddenNoiseHead"]


class HiddenNoiseHead(NeuralModule):
    """Reads, from each context frame, the noise in every cell of its ``stride`` feature frames.

    Speech is the mask here: the encoder sees the noise only where speech is weak and has to tell it everywhere. The
    answer is relative to the mixture, as the masks of speech enhancement are (Wang et al., 2014, "On training targets
    for supervised speech separation"), so it says nothing about the overall level.

    Args:
        feat_in: bands D.
        d_context: width C of the context.
        stride: feature frames per context frame.
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
        """Predict the noise relative to the mixture.

        Args:
            context: [B, S, C].

        Returns:
            Logarithm of noise power over mixture power, [B, D, S * stride].
        """
        cells = self.output(context).unflatten(2, (self.stride, self.feat_in))  # [B, S, stride, D]
        ratio: Tensor = cells.flatten(1, 2).transpose(1, 2)
        return ratio
