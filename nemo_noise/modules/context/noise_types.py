# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context as a mixture of learned noise types: a codebook, read by attention."""

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.causal import CausalContextEncoder
from nemo_noise.modules.context.constant import width_of
from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.context.observed import Observed

__all__ = ["NoiseTypeContextEncoder"]


class NoiseTypeContextEncoder(ContextEncoder):
    """The context of another encoder as a mixture of N learned noise types.

    ``weights = softmax(W c . keys / sqrt(C))``, context = ``weights @ types``. What the types do not hold cannot reach
    the recogniser: words, for one, if they are few.

    Args:
        context: the encoder to wrap; its layout stays. One that streams cannot be wrapped.
        num_types: noise types N.
        d_context: numbers of context, those of ``context``; given so that a recipe sets the width in one place.

    Raises:
        ValueError: if ``num_types`` is below 2, the encoder streams, or ``d_context`` is not its width.

    Attributes:
        usage: mean weight of every type in the last batch of the training [N], for the log.
    """

    usage: Tensor

    def __init__(self, context: ContextEncoder, num_types: int = 32, d_context: int | None = None) -> None:
        super().__init__(context.feat_in, width_of(context, d_context))
        if num_types < 2:
            raise ValueError(f"NoiseTypeContextEncoder: num_types={num_types} must be at least 2.")
        if isinstance(context, CausalContextEncoder):
            raise ValueError(
                f"NoiseTypeContextEncoder: context={type(context).__name__} streams, which is not supported."
            )
        self.layout = context.layout
        self.context = context
        self.query = nn.Linear(context.d_context, context.d_context)
        self.keys = nn.Parameter(torch.randn(num_types, context.d_context))
        self.types = nn.Parameter(torch.randn(num_types, context.d_context))
        self.register_buffer("usage", torch.zeros(num_types), persistent=False)

    def weights(self, context: Tensor) -> Tensor:
        """How much of every type there is: [..., C] -> [..., N]."""
        return (self.query(context) @ self.keys.T * self.d_context**-0.5).softmax(dim=-1)

    def describe(self, observed: Observed) -> Tensor:
        """A mixture of the types, in the layout of the wrapped encoder."""
        weights = self.weights(self.context(audio_signal=observed.features, length=observed.length))
        if self.training:
            with torch.no_grad():
                self.usage.copy_(weights.flatten(0, -2).mean(dim=0))
        return weights @ self.types
