# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The seam: where a noise context enters a NeMo encoder without changing its inputs, outputs or parameter names.

The mixin computes the context once per forward and hands it to forward hooks on the encoder's own layers. Wrapping
the layers would rename their parameters and break every pretrained checkpoint; NeMo's layers take no context argument;
so the context travels in an attribute that is set only during the forward.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.causal import CausalContextEncoder
from nemo_noise.modules.context.contract import Context, ContextEncoder
from nemo_noise.modules.context.side_inputs import ContextUser
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.seam.normalization import Normalization, checked_normalization, normalization_of
from nemo_noise.modules.seam.sites import FEATURES_SITE, OUTPUT_SITE, PRE_ENCODE_SITE, Sites
from nemo_noise.modules.seam.stream_state import Carried, StateRows

__all__ = ["NoiseAwareMixin"]


class SiteContexts(NamedTuple):
    """The context of one forward where fusions read it: behind the subsampling, and from there to the output."""

    pre_encode: Context
    later: Context


class NoiseAwareMixin(ContextUser):
    """Gives an encoder with ``layers`` and ``pre_encode`` a noise context and fusions.

    The encoder keeps its parameters' names; what is added lives under ``context_encoder`` and ``fusions``.
    """

    context_encoder: ContextEncoder | None
    fusions: nn.ModuleDict
    normalization: Normalization
    _site_contexts: SiteContexts | None = None
    # what the encoder brings
    _feat_in: int
    d_model: int
    subsampling_factor: int
    reduction_position: int | None
    layers: nn.ModuleList
    pre_encode: nn.Module
    _feat_out: int
    streaming_cfg: Any
    conv_context_size: list[int]

    def add_noise_context(
        self,
        context: ContextEncoder | None,
        fusion: Mapping[int | str, Fusion] | None,
        feature_normalization: str | Mapping[str, float] | None,
    ) -> None:
        """Check the parts against the encoder and install them; called at the end of the encoder's constructor.

        Args:
            context: the context encoder, or None for a plain encoder.
            fusion: site -> fusion: a layer's number (after that layer), ``pre_encode`` (after the subsampling),
                ``features`` (on the features themselves) or ``encoder_output`` (on what the decoder, the joint or the
                attention decoder reads).
            feature_normalization: ``per_feature``, ``running`` or ``{mean, std}`` (two numbers for all bands) if the
                preprocessor does not normalise (``normalize: NA``) and the encoder shall do it, so that the context
                can read the features before; None if the preprocessor does it or nothing does.

        Raises:
            ValueError: if a site does not exist, a width does not fit, or one of context and fusion is missing.
        """
        fusion = dict(fusion or {})
        self.feature_normalization = checked_normalization(feature_normalization)
        if (context is None) != (not fusion):
            missing = "context" if context is None else "fusion"
            raise ValueError(f"A noise-aware encoder needs both context and fusion; {missing} is not given.")
        if context is not None:
            self._check_context(context)
            Sites(len(self.layers), self._feat_in, self.d_model, self._feat_out).check(fusion, context)
        self.normalization = normalization_of(self.feature_normalization, self._feat_in)
        self.context_encoder = context
        self.fusions = nn.ModuleDict({str(site): module for site, module in fusion.items()})
        for site in self.fusions:
            if site not in (FEATURES_SITE, OUTPUT_SITE):
                module = self.pre_encode if site == PRE_ENCODE_SITE else self.layers[int(site)]
                # a partial over the class and not a bound method: deepcopy then gives the copy's hook the copy
                module.register_forward_hook(partial(type(self)._fuse_after, self, site))

    def _check_context(self, context: ContextEncoder) -> None:
        if context.feat_in != self._feat_in:
            raise ValueError(f"context.feat_in={context.feat_in} must equal the encoder's feat_in={self._feat_in}.")
        if isinstance(context, CausalContextEncoder) and context.stride != self.subsampling_factor:
            raise ValueError(
                f"context.stride={context.stride} must equal the encoder's "
                f"subsampling_factor={self.subsampling_factor}."
            )
        if isinstance(context, CausalContextEncoder) and self.reduction_position is not None:
            raise ValueError("A causal context does not follow an encoder with a reduction; leave reduction out.")

    @property
    def uses_context(self) -> bool:
        """Whether there is a context encoder."""
        return self.context_encoder is not None

    def noise_context(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """The context of whole utterances [B, D, T] with ``length`` [B] frames, as the fusions get it.

        It is [B, C], [B, S, C] or [B, M, C], by the layout of the context encoder.

        Raises:
            ValueError: if the encoder has no context.
        """
        return self.read_context(audio_signal, length).values

    def read_context(self, audio_signal: Tensor, length: Tensor) -> Context:
        """The context of whole utterances with its layout; arguments and errors are those of ``noise_context``."""
        if self.context_encoder is None:
            raise ValueError("This encoder has no context encoder; build it with context and fusion.")
        preroll, in_place = self.side_inputs.preroll, self.side_inputs.in_place
        if in_place is not None:
            return in_place.context_in_place(self.context_encoder, len(length))
        if preroll is None:
            return self.context_encoder.read(audio_signal, length)
        return preroll.context(self.context_encoder, audio_signal, length, subsampling_factor=self.subsampling_factor)

    def cache_after(self, audio_signal: Tensor, cache_last_time: Tensor) -> Tensor:
        """The cache of streams whose context has read a pre-roll [B, D, P]: see `cache_after_preroll`.

        The oldest frames are left out where P is no multiple of the subsampling factor.
        """
        causal, kept = self._causal_context(), audio_signal.shape[2] - audio_signal.shape[2] % self.subsampling_factor
        before = audio_signal[:, :, audio_signal.shape[2] - kept :]
        length = torch.full((before.shape[0],), kept, dtype=torch.int64, device=before.device)
        carried = self._state_rows.read(cache_last_time, kept)
        step = causal.step(before, length, state=carried.context, num_kept=kept)
        state = torch.cat([carried.moments, step.state], dim=1)
        return self._state_rows.write(cache_last_time[: len(self.layers)], state)

    def forward_internal(
        self,
        audio_signal: Tensor,
        length: Tensor,
        cache_last_channel: Tensor | None = None,
        cache_last_time: Tensor | None = None,
        cache_last_channel_len: Tensor | None = None,
        bypass_pre_encode: bool = False,
    ) -> tuple[Tensor, ...]:
        """Compute the context once, then run the encoder; shapes and arguments are the parent's."""
        caches = (cache_last_channel, cache_last_time, cache_last_channel_len)
        if self.context_encoder is None and self.feature_normalization is None:
            return super().forward_internal(audio_signal, length, *caches, bypass_pre_encode)  # type: ignore[misc]
        if bypass_pre_encode:
            raise ValueError("bypass_pre_encode=True gives no features, but a noise-aware encoder reads them.")
        if length is None:
            length = audio_signal.new_full((audio_signal.shape[0],), audio_signal.shape[2], dtype=torch.int64)
        carried = None if cache_last_time is None else self._carried(audio_signal, cache_last_time)
        moments, num_kept = (None, 0) if carried is None else (carried.moments, carried.num_kept)
        features, next_moments = self.normalization(audio_signal, length, state=moments, num_kept=num_kept)
        if self.context_encoder is None:
            outputs = super().forward_internal(features, length, *caches, bypass_pre_encode)  # type: ignore[misc]
            return self._carry(outputs, [next_moments], cache_last_time)
        context, next_state = self._read_chunk(audio_signal, length, carried)
        features = self._fuse_features(features, context)
        is_streaming = cache_last_channel is not None  # NeMo drops the frames that it has read before
        later = context.without_first(self.streaming_cfg.drop_extra_pre_encoded) if is_streaming else context
        self._site_contexts = SiteContexts(context, later)
        try:
            outputs = super().forward_internal(features, length, *caches, bypass_pre_encode)  # type: ignore[misc]
        finally:
            self._site_contexts = None
        return self._carry(self._fuse_output(outputs, later), [next_moments, next_state], cache_last_time)

    @property
    def _state_rows(self) -> StateRows:
        """Where NeMo's cache holds what the normalisation and the context carry."""
        context = self.context_encoder
        num_context = context.state_size if isinstance(context, CausalContextEncoder) else 0
        frames = self.conv_context_size[0]
        return StateRows(len(self.layers), self.d_model, frames, self.normalization.state_size, num_context)

    def _carried(self, audio_signal: Tensor, cache: Tensor) -> Carried:
        repeated = self.streaming_cfg.pre_encode_cache_size
        repeated = repeated[1] if isinstance(repeated, list) else repeated
        repeated = repeated + self.streaming_cfg.cache_drop_size * self.subsampling_factor
        return self._state_rows.read(cache, audio_signal.shape[2] - repeated)

    def _carry(self, outputs: tuple[Tensor, ...], states: list[Tensor | None], like: Tensor | None) -> Any:
        """Put the next state behind the rows of NeMo's layers in ``cache_last_time_next``, in the cache's type."""
        present = [state for state in states if state is not None]
        if len(outputs) < 4 or not present or like is None:  # offline, or nothing to carry
            return tuple(outputs)
        cache = self._state_rows.write(outputs[3].to(like.dtype), torch.cat(present, dim=1))
        return (*outputs[:3], cache, *outputs[4:])

    def _read_chunk(
        self, audio_signal: Tensor, length: Tensor, carried: Carried | None
    ) -> tuple[Context, Tensor | None]:
        """The context of this call and, when streaming, the next state of the context encoder."""
        if carried is None:
            context, state = self.read_context(audio_signal, length), None
        else:
            if self.side_inputs.preroll is not None:
                raise ValueError("noise_before: is for whole utterances; streams begin with cache_after_preroll.")
            causal = self._causal_context()
            values, state = causal.step(audio_signal, length, state=carried.context, num_kept=carried.num_kept)
            context = causal.context_of(values)
        return (context.shuffled() if self.side_inputs.shuffles_context else context), state

    def _causal_context(self) -> CausalContextEncoder:
        """The context encoder, which has to be one for streams."""
        if isinstance(self.context_encoder, CausalContextEncoder):
            return self.context_encoder
        raise ValueError(
            f"{type(self.context_encoder).__name__} needs the whole utterance and cannot stream; use a causal "
            "context such as CausalStatisticsContextEncoder."
        )

    def _fuse_features(self, features: Tensor, context: Context) -> Tensor:
        """Apply the fusion at the site ``features``, if there is one: [B, D, T] -> [B, D, T]."""
        if FEATURES_SITE not in self.fusions:
            return features
        context = context.upsampled(self.subsampling_factor)
        return self._fuse(FEATURES_SITE, features.transpose(1, 2), context).transpose(1, 2)

    def _fuse_output(self, outputs: tuple[Tensor, ...], context: Context) -> tuple[Tensor, ...]:
        """Apply the fusion at the site ``encoder_output``, if there is one, to the first output [B, D, T]."""
        if OUTPUT_SITE not in self.fusions:
            return outputs
        fused = self._fuse(OUTPUT_SITE, outputs[0].transpose(1, 2), context)
        return (fused.transpose(1, 2), *outputs[1:])

    def _fuse_after(self, site: str, module: nn.Module, inputs: Any, output: Any) -> Any:
        """Forward hook: change what the module at ``site`` gives, if a context is there."""
        contexts = self._site_contexts
        if contexts is None:
            return output
        context = contexts.pre_encode if site == PRE_ENCODE_SITE else contexts.later
        if isinstance(output, tuple):  # with caches, or features and lengths
            return (self._fuse(site, output[0], context), *output[1:])
        return self._fuse(site, output, context)

    def _fuse(self, site: str, features: Tensor, context: Context) -> Tensor:
        fusion = cast(Fusion, self.fusions[site])
        fused: Tensor = fusion(features=features, context=fusion.select(context, features.shape[1]))
        return fused.to(features.dtype)

    def get_initial_cache_state(
        self,
        batch_size: int = 1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        max_dim: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The parent's caches; what the noise context and the normalisation carry follows in rows of its own."""
        channel, time, channel_len = super().get_initial_cache_state(  # type: ignore[misc]
            batch_size=batch_size, dtype=dtype, device=device, max_dim=max_dim
        )
        return channel, self._state_rows.empty_behind(time), channel_len
