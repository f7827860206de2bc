# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One step of NeMo's greedy search with cached keys and values, in place of cached hidden states.

NeMo 3.0.0 keeps the hidden states of a text, and in each step projects keys and values of all encoder frames again in
every layer. With the projections kept a step costs what its one token costs; tokens and scores are the same.
"""

from typing import Any

from torch import Tensor, matmul, softmax
from torch import cat as concatenated

from nemo.collections.asr.modules.transformer.transformer_decoders import TransformerDecoder, TransformerDecoderBlock
from nemo.collections.asr.modules.transformer.transformer_generators import GreedySequenceGenerator
from nemo.collections.asr.modules.transformer.transformer_modules import MultiHeadAttention
from nemo.collections.common.parts import form_attention_mask, mask_padded_tokens

__all__ = ["CachedSteps", "can_cache"]

_PER_LAYER = 4  # keys and values of the text, keys and values of the frames


def can_cache(generator: Any) -> bool:
    """Whether a generator is NeMo's greedy one over NeMo's own decoder, without adapters and kept attention."""
    if type(generator) is not GreedySequenceGenerator or generator.return_xattn_scores:
        return False
    decoder = generator.decoder
    return isinstance(decoder, TransformerDecoder) and all(
        type(layer) is TransformerDecoderBlock
        and not layer.is_adapter_available()
        and type(layer.first_sub_layer) is MultiHeadAttention
        and type(layer.second_sub_layer) is MultiHeadAttention
        for layer in decoder.layers
    )


class CachedSteps:
    """Stands in for ``_one_step_forward`` of a generator that `can_cache`, also asked anew at each start.

    The caches are a list of tensors, rows first, as NeMo's are: for each layer keys and values of the text
    [B, H, U, D/H] and of the frames [B, H, T, D/H], and last the decoder's states of this step's tokens [B, U, D].

    Args:
        generator: NeMo's greedy one.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.nemo_step = generator._one_step_forward
        self._is_cached = False

    def step(
        self,
        decoder_input_ids: Tensor,
        encoder_hidden_states: Tensor,
        encoder_input_mask: Tensor,
        decoder_mems_list: list[Tensor] | None = None,
        pos: int | Tensor = 0,
        return_scores: bool = True,
    ) -> tuple[Tensor, list[Tensor], list[Tensor] | None]:
        """As NeMo's: scores of the last token [B, 1, V], caches, and no attention; without caches a search starts."""
        if decoder_mems_list is None:
            self._is_cached = encoder_hidden_states is not None and can_cache(self.generator)
        if not self._is_cached:
            outputs: tuple[Tensor, list[Tensor], list[Tensor] | None] = self.nemo_step(
                decoder_input_ids,
                encoder_hidden_states,
                encoder_input_mask,
                decoder_mems_list,
                pos,
                return_scores=return_scores,
            )
            return outputs
        generator = self.generator
        states = generator.embedding.forward(decoder_input_ids, start_pos=pos)  # [B, U, D]
        text_mask = None
        if decoder_mems_list is None:  # later steps have one token, which attends to all before it
            given = mask_padded_tokens(decoder_input_ids, generator.pad).float()
            text_mask = form_attention_mask(given, diagonal=generator.decoder.diagonal)
        frame_mask = form_attention_mask(encoder_input_mask)
        caches: list[Tensor] = []
        for number, layer in enumerate(generator.decoder.layers):
            kept = None
            if decoder_mems_list is not None:
                kept = decoder_mems_list[_PER_LAYER * number : _PER_LAYER * (number + 1)]
            step = _LayerStep(layer, encoder_hidden_states, text_mask, frame_mask, kept)
            states = step.pre_norm(states) if layer.pre_ln else step.post_norm(states)
            caches += step.caches
        if generator.decoder.final_layer_norm is not None:
            states = generator.decoder.final_layer_norm(states)
        caches.append(states)
        with generator.classifier.with_log_softmax_enabled(return_scores) as classifier:
            scores = classifier.forward(hidden_states=states[:, -1:])
        return scores, caches, None


class _LayerStep:
    """One layer of NeMo's decoder on the tokens of one step."""

    def __init__(
        self,
        layer: TransformerDecoderBlock,
        frames: Tensor,
        text_mask: Tensor | None,
        frame_mask: Tensor | None,
        kept: list[Tensor] | None,
    ) -> None:
        self.layer, self.text_mask, self.frame_mask, self.kept = layer, text_mask, frame_mask, kept
        self.of_frames = _keys_and_values(layer.second_sub_layer, frames) if kept is None else kept[2:]
        self.caches: list[Tensor] = []

    def pre_norm(self, states: Tensor) -> Tensor:
        """States [B, U, D] after a layer that norms its inputs."""
        layer = self.layer
        states = self._over_text(layer.layer_norm_1(states)) + states
        states = self._over_frames(layer.layer_norm_2(states)) + states
        output: Tensor = layer.third_sub_layer(layer.layer_norm_3(states)) + states
        return output

    def post_norm(self, states: Tensor) -> Tensor:
        """States [B, U, D] after a layer that norms its outputs."""
        layer = self.layer
        states = layer.layer_norm_1(self._over_text(states) + states)
        states = layer.layer_norm_2(self._over_frames(states) + states)
        output: Tensor = layer.layer_norm_3(layer.third_sub_layer(states) + states)
        return output

    def _over_text(self, queries: Tensor) -> Tensor:
        of_text = _keys_and_values(self.layer.first_sub_layer, queries)
        if self.kept is not None:
            of_text = [concatenated(pair, dim=2) for pair in zip(self.kept, of_text, strict=False)]
        self.caches = [*of_text, *self.of_frames]
        return _attend(self.layer.first_sub_layer, queries, of_text, self.text_mask)

    def _over_frames(self, queries: Tensor) -> Tensor:
        return _attend(self.layer.second_sub_layer, queries, list(self.of_frames), self.frame_mask)


def _keys_and_values(attention: MultiHeadAttention, states: Tensor) -> list[Tensor]:
    """Keys, scaled as NeMo scales them, and values of states [B, L, D]; each [B, H, L, D/H]."""
    keys = attention.transpose_for_scores(attention.key_net(states)) / attention.attn_scale
    return [keys, attention.transpose_for_scores(attention.value_net(states)).contiguous()]


def _attend(attention: MultiHeadAttention, queries: Tensor, kept: list[Tensor], mask: Tensor | None) -> Tensor:
    """NeMo's attention of queries [B, U, D] over keys and values [B, H, L, D/H]."""
    keys, values = kept
    query = attention.transpose_for_scores(attention.query_net(queries)) / attention.attn_scale
    scores = matmul(query, keys.transpose(-1, -2))  # [B, H, U, L]
    if mask is not None:
        scores = scores + mask.to(scores.dtype)
    weights = attention.attn_dropout(softmax(scores, dim=-1))
    context = matmul(weights, values).permute(0, 2, 1, 3).flatten(start_dim=2)  # [B, U, D]
    output: Tensor = attention.layer_dropout(attention.out_projection(context))
    return output
