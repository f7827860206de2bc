# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the parameters of a Whisper in transformers and in NeMo."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["HEAD", "TOKEN_EMBEDDING", "to_hugging_face", "to_nemo"]

TOKEN_EMBEDDING = "transf_decoder._embedding.token_embedding.weight"  # noqa: S105  a parameter
HEAD = "log_softmax.mlp.layer0.weight"  # the same parameter
OUTPUT = "proj_out.weight"  # the same parameter in transformers, saved or not
LAYER = r"decoder\.layers\.(\d+)\."
NEMO_LAYER = r"transf_decoder\._decoder\.layers\.(\d+)\."
PARTS = {
    "self_attn.q_proj": "first_sub_layer.query_net",
    "self_attn.k_proj": "first_sub_layer.key_net",
    "self_attn.v_proj": "first_sub_layer.value_net",
    "self_attn.out_proj": "first_sub_layer.out_projection",
    "self_attn_layer_norm": "layer_norm_1",
    "encoder_attn.q_proj": "second_sub_layer.query_net",
    "encoder_attn.k_proj": "second_sub_layer.key_net",
    "encoder_attn.v_proj": "second_sub_layer.value_net",
    "encoder_attn.out_proj": "second_sub_layer.out_projection",
    "encoder_attn_layer_norm": "layer_norm_2",
    "fc1": "third_sub_layer.dense_in",
    "fc2": "third_sub_layer.dense_out",
    "final_layer_norm": "layer_norm_3",
}
NEMO_PARTS = {theirs: ours for ours, theirs in PARTS.items()}
PREFIXES = {
    "encoder.": "encoder.whisper.",
    "decoder.embed_tokens.": "transf_decoder._embedding.token_embedding.",
    "decoder.embed_positions.": "transf_decoder._embedding.position_embedding.",
    "decoder.layer_norm.": "transf_decoder._decoder.final_layer_norm.",
}
NEMO_PREFIXES = {theirs: ours for ours, theirs in PREFIXES.items()}


def to_nemo(state: Mapping[str, Tensor], num_rows: int) -> dict[str, Tensor]:
    """Rename the tensors of transformers' ``WhisperForConditionalGeneration`` for ``WhisperModel``.

    ``state`` has transformers' names, with or without ``model.`` before them. NeMo's embedding has ``num_rows``, more
    than Whisper's vocabulary; the additional ones are zero.

    Raises:
        ValueError: if a name is none of Whisper's, or the output projection is not the embedding.
    """
    renamed, unknown = {}, []
    for name, tensor in state.items():
        new_name = _renamed(
            name.removeprefix("model."),
            layer=LAYER,
            new_layer="transf_decoder._decoder.layers.",
            parts=PARTS,
            prefixes=PREFIXES,
        )
        if new_name is not None:
            renamed[new_name] = tensor
        elif name != OUTPUT:
            unknown.append(name)
    if unknown:
        raise ValueError(f"These tensors are none of a Whisper: {_few(unknown)}.")
    if TOKEN_EMBEDDING in renamed:
        tokens = renamed[TOKEN_EMBEDDING]
        if OUTPUT in state and not torch.equal(state[OUTPUT], tokens):
            raise ValueError(f"{OUTPUT} differs from the token embedding; in Whisper they are one tensor.")
        added = tokens.new_zeros(max(0, num_rows - len(tokens)), tokens.shape[1])
        renamed[TOKEN_EMBEDDING] = renamed[HEAD] = torch.cat([tokens, added])
    return renamed


def to_hugging_face(state: Mapping[str, Tensor], vocabulary_size: int) -> dict[str, Tensor]:
    """Rename the tensors of a ``WhisperModel`` for transformers' ``WhisperForConditionalGeneration``.

    The first ``vocabulary_size`` rows of the embedding are tokens; the others are left out.

    Raises:
        ValueError: if a tensor has no place in a Whisper.
    """
    renamed, unknown = {}, []
    for name, tensor in state.items():
        new_name = _renamed(
            name, layer=NEMO_LAYER, new_layer="decoder.layers.", parts=NEMO_PARTS, prefixes=NEMO_PREFIXES
        )
        if new_name is not None:
            renamed[f"model.{new_name}"] = tensor
        elif name != HEAD:
            unknown.append(name)
    if unknown:
        raise ValueError(f"These parts of the model have no place in a plain Whisper: {_few(unknown)}.")
    tokens = renamed["model.decoder.embed_tokens.weight"][:vocabulary_size]
    renamed["model.decoder.embed_tokens.weight"] = renamed[OUTPUT] = tokens.clone()
    return renamed


def _renamed(name: str, *, layer: str, new_layer: str, parts: dict[str, str], prefixes: dict[str, str]) -> str | None:
    """The other name of a tensor, or None if it is none of Whisper's."""
    found = re.match(layer, name)
    if found:
        part, _, leaf = name[found.end() :].rpartition(".")
        return f"{new_layer}{found.group(1)}.{parts[part]}.{leaf}" if part in parts else None
    for prefix, new_prefix in prefixes.items():
        if name.startswith(prefix):
            return new_prefix + name[len(prefix) :]
    return None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
