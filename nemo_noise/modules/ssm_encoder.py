# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A state-space encoder: NeMo's Conformer with Mamba-2 mixers in place of attention, in all layers or in most.

Jiang et al., 2024 (ConMamba, arXiv 2407.09732): the convolution module and the two half feed-forwards stay. Everything
but the mixing is NeMo's: subsampling, masks, stochastic depth, inter-layer CTC, streaming, export. A stream's state
travels in the caches that NeMo passes: ``cache_last_channel`` holds what mixes over time (keys of an attention, or the
state of a mixer as numbers in row after row), ``cache_last_time`` the frames of the convolution module.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules.conformer_encoder import ConformerEncoder
from nemo.collections.asr.parts.submodules.conformer_modules import ConformerLayer
from nemo.collections.asr.parts.submodules.subsampling import ConvSubsampling

from nemo_noise.modules.context_encoders import ContextEncoder
from nemo_noise.modules.fusion import Fusion
from nemo_noise.modules.noise_aware import NoiseAwareMixin
from nemo_noise.modules.ssm import BidirectionalMamba2Mixer, Mamba2Mixer, MixerOutput

__all__ = ["Direction", "SSMEncoder", "SSMLayer"]


class Direction(str, Enum):
    """Which way the mixers hear: the past alone, for streams, or past and future, for whole utterances."""

    CAUSAL = "causal"
    BIDIRECTIONAL = "bidirectional"


class SSMLayer(nn.Module):
    """Half a feed-forward, mixer, convolution module, half a feed-forward, norm; with NeMo's arguments of a layer.

    Args:
        conformer_layer: gives its norms, feed-forwards and convolution module, under their names; its attention is
            left out.
        mixer: what stands in place of the attention.
    """

    def __init__(self, conformer_layer: ConformerLayer, mixer: Mamba2Mixer | BidirectionalMamba2Mixer) -> None:
        super().__init__()
        self.norm_feed_forward1 = conformer_layer.norm_feed_forward1
        self.feed_forward1 = conformer_layer.feed_forward1
        self.norm_mixer = conformer_layer.norm_self_att
        self.mixer = mixer
        self.norm_conv = conformer_layer.norm_conv
        self.conv = conformer_layer.conv
        self.norm_feed_forward2 = conformer_layer.norm_feed_forward2
        self.feed_forward2 = conformer_layer.feed_forward2
        self.norm_out = conformer_layer.norm_out
        self.dropout = conformer_layer.dropout
        self.cache_drop_size = 0

    def forward(
        self,
        x: Tensor,
        att_mask: Tensor | None = None,
        pos_emb: Tensor | None = None,
        pad_mask: Tensor | None = None,
        cache_last_channel: Tensor | None = None,
        cache_last_time: Tensor | None = None,
    ) -> Any:
        """Run the layer; what it answers with follows NeMo's ``ConformerLayer``.

        Args:
            x: [B, T, D].
            att_mask: not used.
            pos_emb: not used.
            pad_mask: [B, T], True in the padding.
            cache_last_channel: the state of the mixer as [B, S, D], when streaming.
            cache_last_time: the frames before, of the convolution module [B, D, K - 1], when streaming.

        Returns:
            [B, T, D]; when streaming, a tuple of it and the next two caches.
        """
        x = x + 0.5 * self.dropout(self.feed_forward1(self.norm_feed_forward1(x)))
        mask = None if pad_mask is None else ~pad_mask
        mixed, cache_last_channel = self._mix(self.norm_mixer(x), mask, cache_last_channel)
        x = x + self.dropout(mixed)
        convolved = self.conv(self.norm_conv(x), pad_mask=pad_mask, cache=cache_last_time)
        if cache_last_time is not None:
            convolved, cache_last_time = convolved
        x = x + self.dropout(convolved)
        x = x + 0.5 * self.dropout(self.feed_forward2(self.norm_feed_forward2(x)))
        x = self.norm_out(x)
        return x if cache_last_channel is None else (x, cache_last_channel, cache_last_time)

    def _mix(self, x: Tensor, mask: Tensor | None, cache: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Mix a whole utterance, or a chunk whose state is ``cache`` [B, S, D]."""
        if cache is None:
            return self.mixer(x, mask), None
        if not isinstance(self.mixer, Mamba2Mixer):
            raise ValueError(
                "A bidirectional encoder needs the whole utterance and cannot stream: direction='causal'."
            )
        state = self.mixer.state_from(cache.flatten(1)[:, : self.mixer.state_size].to(torch.float32))
        mask = torch.ones_like(x[:, :, 0], dtype=torch.bool) if mask is None else mask
        if self.cache_drop_size == 0:
            output = self.mixer.stream(x, state, mask)
        else:  # the last frames will be seen again: they are mixed, and their state is forgotten
            num_kept = max(0, x.shape[1] - self.cache_drop_size)
            kept = self.mixer.stream(x[:, :num_kept], state, mask[:, :num_kept])
            again = self.mixer.stream(x[:, num_kept:], kept.state, mask[:, num_kept:])
            output = MixerOutput(torch.cat([kept.hidden, again.hidden], dim=1), kept.state)
        numbers = self.mixer.numbers_of(output.state)
        numbers = nn.functional.pad(numbers, (0, cache.shape[1] * cache.shape[2] - self.mixer.state_size))
        return output.hidden, numbers.reshape(x.shape[0], -1, x.shape[2]).to(cache.dtype)


class SSMEncoder(NoiseAwareMixin, ConformerEncoder):
    """NeMo's Conformer encoder with Mamba-2 mixers, and with a noise context if one is given.

    Args:
        context: the context encoder, or None.
        fusion: site -> fusion; a layer's number, ``pre_encode`` or ``features``.
        feature_normalization: as in ``NoiseAwareConformerEncoder``.
        direction: ``bidirectional`` (two mixers a layer, offline) or ``causal`` (one, for streams). A causal encoder
            also needs NeMo's ``causal_downsampling: true``, ``conv_context_size: causal``, ``att_context_style:
            chunked_limited`` and ``att_context_size: [left, right]``; a chunk of the stream has ``right + 1`` frames,
            and ``left`` matters to attention layers only.
        attention_every: every how many layers one keeps NeMo's attention, 4 say; None for no attention at all.
        d_state: size of the state of one channel.
        expand: inner width of a mixer over ``d_model``.
        head_dim: channels that share a decay.
        n_groups: sets of input and output vectors that the heads of a mixer share.
        mixer_conv_kernel_size: frames of the small convolution inside a mixer.
        chunk_size: frames that a mixer computes as one matrix; speed only.
        **conformer: arguments of NeMo's ``ConformerEncoder``.

    Raises:
        ValueError: if sizes do not fit, or a causal encoder would hear the future.
    """

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        feature_normalization: str | Mapping[str, float] | None = None,
        direction: Direction | str = Direction.BIDIRECTIONAL,
        attention_every: int | None = None,
        d_state: int = 64,
        expand: int = 2,
        head_dim: int = 64,
        n_groups: int = 1,
        mixer_conv_kernel_size: int = 4,
        chunk_size: int = 64,
        **conformer: Any,
    ) -> None:
        super().__init__(**conformer)
        if attention_every is not None and not 1 < attention_every <= self.n_layers:
            raise ValueError(
                f"attention_every={attention_every} must be from 2 to n_layers={self.n_layers}, or null for none."
            )
        self.direction = _checked_direction(direction)
        self.attention_every = attention_every
        if self.direction is Direction.CAUSAL:
            self._check_causal(conformer.get("causal_downsampling", False))

        def mixer() -> Mamba2Mixer:
            sizes = (d_state, expand, head_dim, n_groups, mixer_conv_kernel_size, chunk_size)
            return Mamba2Mixer(self.d_model, *sizes)

        for number in range(self.n_layers):
            if attention_every is None or (number + 1) % attention_every:
                causal = self.direction is Direction.CAUSAL
                mixing = mixer() if causal else BidirectionalMamba2Mixer(mixer(), mixer())
                self.layers[number] = SSMLayer(self.layers[number], mixing)
        self.setup_streaming_params()
        self.add_noise_context(context, fusion, feature_normalization)

    def _check_causal(self, causal_downsampling: bool) -> None:
        """Refuse what would let a causal encoder hear the future."""
        if isinstance(self.pre_encode, ConvSubsampling) and not causal_downsampling:
            raise ValueError("direction='causal' with causal_downsampling=False would hear the future; use true.")
        if self.conv_context_size[1] != 0:
            raise ValueError(
                f"direction='causal' with conv_context_size={self.conv_context_size} would hear the future; "
                "use 'causal'."
            )
        if self.att_context_style != "chunked_limited" or self.att_context_size[1] < 0:
            raise ValueError(
                f"direction='causal' with att_context_style={self.att_context_style!r} and att_context_size="
                f"{self.att_context_size} has no chunk to stream; use 'chunked_limited' and [70, 13], say."
            )

    def setup_streaming_params(self, *arguments: Any, **named: Any) -> None:
        """Set NeMo's streaming parameters; the cache has as many rows as the state of a mixer needs.

        With attention layers the rows are the larger of the two needs, a multiple of a chunk as NeMo's mask wants it;
        the mask keeps the attention from looking further back than ``att_context_size``.
        """
        super().setup_streaming_params(*arguments, **named)
        rows = 0
        for layer in self.layers:
            if isinstance(layer, SSMLayer) and isinstance(layer.mixer, Mamba2Mixer):
                layer.cache_drop_size = self.streaming_cfg.cache_drop_size
                rows = -(-layer.mixer.state_size // self.d_model)
        if rows == 0:  # no mixer that streams, or none yet
            return
        if self.attention_every is not None:
            chunk = self.att_context_size[1] + 1
            rows = -(-max(rows, self.streaming_cfg.last_channel_cache_size) // chunk) * chunk
        self.streaming_cfg.last_channel_cache_size = rows

    def _create_masks(
        self, att_context_size: list[int], padding_length: Tensor, max_audio_length: int, offset: Any, device: Any
    ) -> tuple[Tensor, Tensor | None]:
        """NeMo's masks; without attention none that is quadratic in time.

        Returns:
            The padding [B, T], True where it is, and the mask of the attention [B, T, T] if there is one.
        """
        if self.attention_every is not None:
            masks: tuple[Tensor, Tensor | None] = super()._create_masks(
                att_context_size, padding_length, max_audio_length, offset, device
            )
            return masks
        frames = torch.arange(max_audio_length, device=device)
        return frames >= padding_length.unsqueeze(1), None


def _checked_direction(direction: Direction | str) -> Direction:
    """The direction by its name; refuses any other."""
    try:
        return Direction(direction)
    except ValueError:
        known = [member.value for member in Direction]
        raise ValueError(f"direction={direction!r} is unknown; use one of {known}.") from None
