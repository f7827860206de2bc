# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's audio encoder as a NeMo module: transformers' own, with NeMo's inputs and outputs."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import WhisperConfig
from transformers.models.whisper import modeling_whisper

from nemo.core.classes.common import typecheck
from nemo.core.classes.exportable import Exportable
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AcousticEncodedRepresentation, LengthsType, NeuralType, SpectrogramType

__all__ = ["WhisperEncoder"]


class WhisperEncoder(NeuralModule, Exportable):
    """Two convolutions, fixed sinusoidal positions, pre-norm transformer layers (Radford et al., 2022).

    It reads a window of fixed length and attends to all of it: silence behind the speech is an input like any other,
    so all utterances leave with the full length.

    Args:
        feat_in: mel bands D of the features.
        d_model: width of the layers.
        n_layers: their number.
        n_heads: heads of each attention; must divide ``d_model``.
        d_ff: width inside the feed-forwards; null for four times ``d_model``.
        max_positions: frames that leave, half of those that enter; Whisper's 1500 are 30 s.
        dropout: behind every attention and feed-forward.
        dropout_att: on the attention's weights.
        dropout_ff: inside the feed-forwards.
        layer_drop: probability that a layer is skipped while training.
        attention: transformers' name of the attention: ``sdpa``, ``eager`` or ``flash_attention_2``.
    """

    def __init__(
        self,
        feat_in: int,
        d_model: int,
        *,
        n_layers: int,
        n_heads: int,
        d_ff: int | None = None,
        max_positions: int = 1500,
        dropout: float = 0.0,
        dropout_att: float = 0.0,
        dropout_ff: float = 0.0,
        layer_drop: float = 0.0,
        attention: str = "sdpa",
    ) -> None:
        super().__init__()
        if d_model % n_heads or d_model % 2:
            raise ValueError(f"d_model={d_model} must be even and a multiple of n_heads={n_heads}.")
        self._feat_in, self._feat_out, self.d_model = feat_in, d_model, d_model
        self.subsampling_factor = 2
        self.max_positions = max_positions
        config = WhisperConfig(
            num_mel_bins=feat_in,
            d_model=d_model,
            encoder_layers=n_layers,
            encoder_attention_heads=n_heads,
            encoder_ffn_dim=d_ff or 4 * d_model,
            max_source_positions=max_positions,
            dropout=dropout,
            attention_dropout=dropout_att,
            activation_dropout=dropout_ff,
            encoder_layerdrop=layer_drop,
        )
        config._attn_implementation = attention
        self.whisper = modeling_whisper.WhisperEncoder(config)
        self._fix_positions()

    def _fix_positions(self) -> None:
        """Make the positions a buffer, so that no `unfreeze` trains them; their name stays."""
        embedding = self.whisper.embed_positions
        positions = embedding.weight.detach().clone()
        del embedding.weight
        embedding.register_buffer("weight", positions)

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, as other encoders of NeMo name them."""
        layers: nn.ModuleList = self.whisper.layers
        return layers

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, D, T] and their lengths [B]."""
        return {
            "audio_signal": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Encoder states [B, D, T] and their lengths [B]."""
        return {
            "outputs": NeuralType(("B", "D", "T"), AcousticEncodedRepresentation()),
            "encoded_lengths": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def disabled_deployment_input_names(self) -> set[str]:
        """No input is left out on export."""
        return set()

    @property
    def disabled_deployment_output_names(self) -> set[str]:
        """No output is left out on export."""
        return set()

    def input_example(self, max_batch: int = 1, max_dim: int = 256) -> tuple[Any, ...]:
        """Random features of a whole window; ``max_dim`` is NeMo's, the window is as long as it is."""
        weight = self.whisper.conv1.weight
        frames = 2 * self.max_positions
        features = torch.randn(max_batch, self._feat_in, frames, device=weight.device, dtype=weight.dtype)
        return features, torch.full((max_batch,), frames, device=weight.device)

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Encode features of whole windows [B, D, 2 * max_positions]; ``length`` [B] does not matter.

        Returns states [B, d_model, max_positions] and the full length for every utterance [B].

        Raises:
            ValueError: if the features are no whole window.
        """
        if audio_signal.shape[2] != 2 * self.max_positions:
            raise ValueError(
                f"audio_signal has {audio_signal.shape[2]} frames, max_positions={self.max_positions} needs "
                f"{2 * self.max_positions}: window_s of the features must fit the encoder."
            )
        return self.encode(audio_signal, length)

    def encode(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """What ``forward`` does, without checks of types and of the window."""
        audio_signal = audio_signal.to(self.whisper.conv1.weight.dtype)  # features are float32, weights may be halved
        states = self.whisper(audio_signal).last_hidden_state  # [B, T, D]
        return states.transpose(1, 2), torch.zeros_like(length) + states.shape[1]
