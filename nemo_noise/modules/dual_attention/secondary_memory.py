# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the second attention of a dual-attention decoder reads: noise tokens, lower layers or learned noise types."""

import torch
from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import ChannelType, LengthsType, NeuralType, SpectrogramType

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.context.side_inputs import ContextUser
from nemo_noise.modules.dual_attention.decoder import SecondaryTokens

__all__ = ["ContextTokenMemory", "EncoderLayerMemory", "NoiseTypeMemory", "SecondaryMemory"]


class SecondaryMemory(ContextUser, NeuralModule):
    """The contract of every secondary memory.

    Attributes:
        num_tokens: how many tokens it gives, or ``frames`` if one for each of the encoder's frames.
        layer: the number of the encoder layer whose output it reads; None if it reads none.
    """

    num_tokens: SecondaryTokens
    layer: int | None = None

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, F, T], their lengths [B], and a layer's output [B, S, E] if ``layer`` is not None."""
        return {
            "audio_signal": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(("B",), LengthsType()),
            "hidden": NeuralType(("B", "T", "D"), ChannelType(), optional=True),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Memory [B, M, D]."""
        return {"memory": NeuralType(("B", "T", "D"), ChannelType())}

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Give the memory of each utterance.

        Args:
            audio_signal: features [B, F, T] as the recogniser's encoder gets them.
            length: valid frames [B].
            hidden: what the layer ``layer`` of the encoder gave [B, S, E].

        Returns:
            Memory [B, M, D], M = ``num_tokens`` or S.
        """
        memory = self.remember(audio_signal, length, hidden)
        return memory.roll(1, dims=0) if self.side_inputs.shuffles_context else memory

    def remember(self, audio_signal: Tensor, length: Tensor, hidden: Tensor | None) -> Tensor:
        """What ``forward`` gives, to be written by each kind of memory."""
        raise NotImplementedError(f"{type(self).__name__} must define remember.")


class ContextTokenMemory(SecondaryMemory):
    """The tokens of a noise context.

    Args:
        context: a context encoder; one vector of the utterance is one token.
        d_model: width D of the decoder.

    Raises:
        ValueError: if the context follows time, frame by frame.
    """

    def __init__(self, context: ContextEncoder, d_model: int) -> None:
        super().__init__()
        if context.layout == Layout.FRAMES:
            raise ValueError(
                f"ContextTokenMemory: {type(context).__name__} gives a context for every frame; use one of the "
                "utterance or of tokens, such as HierarchicalContextEncoder."
            )
        self.context_encoder = context
        self.projection = nn.Linear(context.d_context, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.num_tokens = self._count()

    def remember(self, audio_signal: Tensor, length: Tensor, hidden: Tensor | None) -> Tensor:
        """The context's tokens [B, M, D]."""
        tokens = self.context_encoder.read(audio_signal, length).tokens()
        memory: Tensor = self.norm(self.projection(tokens))
        return memory

    @torch.no_grad()
    def _count(self) -> int:
        """How many tokens a second of silence has; all utterances have as many."""
        was_training = self.context_encoder.training
        self.context_encoder.eval()
        silence = torch.zeros(1, self.context_encoder.feat_in, 100)
        tokens = self.context_encoder.read(silence, torch.tensor([100])).tokens()
        self.context_encoder.train(was_training)
        return int(tokens.shape[1])


class EncoderLayerMemory(SecondaryMemory):
    """The output of a lower encoder layer, where more of the noise is left; one for each of the encoder's frames.

    Args:
        layer: number of the encoder's layer, from 0.
        d_encoder: its width E.
        d_model: width D of the decoder.

    Raises:
        ValueError: if the layer is negative.
    """

    num_tokens = "frames"

    def __init__(self, layer: int, d_encoder: int, d_model: int) -> None:
        super().__init__()
        if layer < 0:
            raise ValueError(f"EncoderLayerMemory: layer={layer} must be the number of an encoder layer, from 0.")
        self.layer = layer
        self.norm = nn.LayerNorm(d_encoder)
        self.projection = nn.Linear(d_encoder, d_model)

    def remember(self, audio_signal: Tensor, length: Tensor, hidden: Tensor | None) -> Tensor:
        """The layer's frames [B, S, D]."""
        if hidden is None:
            raise ValueError(f"EncoderLayerMemory: hidden is not given; it is the output of layer {self.layer}.")
        memory: Tensor = self.projection(self.norm(hidden))
        return memory


class NoiseTypeMemory(SecondaryMemory):
    """Learned noise types that are the same for every utterance; the decoder asks which of them it has to do with.

    Args:
        num_types: embeddings K.
        d_model: width D of the decoder.

    Raises:
        ValueError: if ``num_types`` is not positive.
    """

    def __init__(self, num_types: int, d_model: int) -> None:
        super().__init__()
        if num_types < 1:
            raise ValueError(f"NoiseTypeMemory: num_types={num_types} must be at least 1.")
        self.num_tokens = num_types
        self.types = nn.Parameter(torch.randn(num_types, d_model))

    def remember(self, audio_signal: Tensor, length: Tensor, hidden: Tensor | None) -> Tensor:
        """The types [B, K, D]."""
        return self.types.expand(audio_signal.shape[0], -1, -1)
