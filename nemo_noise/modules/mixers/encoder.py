# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's Conformer with mixers of our own in place of attention: the layer, the streams and what the encoders share.

The convolution module and the two half feed-forwards stay. Everything but the mixing is NeMo's: subsampling, masks,
stochastic depth, inter-layer CTC, streaming, export. A stream's state travels in the caches that NeMo passes:
``cache_last_channel`` holds what mixes over time (keys of an attention, or the state of a mixer as numbers in row
after row), ``cache_last_time`` the frames of the convolution module.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules.conformer_encoder import ConformerEncoder
from nemo.collections.asr.parts.submodules.conformer_modules import ConformerLayer
from nemo.collections.asr.parts.submodules.subsampling import ConvSubsampling

from nemo_noise.modules.precision import packed_size, packed_state, unpacked_state
from nemo_noise.modules.seam.noise_aware import NoiseAwareMixin

__all__ = ["MixerEncoder", "MixerLayer", "StreamingMixer"]


@runtime_checkable
class StreamingMixer(Protocol):
    """A mixer that can take an utterance in pieces; a bidirectional one has none of this."""

    @property
    def state_size(self) -> int:
        """Numbers that one stream carries from chunk to chunk."""

    def state_from(self, numbers: Tensor) -> Any:
        """A state from [B, ``state_size``] numbers; zeros are the state at the start."""

    def numbers_of(self, state: Any) -> Tensor:
        """A state as [B, ``state_size``] numbers."""

    def stream(self, hidden: Tensor, state: Any, mask: Tensor | None = None) -> Any:
        """Mix [B, T, D] frames; gives ``hidden`` [B, T, D] and the next ``state``."""


class MixerLayer(nn.Module):
    """Half a feed-forward, mixer, convolution module, half a feed-forward, norm; with NeMo's arguments of a layer.

    Args:
        conformer_layer: gives its norms, feed-forwards and convolution module, under their names; its attention is
            left out.
        mixer: what stands in place of the attention: from [B, T, D] and a mask [B, T], True in valid frames, to
            [B, T, D].
    """

    def __init__(self, conformer_layer: ConformerLayer, mixer: nn.Module) -> None:
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
        mixer = self.mixer
        assert isinstance(mixer, StreamingMixer)
        is_whole = cache[0].numel() >= packed_size(mixer.state_size, cache.dtype)  # else rounded to half precision
        numbers = cache.flatten(1) if is_whole else cache.flatten(1).to(torch.float32)
        state = mixer.state_from(unpacked_state(numbers, mixer.state_size))
        mask = torch.ones_like(x[:, :, 0], dtype=torch.bool) if mask is None else mask
        if self.cache_drop_size == 0:
            hidden, state = mixer.stream(x, state, mask)
        else:  # the last frames will be seen again: they are mixed, and their state is forgotten
            num_kept = max(0, x.shape[1] - self.cache_drop_size)
            kept, state = mixer.stream(x[:, :num_kept], state, mask[:, :num_kept])
            again, _ = mixer.stream(x[:, num_kept:], state, mask[:, num_kept:])
            hidden = torch.cat([kept, again], dim=1)
        numbers = mixer.numbers_of(state)
        numbers = packed_state(numbers, cache.dtype) if is_whole else numbers.to(cache.dtype)
        numbers = nn.functional.pad(numbers, (0, cache.shape[1] * cache.shape[2] - numbers.shape[1]))
        return hidden, numbers.reshape(x.shape[0], -1, x.shape[2])


class MixerEncoder(NoiseAwareMixin, ConformerEncoder):
    """NeMo's Conformer encoder whose layers mix in another way; what every such encoder needs, not one by itself.

    A causal encoder also needs NeMo's ``causal_downsampling: true``, ``conv_context_size: causal``,
    ``att_context_style: chunked_limited`` and ``att_context_size: [left, right]``; a chunk of the stream has
    ``right + 1`` frames, and ``left`` matters to attention layers only.
    """

    causal_choice = ""  # the argument that makes such an encoder causal, as a user would write it
    is_causal = False
    attention_every: int | None = None

    def replace_attention(
        self,
        make_mixer: Callable[[], nn.Module],
        *,
        is_causal: bool,
        attention_every: int | None,
        conformer: dict[str, Any],
    ) -> None:
        """Put mixers in place of the attention; called by the constructor before a noise context is added.

        Args:
            make_mixer: makes the mixer of one layer.
            is_causal: whether they read the past alone.
            attention_every: every how many layers one keeps NeMo's attention; None for no attention at all.
            conformer: the arguments of NeMo's ``ConformerEncoder``.

        Raises:
            ValueError: if ``attention_every`` does not fit, or a causal encoder would depend on the future.
        """
        if attention_every is not None and not 1 < attention_every <= self.n_layers:
            raise ValueError(
                f"attention_every={attention_every} must be from 2 to n_layers={self.n_layers}, or null for none."
            )
        self.is_causal, self.attention_every = is_causal, attention_every
        if is_causal:
            self._check_causal(conformer.get("causal_downsampling", False))
        for number in range(self.n_layers):
            if attention_every is None or (number + 1) % attention_every:
                self.layers[number] = MixerLayer(self.layers[number], make_mixer())
        self.setup_streaming_params()

    def _check_causal(self, causal_downsampling: bool) -> None:
        choice = self.causal_choice
        if isinstance(self.pre_encode, ConvSubsampling) and not causal_downsampling:
            raise ValueError(f"{choice} with causal_downsampling=False would hear the future; use true.")
        if self.conv_context_size[1] != 0:
            raise ValueError(
                f"{choice} with conv_context_size={self.conv_context_size} would hear the future; use 'causal'."
            )
        if self.att_context_style != "chunked_limited" or self.att_context_size[1] < 0:
            raise ValueError(
                f"{choice} with att_context_style={self.att_context_style!r} and att_context_size="
                f"{self.att_context_size} has no chunk to stream; use 'chunked_limited' and [70, 13], say."
            )

    def forward_internal(self, audio_signal: Tensor, *arguments: Any, **named: Any) -> tuple[Tensor, ...]:
        """The parent's; refuses to stream what needs the whole utterance."""
        cache = named.get("cache_last_channel", arguments[1] if len(arguments) > 1 else None)
        if cache is not None and not self.is_causal:
            raise ValueError(
                f"A bidirectional encoder needs the whole utterance and cannot stream: {self.causal_choice}."
            )
        return super().forward_internal(audio_signal, *arguments, **named)

    def setup_streaming_params(self, *arguments: Any, **named: Any) -> None:
        """Set NeMo's streaming parameters; the cache has as many rows as the state of a mixer needs.

        With attention layers the rows are the larger of the two needs, a multiple of a chunk as NeMo's mask wants it;
        the mask keeps the attention from looking further back than ``att_context_size``.
        """
        super().setup_streaming_params(*arguments, **named)
        rows = 0
        for layer in self.layers:
            if isinstance(layer, MixerLayer) and isinstance(layer.mixer, StreamingMixer):
                layer.cache_drop_size = self.streaming_cfg.cache_drop_size
                rows = -(-layer.mixer.state_size // self.d_model)
        if rows == 0:  # no mixer that streams, or none yet
            return
        if self.attention_every is not None:
            chunk = self.att_context_size[1] + 1
            rows = -(-max(rows, self.streaming_cfg.last_channel_cache_size) // chunk) * chunk
        self.streaming_cfg.last_channel_cache_size = rows

    def get_initial_cache_state(
        self,
        batch_size: int = 1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        max_dim: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The parent's; in half precision with rows for the state of mixers in float32, unless attention shares them.

        NeMo's mask wants as many rows of an attention as a float32 cache has; there the state is rounded.
        """
        channel, time, channel_len = super().get_initial_cache_state(batch_size, dtype, device, max_dim)
        if self.is_causal and self.attention_every is None:
            channel = nn.functional.pad(channel, (0, 0, 0, packed_size(channel.shape[2], dtype) - channel.shape[2]))
        return channel, time, channel_len

    def streaming_post_process(self, rets: tuple[Any, ...], keep_all_outputs: bool = True) -> tuple[Any, ...]:
        """NeMo's, which keeps as many rows as a float32 cache has; the state of mixers is kept whole."""
        if self.attention_every is not None or len(rets) == 2:
            return super().streaming_post_process(rets, keep_all_outputs)
        processed = super().streaming_post_process((*rets[:2], None, *rets[3:]), keep_all_outputs)
        return (*processed[:2], rets[2], *processed[3:])

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
