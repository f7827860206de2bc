# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of every fusion: hidden features [B, T, D], changed by a context.

Every fusion is the identity, bit for bit, when it is made: its last layer is zero. A pretrained recogniser therefore
keeps its output until training moves that layer, and its gradient is not zero at the first step.
"""

from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AcousticEncodedRepresentation, EncodedRepresentation, NeuralType

from nemo_noise.modules.context.contract import Context

__all__ = ["Fusion", "zero_linear"]


class Fusion(NeuralModule):
    """The contract of every fusion; a kind of its own defines ``fuse``, and ``reads_tokens`` if it does.

    Args:
        d_model: width D of the features that are changed.
        d_context: width C of the context.

    Raises:
        ValueError: if a width is not positive.

    Attributes:
        reads_tokens: whether the context is a set of tokens [B, M, C]. If not, tokens are averaged before.
    """

    reads_tokens: bool = False

    def __init__(self, d_model: int, d_context: int) -> None:
        super().__init__()
        for name, value in (("d_model", d_model), ("d_context", d_context)):
            if value < 1:
                raise ValueError(f"{type(self).__name__}: {name}={value} must be at least 1.")
        self.d_model = d_model
        self.d_context = d_context

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, T, D] and the context, [B, 1, C] for an utterance or [B, T, C] for every frame."""
        return {
            "features": NeuralType(("B", "T", "D"), AcousticEncodedRepresentation()),
            "context": NeuralType(("B", "T", "D"), EncodedRepresentation()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Changed features [B, T, D]."""
        return {"fused": NeuralType(("B", "T", "D"), AcousticEncodedRepresentation())}

    @typecheck()
    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Change the features.

        Args:
            features: [B, T, D].
            context: [B, 1, C] for all frames or [B, T, C] for each; tokens [B, M, C] if ``reads_tokens``.

        Returns:
            [B, T, D].
        """
        return self.fuse(features, context)

    def fuse(self, features: Tensor, context: Tensor) -> Tensor:
        """What ``forward`` does, to be written by each kind of fusion."""
        raise NotImplementedError(f"{type(self).__name__} must define fuse.")

    def select(self, context: Context, num_frames: int) -> Tensor:
        """What ``forward`` reads of a context beside features of so many frames: [B, 1, C], [B, T, C] or [B, M, C]."""
        return context.tokens() if self.reads_tokens else context.at_frames(num_frames)


def zero_linear(width_in: int, width_out: int) -> nn.Linear:
    """A linear layer whose weight and bias are zero."""
    linear = nn.Linear(width_in, width_out)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
