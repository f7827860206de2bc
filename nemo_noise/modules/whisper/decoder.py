# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's text decoder: NeMo's transformer decoder with Whisper's embedding, and the head that shares it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nemo.collections.asr.modules.transformer.transformer import TransformerDecoderNM
from nemo.collections.asr.modules.transformer.transformer_modules import MultiHeadAttention, TransformerEmbedding
from nemo.collections.asr.parts.submodules.token_classifier import TokenClassifier
from nemo.collections.common.parts import NEG_INF

from nemo_noise.modules.dual_attention.decoder import DualAttentionDecoder

__all__ = ["DualAttentionWhisperDecoder", "WhisperDecoder", "WhisperEmbedding", "WhisperHead", "follow_whisper"]


class WhisperEmbedding(TransformerEmbedding):
    """NeMo's embedding of tokens and learned positions without its norm; token 0 is a token like any other.

    Args:
        vocab_size: number of tokens V.
        hidden_size: width D.
        max_sequence_length: number of positions.
        embedding_dropout: probability of dropout.
    """

    def __init__(
        self, vocab_size: int, hidden_size: int, *, max_sequence_length: int = 448, embedding_dropout: float = 0.0
    ) -> None:
        super().__init__(
            vocab_size,
            hidden_size,
            max_sequence_length=max_sequence_length,
            num_token_types=0,
            embedding_dropout=embedding_dropout,
            learn_positional_encodings=True,
        )
        self.token_embedding = nn.Embedding(vocab_size, hidden_size)
        self.layer_norm = nn.Identity()


class WhisperDecoder(TransformerDecoderNM):
    """NeMo's pre-norm transformer decoder with GELU and Whisper's embedding; its attention's keys have no bias.

    Parameters keep NeMo's names, so that NeMo's greedy and beam search, caches and adapters work as before.

    Args:
        config_dict: arguments of NeMo's ``TransformerDecoderNM``: ``vocab_size`` (NeMo's model fills it in),
            ``hidden_size``, ``num_layers``, ``inner_size``, ``num_attention_heads``, ``max_sequence_length``,
            ``embedding_dropout``, ``ffn_dropout``, ``attn_score_dropout``, ``attn_layer_dropout``.

    Raises:
        ValueError: if an argument contradicts Whisper's architecture.
    """

    def __init__(self, config_dict: Mapping[str, Any]) -> None:
        super().__init__(**_as_in_whisper(config_dict), pre_ln_final_layer_norm=True)
        follow_whisper(self)


class DualAttentionWhisperDecoder(DualAttentionDecoder):
    """Whisper's decoder with a second cross-attention in every layer.

    Args:
        config_dict: as for ``WhisperDecoder``.
        **dual: ``gate``, ``gate_start`` and ``secondary_tokens`` of ``DualAttentionDecoder``.

    Raises:
        ValueError: if an argument is unknown or contradicts Whisper's architecture.
    """

    def __init__(self, config_dict: Mapping[str, Any], **dual: Any) -> None:
        super().__init__(_as_in_whisper(config_dict), **dual)
        follow_whisper(self)


class WhisperHead(TokenClassifier):
    """The decoder's token embedding, read backwards: no bias, and no score for rows that are not tokens.

    NeMo rounds the vocabulary up to a multiple of eight, and padding has a number of its own behind Whisper's tokens:
    none of these rows may be chosen, or take a share of the probability.

    Args:
        hidden_size: width D.
        num_classes: rows of the embedding; NeMo's model fills it in.
        num_tokens: Whisper's vocabulary V, the rows that are tokens.
        log_softmax: whether to give log-probabilities rather than logits.
        dropout: on the decoder's states.

    Raises:
        ValueError: if there are fewer rows than tokens.
    """

    def __init__(
        self, hidden_size: int, num_classes: int, *, num_tokens: int, log_softmax: bool = True, dropout: float = 0.0
    ) -> None:
        if not 0 < num_tokens <= num_classes:
            raise ValueError(f"num_tokens={num_tokens} must lie between 1 and num_classes={num_classes}.")
        super().__init__(hidden_size, num_classes, log_softmax=log_softmax, dropout=dropout)
        self.mlp.layer0 = _TokenScores(hidden_size, num_classes, num_tokens)


class _TokenScores(nn.Linear):
    """A linear layer without bias whose rows behind the tokens score so low that they never count."""

    def __init__(self, hidden_size: int, num_classes: int, num_tokens: int) -> None:
        super().__init__(hidden_size, num_classes, bias=False)
        self.num_tokens = num_tokens

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Score states [B, U, D] as [B, U, V]."""
        is_token = torch.arange(self.out_features, device=input.device) < self.num_tokens  # [V]
        return F.linear(input, self.weight).masked_fill(~is_token, NEG_INF)


def _as_in_whisper(config_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of NeMo's decoder with what is fixed in Whisper's; refuses others."""
    fixed = {"hidden_act": "gelu", "pre_ln": True, "num_token_types": 0, "learn_positional_encodings": True}
    given = dict(config_dict)
    for name, value in (fixed | {"pre_ln_final_layer_norm": True}).items():
        if given.get(name, value) != value:
            raise ValueError(f"config_dict.{name}={given[name]} must be {value}, as in Whisper.")
    given.pop("pre_ln_final_layer_norm", None)
    return {"max_sequence_length": 448} | given | fixed


def follow_whisper(decoder: TransformerDecoderNM) -> None:
    """Give a NeMo decoder (also a derived one) Whisper's embedding, and take the bias from its attentions' keys.

    A bias of the keys adds the same number to all scores of a query: it has no effect, and its gradient is only noise.

    Args:
        decoder: a pre-norm decoder with GELU, not trained yet.
    """
    embedding = decoder.embedding
    decoder._embedding = WhisperEmbedding(
        decoder.vocab_size,
        decoder.hidden_size,
        max_sequence_length=decoder.max_sequence_length,
        embedding_dropout=embedding.dropout.p,
    )
    for module in decoder.modules():
        if isinstance(module, MultiHeadAttention):
            module.key_net.register_parameter("bias", None)
