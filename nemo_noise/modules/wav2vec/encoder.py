# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""wav2vec 2.0 as a NeMo encoder: from samples to contextual frames.

Baevski et al., 2020 (arXiv 2006.11477). Positions and transformer layers are transformers' own; the front end is ours,
because padding must not change it. Parameters have transformers' names, without the ``encoder.`` in the middle.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2 import modeling_wav2vec2 as theirs

from nemo.core.classes.common import typecheck
from nemo.core.classes.exportable import Exportable
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import AcousticEncodedRepresentation, AudioSignal, LengthsType, NeuralType

from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.wav2vec.front_end import ConvolutionNorm, WaveformFrontEnd, normalize_waveform
from nemo_noise.modules.wav2vec.span_mask import draw_span_mask

__all__ = ["ExtractedFrames", "NormPlace", "Wav2Vec2Encoder"]

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)


class NormPlace(str, Enum):
    """Where a transformer layer normalises: behind its parts (base) or before them (large, "stable layer norm")."""

    POST = "post"
    PRE = "pre"


class ExtractedFrames(NamedTuple):
    """``hidden`` [B, T, D] enter the transformer, ``features`` [B, T, E] are the front end's, normed."""

    hidden: Tensor
    features: Tensor
    length: Tensor


class Wav2Vec2Encoder(NeuralModule, Exportable):
    """Convolutions on the samples, convolutional positions, bidirectional transformer layers.

    Args:
        d_model: width D of the transformer.
        n_layers: its layers.
        n_heads: heads of each attention; must divide ``d_model``.
        d_ff: width inside the feed-forwards; None for four times ``d_model``.
        norm_place: ``post`` (base) or ``pre`` (large).
        conv_norm: ``group`` (base) or ``layer`` (large).
        conv_dims: channels of each convolution, or one number for all.
        conv_kernels: their taps.
        conv_strides: their strides at the pretrained hop.
        conv_bias: whether they have a bias.
        frame_hop: samples from frame to frame; None for the product of the strides. The frames of the front end are
            the pretrained ones at another rate.
        pos_kernel: taps of the positional convolution.
        pos_groups: its groups.
        normalizes_waveform: whether each utterance is brought to mean 0 and variance 1 (``do_normalize``).
        feature_grad_mult: multiplies the gradient of the front end; 0 freezes it, 0.1 is usual in pretraining.
        dropout: behind every attention and feed-forward.
        dropout_att: on the attention's weights.
        dropout_ff: inside the feed-forwards.
        dropout_features: behind the projection of the front end's frames.
        layer_drop: probability that a layer is skipped while training.
        mask_time_prob: part of the time that is hidden while training, counting overlaps.
        mask_time_length: frames hidden together.
        mask_channel_prob: part of the channels that is set to 0 while training, counting overlaps.
        mask_channel_length: channels hidden together.
        layer_norm_eps: of the transformer's norms.

    Raises:
        ValueError: if sizes do not fit or a name is unknown.
    """

    masked_spec_embed: nn.Parameter | None

    def __init__(
        self,
        d_model: int = 768,
        n_layers: int = 12,
        n_heads: int = 12,
        d_ff: int | None = None,
        *,
        norm_place: NormPlace | str = NormPlace.POST,
        conv_norm: ConvolutionNorm | str = ConvolutionNorm.GROUP,
        conv_dims: int | Sequence[int] = 512,
        conv_kernels: Sequence[int] = KERNELS,
        conv_strides: Sequence[int] = STRIDES,
        conv_bias: bool = False,
        frame_hop: int | None = None,
        pos_kernel: int = 128,
        pos_groups: int = 16,
        normalizes_waveform: bool = True,
        feature_grad_mult: float = 1.0,
        dropout: float = 0.1,
        dropout_att: float = 0.1,
        dropout_ff: float = 0.0,
        dropout_features: float = 0.0,
        layer_drop: float = 0.0,
        mask_time_prob: float = 0.0,
        mask_time_length: int = 10,
        mask_channel_prob: float = 0.0,
        mask_channel_length: int = 64,
        layer_norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        dims = [conv_dims] * len(conv_kernels) if isinstance(conv_dims, int) else list(conv_dims)
        norm = _named(ConvolutionNorm, "conv_norm", conv_norm)
        self.norm_place = _named(NormPlace, "norm_place", norm_place)
        _check_sizes(d_model, {"n_heads": n_heads, "pos_groups": pos_groups})
        _check_shares({"layer_drop": layer_drop, "feature_grad_mult": feature_grad_mult})
        _check_shares({"mask_time_prob": mask_time_prob, "mask_channel_prob": mask_channel_prob})
        self._feat_in, self._feat_out, self.d_model = 1, d_model, d_model
        self.normalizes_waveform = normalizes_waveform
        self.feature_grad_mult = feature_grad_mult
        self.layer_drop = layer_drop
        self.time_mask = (mask_time_prob, mask_time_length)
        self.channel_mask = (mask_channel_prob, mask_channel_length)
        convolutions = (dims, conv_kernels, conv_strides)
        self.feature_extractor = WaveformFrontEnd(*convolutions, norm=norm, has_bias=conv_bias, frame_hop=frame_hop)
        self.subsampling_factor = self.feature_extractor.frame_hop
        dropouts = (dropout, dropout_att, dropout_ff, dropout_features)
        widths = (dims[-1], d_model, d_ff or 4 * d_model)
        positions = (pos_kernel, pos_groups)
        config = _their_config(widths, n_heads, positions=positions, dropouts=dropouts, layer_norm_eps=layer_norm_eps)
        self.feature_projection = theirs.Wav2Vec2FeatureProjection(config)
        self.register_parameter("masked_spec_embed", nn.Parameter(torch.rand(d_model)) if mask_time_prob else None)
        self.pos_conv_embed = theirs.Wav2Vec2PositionalConvEmbedding(config)
        self.layer_norm = nn.LayerNorm(d_model, eps=layer_norm_eps)
        self.dropout = nn.Dropout(dropout)
        is_post = self.norm_place is NormPlace.POST
        layer = theirs.Wav2Vec2EncoderLayer if is_post else theirs.Wav2Vec2EncoderLayerStableLayerNorm
        self.layers = nn.ModuleList(layer(config) for _ in range(n_layers))
        self._initialize()
        if feature_grad_mult == 0.0:
            self.feature_extractor.requires_grad_(False)

    def _initialize(self) -> None:
        """Draw the weights as wav2vec 2.0 does."""
        convolution = self.pos_conv_embed.conv
        deviation = 2.0 * (convolution.kernel_size[0] * convolution.in_channels) ** -0.5
        with torch.no_grad():
            convolution.weight = torch.randn_like(convolution.weight) * deviation
            nn.init.zeros_(convolution.bias)
        for module in self.layers.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    @property
    def pre_encode(self) -> nn.Module:
        """What brings frames to the width of the layers, as other encoders of NeMo name it."""
        projection: nn.Module = self.feature_projection
        return projection

    @property
    def receptive_field(self) -> int:
        """Samples that one frame of the front end reads."""
        return self.feature_extractor.receptive_field

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Samples as one band [B, 1, T] and their lengths [B]."""
        return {
            "audio_signal": NeuralType(("B", "D", "T"), AudioSignal()),
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

    def input_example(self, max_batch: int = 1, max_dim: int = 16000) -> tuple[Tensor, Tensor]:
        """Noise of ``max_dim`` samples [max_batch, 1, max_dim] and full lengths, for export."""
        weight = self.layer_norm.weight
        samples = torch.randn(max_batch, 1, max_dim, device=weight.device, dtype=weight.dtype)
        return samples, torch.full((max_batch,), max_dim, device=weight.device)

    @typecheck()
    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Encode waveforms.

        Args:
            audio_signal: samples [B, 1, T]; what lies beyond ``length`` does not count.
            length: valid samples [B].

        Returns:
            States [B, D, T'], 0 beyond their lengths, and the lengths [B].
        """
        return self.encode(audio_signal, length)

    def encode(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """What ``forward`` does, without checks of types."""
        frames = self.extract(audio_signal, length)
        hidden = self.hide(frames.hidden, self._draw_time_mask(frames)) if self.training else frames.hidden
        return self.contextualize(hidden, frames.length).transpose(1, 2), frames.length

    def extract(self, audio_signal: Tensor, length: Tensor) -> ExtractedFrames:
        """The frames of the front end, before positions and transformer.

        Args:
            audio_signal: samples [B, 1, T].
            length: valid samples [B].

        Returns:
            The projected frames [B, T', D], the normed ones before that [B, T', E] and the lengths [B].
        """
        signal = audio_signal.squeeze(1).masked_fill(~valid_frames(length, audio_signal.shape[2]), 0.0)  # [B, T]
        if self.normalizes_waveform:
            signal = normalize_waveform(signal, length)
        signal = signal.to(self.layer_norm.weight.dtype)  # samples are float32, weights may be halved
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.feature_grad_mult > 0.0):
            features, frames = self.feature_extractor(signal.unsqueeze(1), length)  # [B, E, T']
        if features.requires_grad and self.feature_grad_mult < 1.0:
            features.register_hook(lambda gradient: gradient * self.feature_grad_mult)
        hidden, normed = self.feature_projection(features.transpose(1, 2))  # [B, T', D], [B, T', E]
        return ExtractedFrames(hidden, normed, frames)

    def hide(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Put the learned vector in place of the frames [B, T, D] where the mask [B, T] is True; drop channels.

        Raises:
            ValueError: if the encoder was built without ``mask_time_prob`` and frames shall be hidden.
        """
        if self.masked_spec_embed is not None:
            hidden = torch.where(mask.unsqueeze(2), self.masked_spec_embed.to(hidden.dtype), hidden)
        elif bool(mask.any()):
            raise ValueError("mask_time_prob=0 leaves the encoder without a vector for hidden frames; set it above 0.")
        share, span = self.channel_mask
        if share > 0.0:
            width = torch.full((len(hidden),), self.d_model, device=hidden.device)
            hidden = hidden.masked_fill(draw_span_mask(width, self.d_model, share=share, span=span).unsqueeze(1), 0.0)
        return hidden

    def contextualize(self, hidden: Tensor, length: Tensor) -> Tensor:
        """Positions and transformer over the frames.

        Args:
            hidden: projected frames [B, T, D].
            length: valid ones [B].

        Returns:
            States [B, T, D], 0 beyond the lengths.
        """
        valid = valid_frames(length, hidden.shape[1])  # [B, T]
        hidden = hidden.masked_fill(~valid.unsqueeze(2), 0.0)
        hidden = hidden + self.pos_conv_embed(hidden)
        if self.norm_place is NormPlace.POST:
            hidden = self.layer_norm(hidden)
        hidden = self.dropout(hidden)
        keys = valid[:, None, None]  # [B, 1, 1, T]
        for layer in self.layers:
            output = layer(hidden, attention_mask=keys)
            if self.training and self.layer_drop > 0.0 and float(torch.rand(())) < self.layer_drop:
                output = hidden + 0.0 * output  # its parameters keep a gradient, or distributed training stops
            hidden = output
        if self.norm_place is NormPlace.PRE:
            hidden = self.layer_norm(hidden)
        return hidden.masked_fill(~valid.unsqueeze(2), 0.0)

    def _draw_time_mask(self, frames: ExtractedFrames) -> Tensor:
        """Which frames [B, T] are hidden in this step."""
        share, span = self.time_mask
        if share == 0.0:
            return torch.zeros(frames.hidden.shape[:2], dtype=torch.bool, device=frames.hidden.device)
        return draw_span_mask(frames.length, frames.hidden.shape[1], share=share, span=span)


def _their_config(
    widths: tuple[int, int, int],
    n_heads: int,
    *,
    positions: tuple[int, int],
    dropouts: tuple[float, float, float, float],
    layer_norm_eps: float,
) -> Wav2Vec2Config:
    config = Wav2Vec2Config(
        conv_dim=widths[:1],
        conv_kernel=(1,),
        conv_stride=(1,),
        hidden_size=widths[1],
        intermediate_size=widths[2],
        num_attention_heads=n_heads,
        num_conv_pos_embeddings=positions[0],
        num_conv_pos_embedding_groups=positions[1],
        hidden_dropout=dropouts[0],
        attention_dropout=dropouts[1],
        activation_dropout=dropouts[2],
        feat_proj_dropout=dropouts[3],
        layer_norm_eps=layer_norm_eps,
    )
    config._attn_implementation = "sdpa"
    return config


def _check_sizes(d_model: int, divisors: Mapping[str, int]) -> None:
    for name, value in divisors.items():
        if value < 1 or d_model % value:
            raise ValueError(f"d_model={d_model} must be a multiple of {name}={value}.")


def _check_shares(shares: Mapping[str, float]) -> None:
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name}={value} must be from 0 to 1.")


def _named(kind: Any, argument: str, value: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{argument}={value!r} is unknown; use one of {[member.value for member in kind]}.") from None
