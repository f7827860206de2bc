# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The seam: where a noise context enters a NeMo encoder without changing its inputs, outputs or parameter names.

The mixin computes the context once per forward and hands it to forward hooks on the encoder's own layers. Wrapping
the layers would rename their parameters and break every pretrained checkpoint; NeMo's layers take no context argument;
so the context travels in an attribute that exists only during the forward.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules.conformer_encoder import ConformerEncoder, ConformerEncoderAdapter
from nemo.core.classes.mixins import adapter_mixins

from nemo_noise.modules.context.causal import CausalContextEncoder
from nemo_noise.modules.context.encoders import ContextEncoder
from nemo_noise.modules.fusion.fusion import Fusion
from nemo_noise.modules.precision import at_least_float32, packed_size, packed_state, unpacked_state
from nemo_noise.modules.seam.feature_normalization import checked_normalization, normalized_utterances
from nemo_noise.modules.seam.preroll_frames import Preroll
from nemo_noise.modules.seam.running_normalization import RunningNormalization

__all__ = ["NoiseAwareConformerEncoder", "NoiseAwareMixin"]

FEATURES_SITE = "features"
PRE_ENCODE_SITE = "pre_encode"
OUTPUT_SITE = "encoder_output"


class NoiseAwareMixin:
    """Gives an encoder with ``layers`` and ``pre_encode`` a noise context and fusions.

    The encoder keeps its parameters' names; what is added lives under ``context_encoder`` and ``fusions``.
    """

    context_encoder: ContextEncoder | None
    fusions: nn.ModuleDict
    # what the encoder brings
    _feat_in: int
    d_model: int
    subsampling_factor: int
    reduction_position: int | None
    training: bool
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
            fusion: which fusion acts where: a layer's number (after that layer), ``pre_encode`` (after the
                subsampling), ``features`` (on the features themselves) or ``encoder_output`` (on what the decoder,
                the joint or the attention decoder reads).
            feature_normalization: ``per_feature``, ``running`` or ``{mean, std}`` (two numbers for all bands) if the
                preprocessor does not normalise (``normalize: NA``) and the encoder shall do it, so that the context
                can read the features before; None otherwise.

        Raises:
            ValueError: if a site does not exist, a width does not fit, or one of context and fusion is missing.
        """
        fusion = dict(fusion or {})
        feature_normalization = checked_normalization(feature_normalization)
        if (context is None) != (not fusion):
            missing = "context" if context is None else "fusion"
            raise ValueError(f"A noise-aware encoder needs both context and fusion; {missing} is not given.")
        if context is not None:
            self._check(context, fusion)
        self.feature_normalization = feature_normalization
        self.running_normalization = (
            RunningNormalization(self._feat_in) if feature_normalization == "running" else None
        )
        self.context_encoder = context
        self.fusions = nn.ModuleDict({str(site): module for site, module in fusion.items()})
        self.shuffles_context = False
        for site in self.fusions:
            if site == PRE_ENCODE_SITE:
                self.pre_encode.register_forward_hook(partial(type(self)._fuse_after, self, site))
            elif site not in (FEATURES_SITE, OUTPUT_SITE):
                self.layers[int(site)].register_forward_hook(partial(type(self)._fuse_after, self, site))

    def _check(self, context: ContextEncoder, fusion: Mapping[int | str, Fusion]) -> None:
        """Refuse what does not fit together, naming the argument, its value and what would be right."""
        if context.feat_in != self._feat_in:
            raise ValueError(f"context.feat_in={context.feat_in} must equal the encoder's feat_in={self._feat_in}.")
        if isinstance(context, CausalContextEncoder) and context.stride != self.subsampling_factor:
            raise ValueError(
                f"context.stride={context.stride} must equal the encoder's "
                f"subsampling_factor={self.subsampling_factor}."
            )
        if isinstance(context, CausalContextEncoder) and self.reduction_position is not None:
            raise ValueError("A causal context does not follow an encoder with a reduction; leave reduction out.")
        sites = [str(site) for site in fusion]
        repeated = sorted({site for site in sites if sites.count(site) > 1})
        if repeated:
            raise ValueError(
                f"fusion: the site {repeated[0]!r} is there as a number and as a text; give each site once."
            )
        for site, module in fusion.items():
            known = str(site) in (FEATURES_SITE, PRE_ENCODE_SITE, OUTPUT_SITE)
            if not known and not (str(site).isdigit() and int(site) < len(self.layers)):
                raise ValueError(
                    f"fusion: the site {site!r} does not exist; use a layer from 0 to {len(self.layers) - 1}, "
                    f"'{PRE_ENCODE_SITE}', '{FEATURES_SITE}' or '{OUTPUT_SITE}'."
                )
            widths = {FEATURES_SITE: self._feat_in, OUTPUT_SITE: self._feat_out}
            width = widths.get(str(site), self.d_model)
            if module.d_model != width:
                raise ValueError(f"fusion.{site}.d_model={module.d_model} must be {width} at this site.")
            if module.reads_tokens and context.layout == "frames":
                raise ValueError(
                    f"fusion.{site}: {type(module).__name__} reads tokens, but {type(context).__name__} gives a "
                    "context for every frame; use a context of the utterance or of tokens."
                )
            if module.d_context != context.d_context:
                raise ValueError(
                    f"fusion.{site}.d_context={module.d_context} must equal context.d_context={context.d_context}."
                )

    def noise_context(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        """The context of whole utterances, as the fusions would get it.

        Args:
            audio_signal: features [B, D, T] as the encoder gets them.
            length: valid frames [B].

        Returns:
            Context [B, C], [B, S, C] for every frame, or tokens [B, M, C], by the layout of the context encoder.

        Raises:
            ValueError: if the encoder has no context.
        """
        if self.context_encoder is None:
            raise ValueError("This encoder has no context encoder; build it with context and fusion.")
        preroll: Preroll | None = self.__dict__.get("_preroll")  # from noise_before
        if preroll is not None:
            return preroll.context(self.context_encoder, audio_signal, length, self.subsampling_factor)
        context: Tensor = self.context_encoder(audio_signal=audio_signal, length=length)
        return context

    def hear_before(self, audio_signal: Tensor, cache_last_time: Tensor) -> Tensor:
        """Let the context of streams hear a pre-roll [B, D, P] before their first chunk: see `cache_after_preroll`.

        The oldest frames are left out where P is no multiple of the subsampling factor.
        """
        causal, kept = self._causal_context(), audio_signal.shape[2] - audio_signal.shape[2] % self.subsampling_factor
        heard = audio_signal[:, :, audio_signal.shape[2] - kept :]
        length = torch.full((heard.shape[0],), kept, dtype=torch.int64, device=heard.device)
        moments, before = self._stored(cache_last_time).tensor_split([self._num_moments], dim=1)
        state = torch.cat([moments, causal.step(heard, length, before, kept).state], dim=1)
        return self._store(cache_last_time[: len(self.layers)], state)

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
        carried, num_kept = self._carried(audio_signal, cache_last_time)
        features, next_moments = self._normalized(audio_signal, length, carried, num_kept)
        if self.context_encoder is None:
            outputs = super().forward_internal(features, length, *caches, bypass_pre_encode)  # type: ignore[misc]
            return self._carry(outputs, [next_moments], cache_last_time)
        context, next_state = self._listen(audio_signal, length, carried, num_kept)
        features = self._fuse_features(features, context)
        late = context
        if self._follows_time and cache_last_channel is not None:  # NeMo drops the frames that it has seen before
            late = torch.cat([context, context[:, -1:]], dim=1)[:, self.streaming_cfg.drop_extra_pre_encoded :]
        self._contexts = {PRE_ENCODE_SITE: context, "layers": late}
        try:
            outputs = super().forward_internal(features, length, *caches, bypass_pre_encode)  # type: ignore[misc]
        finally:
            del self._contexts
        return self._carry(self._fuse_output(outputs, late), [next_moments, next_state], cache_last_time)

    @property
    def _follows_time(self) -> bool:
        """Whether there is one context for each of the recogniser's frames."""
        return self.context_encoder is not None and self.context_encoder.layout == "frames"

    @property
    def _num_moments(self) -> int:
        """Numbers of the carried state that belong to the running normalisation; the context's follow them."""
        return 0 if self.running_normalization is None else self.running_normalization.state_size

    @property
    def _state_size(self) -> int:
        """Numbers that one stream carries from chunk to chunk beside NeMo's own caches."""
        is_causal = isinstance(self.context_encoder, CausalContextEncoder)
        return self._num_moments + (self.context_encoder.state_size if is_causal else 0)  # type: ignore[union-attr]

    def _state_rows(self, dtype: torch.dtype) -> int:
        """Rows of a ``cache_last_time`` of this type that hold them."""
        return -(-packed_size(self._state_size, dtype) // (self.d_model * self.conv_context_size[0]))

    def _carried(self, audio_signal: Tensor, cache: Tensor | None) -> tuple[Tensor | None, int]:
        """The state before this chunk [B, N], and how many of its frames no later chunk repeats; None offline."""
        if cache is None:
            return None, 0
        repeated = self.streaming_cfg.pre_encode_cache_size
        repeated = repeated[1] if isinstance(repeated, list) else repeated
        repeated = repeated + self.streaming_cfg.cache_drop_size * self.subsampling_factor
        return self._stored(cache), audio_signal.shape[2] - repeated

    def _stored(self, cache: Tensor) -> Tensor:
        """The state behind the rows of NeMo's layers: ``cache_last_time`` to [B, N], float32 at least."""
        return unpacked_state(cache[len(self.layers) :].transpose(0, 1).flatten(1), self._state_size)

    def _store(self, cache: Tensor, state: Tensor) -> Tensor:
        """Put a state [B, N] behind the rows of NeMo's layers."""
        width, frames, num_rows = self.d_model, self.conv_context_size[0], self._state_rows(cache.dtype)
        numbers = packed_state(state, cache.dtype)
        numbers = nn.functional.pad(numbers, (0, num_rows * width * frames - numbers.shape[1]))
        rows = numbers.view(-1, num_rows, width, frames).transpose(0, 1)
        return torch.cat([cache, rows], dim=0)

    def _carry(self, outputs: tuple[Tensor, ...], states: list[Tensor | None], like: Tensor | None) -> Any:
        """Put the next state behind the rows of NeMo's layers in ``cache_last_time_next``, in the cache's type."""
        present = [state for state in states if state is not None]
        if len(outputs) < 4 or not present or like is None:  # offline, or nothing to carry
            return tuple(outputs)
        return (*outputs[:3], self._store(outputs[3].to(like.dtype), torch.cat(present, dim=1)), *outputs[4:])

    def _listen(
        self, audio_signal: Tensor, length: Tensor, carried: Tensor | None, num_kept: int
    ) -> tuple[Tensor, Tensor | None]:
        """The context of this call and, when streaming, the next state of the context encoder."""
        if carried is None:
            context, state = self.noise_context(audio_signal, length), None
        else:
            if "_preroll" in self.__dict__:
                raise ValueError("noise_before: is for whole utterances; streams begin with cache_after_preroll.")
            before = carried[:, self._num_moments :]
            context, state = self._causal_context().step(audio_signal, length, before, num_kept)
        return (context.roll(1, dims=0) if self.shuffles_context else context), state

    def _causal_context(self) -> CausalContextEncoder:
        """The context encoder, which has to be one for streams."""
        if isinstance(self.context_encoder, CausalContextEncoder):
            return self.context_encoder
        raise ValueError(
            f"{type(self.context_encoder).__name__} needs the whole utterance and cannot stream; use a causal "
            "context such as CausalStatisticsContextEncoder."
        )

    def _normalized(
        self, audio_signal: Tensor, length: Tensor, carried: Tensor | None = None, num_kept: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """The features as the recogniser reads them, zero in the padding; and the next moments of a stream."""
        if self.running_normalization is not None:
            dtype = at_least_float32(audio_signal)
            moments = audio_signal.new_zeros(audio_signal.shape[0], self._num_moments, dtype=dtype)
            moments = moments if carried is None else carried[:, : self._num_moments]
            normalized, next_moments = self.running_normalization(audio_signal, length, moments, num_kept)
            return normalized, None if carried is None else next_moments
        return normalized_utterances(audio_signal, length, self.feature_normalization, self.training), None

    def _fuse_features(self, features: Tensor, context: Tensor) -> Tensor:
        """Apply the fusion at the site ``features``, if there is one: [B, D, T] -> [B, D, T]."""
        if FEATURES_SITE not in self.fusions:
            return features
        if self._follows_time:
            context = context.repeat_interleave(self.subsampling_factor, dim=1)
        fused = self._fuse(FEATURES_SITE, features.transpose(1, 2), context)
        return fused.transpose(1, 2)

    def _fuse_output(self, outputs: tuple[Tensor, ...], context: Tensor) -> tuple[Tensor, ...]:
        """Apply the fusion at the site ``encoder_output``, if there is one, to the first output [B, D, T]."""
        if OUTPUT_SITE not in self.fusions:
            return outputs
        fused = self._fuse(OUTPUT_SITE, outputs[0].transpose(1, 2), context)
        return (fused.transpose(1, 2), *outputs[1:])

    def _fuse_after(self, site: str, module: nn.Module, inputs: Any, output: Any) -> Any:
        """Forward hook: change what the module at ``site`` gives, if a context is there."""
        contexts = self.__dict__.get("_contexts")
        if contexts is None:
            return output
        context = contexts.get(site, contexts["layers"])
        if isinstance(output, tuple):  # with caches, or features and lengths
            return (self._fuse(site, output[0], context), *output[1:])
        return self._fuse(site, output, context)

    def _fuse(self, site: str, features: Tensor, context: Tensor) -> Tensor:
        """Apply one fusion to features [B, T, D] after giving the context the same T."""
        if context.dim() == 2:
            context = context.unsqueeze(1)  # [B, 1, C]
        elif not self._follows_time:
            context = context if self.fusions[site].reads_tokens else context.mean(dim=1, keepdim=True)
        else:
            last = context[:, -1:].expand(-1, features.shape[1], -1)  # the subsampling may round up by a frame
            context = torch.cat([context, last], dim=1)[:, : features.shape[1]]  # [B, T, C]
        fused: Tensor = self.fusions[site](features=features, context=context)
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
        num_rows = self._state_rows(dtype)
        if num_rows == 0:
            return channel, time, channel_len
        rows = torch.zeros_like(time[:1]).expand(num_rows, -1, -1, -1)
        return channel, torch.cat([time, rows], dim=0), channel_len


class NoiseAwareConformerEncoder(NoiseAwareMixin, ConformerEncoder):
    """NeMo's (Fast)Conformer encoder with a noise context.

    Without ``context`` it is NeMo's encoder; with it, a plain checkpoint gives its old output, bit for bit, until
    training moves the fusions. Inputs and outputs, ONNX graph inputs included, are the parent's.

    Args:
        context: the context encoder.
        fusion: site -> fusion; a layer's number, ``pre_encode``, ``features`` or ``encoder_output``.
        feature_normalization: ``per_feature`` to normalise here instead of in the preprocessor (``normalize: NA``),
            so that the context hears the level of the noise; for streaming, ``running`` to normalise by the moments
            so far, or ``{mean, std}`` to scale all bands by two fixed numbers; None if the preprocessor does it or
            nobody does.
        **conformer: arguments of NeMo's ``ConformerEncoder``.

    Raises:
        ValueError: if the parts do not fit together.
    """

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        feature_normalization: str | Mapping[str, float] | None = None,
        **conformer: Any,
    ) -> None:
        super().__init__(**conformer)
        self.add_noise_context(context, fusion, feature_normalization)


class NoiseAwareConformerEncoderAdapter(NoiseAwareConformerEncoder, ConformerEncoderAdapter):
    """The same encoder when NeMo adapters are added to it."""


if adapter_mixins.get_registered_adapter(NoiseAwareConformerEncoder) is None:
    adapter_mixins.register_adapter(
        base_class=NoiseAwareConformerEncoder, adapter_class=NoiseAwareConformerEncoderAdapter
    )
