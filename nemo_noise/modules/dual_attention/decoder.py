# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A decoder with two cross-attentions, one to speech and one to noise, and a learned gate between them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules.transformer.transformer import TransformerDecoderNM
from nemo.collections.asr.modules.transformer.transformer_modules import MultiHeadAttention

from nemo_noise.modules.dual_attention.memory_projections import MemoryProjections

__all__ = ["AttentionMaps", "DualAttentionDecoder", "DualCrossAttention", "attention_maps_of", "split_memory"]

GATES = ("scalar", "head", "channel")
SecondaryTokens = Literal["same", "frames"] | int


class AttentionMaps(NamedTuple):
    """The weights of both attentions of one layer, and the share of each."""

    primary: Tensor  # [B, H, U, T] weights over speech
    secondary: Tensor  # [B, H, U, M] weights over the secondary memory
    alpha: Tensor  # [B, U, G] share of the primary attention; G is 1, the heads or the channels


def split_memory(memory: Tensor, mask: Tensor | None, tokens: SecondaryTokens) -> tuple[Tensor, ...]:
    """Take what the two attentions read out of the one sequence that NeMo's search hands to the decoder.

    Args:
        memory: speech and, behind it, the secondary memory: [B, T, D].
        mask: what is added to attention scores, [B, 1, 1, T]; None if all is valid.
        tokens: ``same`` if both read the speech, ``frames`` if the second half is a twin of the speech, frame by
            frame, or how many tokens at the end are the secondary memory; they are all valid.

    Returns:
        Primary memory, primary mask, secondary memory, secondary mask; masks are empty tensors where all is valid.
    """
    everything = memory.new_zeros(0)
    mask = everything if mask is None else mask
    if tokens == "same":
        return memory, mask, memory, mask
    count = memory.shape[1] // 2 if tokens == "frames" else int(tokens)
    kept = memory.shape[1] - count
    primary_mask = mask[..., :kept] if mask.numel() else mask
    secondary_mask = primary_mask if tokens == "frames" else everything
    return memory[:, :kept], primary_mask, memory[:, kept:], secondary_mask


class DualCrossAttention(MultiHeadAttention):
    """NeMo's cross-attention, a second one beside it, and a gate for how much to take from each.

    ``output = alpha * primary + (1 - alpha) * secondary``, ``alpha = 1 - tanh(mix) (1 - sigmoid(g([query, primary,
    secondary])))``. With ``mix`` at 0 the output is NeMo's, bit for bit; at tanh(mix) = 1 the gate alone decides. The
    primary attention keeps NeMo's parameter names. A checkpoint of a plain decoder loads, strictly too: the secondary
    attention then starts as a copy of the primary. Arguments are NeMo's and those of ``DualAttentionDecoder``.
    """

    def __init__(
        self,
        hidden_size: int,
        num_attention_heads: int,
        *,
        attn_score_dropout: float = 0.0,
        attn_layer_dropout: float = 0.0,
        gate: str = "scalar",
        gate_start: float = 0.0,
    ) -> None:
        super().__init__(hidden_size, num_attention_heads, attn_score_dropout, attn_layer_dropout, True)
        if gate not in GATES:
            raise ValueError(f"gate={gate!r} is unknown; use one of {', '.join(GATES)}.")
        groups = {"scalar": 1, "head": num_attention_heads, "channel": hidden_size}[gate]
        self.gate_kind = gate
        self.secondary = MultiHeadAttention(hidden_size, num_attention_heads, attn_score_dropout, 0.0, True)
        self.gate = nn.Linear(3 * hidden_size, groups)
        self.mix = nn.Parameter(torch.full((), float(gate_start)))  # bare: NeMo re-initialises every Linear
        self.secondary_tokens: SecondaryTokens | None = None
        self.projections = MemoryProjections()
        self.keeps_maps = False
        self.last_maps: AttentionMaps | None = None

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, attention_mask: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Attend twice and mix, with NeMo's arguments of a cross-attention.

        ``queries`` are [B, U, D]; ``keys`` and ``values`` the same, speech and, behind it, the secondary memory [B, T,
        D]; ``attention_mask`` [B, 1, 1, T] is added to the scores, None if all is valid.

        Returns:
            What was found [B, U, D], and NeMo's ``xatt_scores``: the weights over the speech, and zeros for the
            secondary memory, as NeMo's beam search asks for one for every position of ``keys`` [B, H, U, T].

        Raises:
            ValueError: if ``secondary_tokens`` is not set.
        """
        if self.secondary_tokens is None:
            raise ValueError(
                "The second attention of the decoder has no memory: use DualAttentionMultiTaskModel, or "
                "set transf_decoder.secondary_tokens to 'same' in a model of NeMo."
            )
        parts = split_memory(keys, attention_mask, self.secondary_tokens)
        speech = self.projections.of("primary", self, whole=keys, part=parts[0], mask=parts[1])
        noise = self.projections.of("secondary", self.secondary, whole=keys, part=parts[2], mask=parts[3])
        found, weights = _attend(self, queries, key=speech[0], value=speech[1], mask=parts[1])
        found_noise, others = _attend(self.secondary, queries, key=noise[0], value=noise[1], mask=parts[3])
        primary, secondary = self.out_projection(found), self.secondary.out_projection(found_noise)
        asked = self.gate(torch.cat([queries, primary, secondary], dim=2)).sigmoid()  # [B, U, G]
        alpha = 1.0 - self.mix.tanh() * (1.0 - asked)
        if self.gate_kind == "head":
            primary, secondary = self._mix_heads(found, found_noise, alpha)
            output = primary + secondary
        else:
            output = alpha * primary + (1.0 - alpha) * secondary
        if self.keeps_maps:
            self.last_maps = AttentionMaps(weights.detach(), others.detach(), alpha.detach())
        scores = nn.functional.pad(weights, (0, keys.shape[1] - weights.shape[3]))
        return self.layer_dropout(output), {"xatt_scores": scores}

    def _mix_heads(self, found: Tensor, found_noise: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh the heads [B, U, D] before they are projected; the biases follow the mean of alpha [B, U, H]."""
        by_channel = alpha.repeat_interleave(self.attn_head_size, dim=2)
        mean = alpha.mean(dim=2, keepdim=True)
        other = self.secondary.out_projection
        primary = self.out_projection(by_channel * found)
        secondary = nn.functional.linear((1.0 - by_channel) * found_noise, other.weight)
        return primary, secondary + (1.0 - mean) * (other.bias - self.out_projection.bias)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        """Fill in what the checkpoint of a plain decoder does not have; one of ours loads as it is."""
        added = [name for name in self.state_dict() if name.startswith(("secondary.", "gate.", "mix"))]
        if f"{prefix}query_net.weight" in state_dict and not any(prefix + name in state_dict for name in added):
            for name in added:
                copied = state_dict.get(prefix + name.removeprefix("secondary."))
                own = self.get_parameter(name).detach()
                state_dict[prefix + name] = copied if name.startswith("secondary.") else own
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class DualAttentionDecoder(TransformerDecoderNM):
    """NeMo's transformer decoder whose layers attend to speech and to a secondary memory.

    Takes the place of ``get_nemo_transformer`` under ``transf_decoder`` of an ``EncDecMultiTaskModel``; parameter
    names, ports, masks and the memories of NeMo's greedy and beam search stay. The secondary memory travels behind the
    speech in ``encoder_embeddings`` (see ``split_memory``), so beams and export carry it along. ``encoder``,
    ``model_name`` and ``pretrained`` are in NeMo's recipes and have no meaning here.

    Args:
        config_dict: as for ``get_nemo_transformer``: vocab_size, hidden_size, inner_size, num_layers,
            num_attention_heads, and further arguments of NeMo's decoder.
        gate: one alpha for each layer's token (``scalar``), for each of its heads (``head``) or for each ``channel``.
        gate_start: ``mix`` at the start; 0 keeps a pretrained decoder's output exactly. From nothing, 1 makes the gate
            decide at once, but the decoder finds its alignment later (docs/LOG.md).
        secondary_tokens: ``same``, ``frames`` or a number. ``DualAttentionMultiTaskModel`` sets it; a model of NeMo
            itself gives no secondary memory and needs ``same``.
    """

    def __init__(
        self,
        config_dict: Mapping[str, Any],
        *,
        gate: str = "scalar",
        gate_start: float = 0.0,
        secondary_tokens: SecondaryTokens | None = None,
        pre_ln_final_layer_norm: bool = True,
        encoder: bool | None = None,
        model_name: str | None = None,
        pretrained: bool = False,
    ) -> None:
        for name, value in (("encoder", encoder), ("model_name", model_name), ("pretrained", pretrained)):
            if value:
                raise ValueError(f"DualAttentionDecoder: {name}={value!r} has no meaning here; leave it out.")
        options = dict(config_dict)
        lacking = {"vocab_size", "hidden_size", "inner_size", "num_layers", "num_attention_heads"} - {
            name for name, value in options.items() if value is not None
        }
        if lacking:
            raise ValueError(f"DualAttentionDecoder: config_dict lacks {', '.join(sorted(lacking))}.")
        width, heads = options["hidden_size"], options["num_attention_heads"]
        if heads < 1 or width % heads:
            raise ValueError(f"DualAttentionDecoder: num_attention_heads={heads} must divide hidden_size={width}.")
        super().__init__(**options, pre_ln_final_layer_norm=pre_ln_final_layer_norm)
        for layer in self._decoder.layers:
            layer.second_sub_layer = DualCrossAttention(
                options["hidden_size"],
                options["num_attention_heads"],
                attn_score_dropout=options.get("attn_score_dropout", 0.0),
                attn_layer_dropout=options.get("attn_layer_dropout", 0.0),
                gate=gate,
                gate_start=gate_start,
            )
        if secondary_tokens is not None:
            self.read_secondary(secondary_tokens)

    @property
    def dual_attentions(self) -> list[DualCrossAttention]:
        """The cross-attentions, from the first layer to the last."""
        return [layer.second_sub_layer for layer in self._decoder.layers]

    def read_secondary(self, tokens: SecondaryTokens) -> None:
        """Set where the secondary memory is: ``same``, ``frames`` or how many at the end; else a ValueError."""
        if tokens not in ("same", "frames") and not (isinstance(tokens, int) and tokens > 0):
            raise ValueError(f"secondary_tokens={tokens!r} must be 'same', 'frames' or a positive number.")
        for attention in self.dual_attentions:
            attention.secondary_tokens = tokens

    def speech_of(self, encoder_embeddings: Tensor) -> Tensor:
        """The encoder states [B, T + M, D] without the secondary memory: [B, T, D]."""
        return split_memory(encoder_embeddings, None, self.dual_attentions[0].secondary_tokens or "same")[0]

    def first_frames(self, encoder_embeddings: Tensor, count: int) -> Tensor:
        """The first ``count`` frames of the speech with their memory, of [B, T + M, D]: [B, count + M, D].

        A memory that is the twin of the speech ends as soon: M is ``count``.
        """
        tokens = self.dual_attentions[0].secondary_tokens or "same"
        speech, _, memory, _ = split_memory(encoder_embeddings, None, tokens)
        if tokens == "same":
            return speech[:, :count]
        return torch.cat([speech[:, :count], memory[:, :count] if tokens == "frames" else memory], dim=1)

    def start_secondary_from_primary(self) -> None:
        """Copy the primary attention into the secondary one, in every layer."""
        for attention in self.dual_attentions:
            own = attention.state_dict()
            attention.secondary.load_state_dict({name: own[name] for name in attention.secondary.state_dict()})


@contextmanager
def attention_maps_of(decoder: DualAttentionDecoder) -> Iterator[list[DualCrossAttention]]:
    """Keep the maps of every forward inside: afterwards each of the attentions has its ``last_maps``."""
    for attention in decoder.dual_attentions:
        attention.keeps_maps = True
    try:
        yield decoder.dual_attentions
    finally:
        for attention in decoder.dual_attentions:
            attention.keeps_maps = False


def _attend(
    attention: MultiHeadAttention, queries: Tensor, *, key: Tensor, value: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention with the weights of one of NeMo's: found [B, U, D], not projected, and weights."""
    query = attention.transpose_for_scores(attention.query_net(queries)) / attention.attn_scale  # [B, H, U, D / H]
    scores = query @ key.transpose(2, 3)  # [B, H, U, M]
    weights = (scores + mask.to(scores.dtype) if mask.numel() else scores).softmax(dim=3)
    found = attention.attn_dropout(weights) @ value
    return found.transpose(1, 2).flatten(2), weights
