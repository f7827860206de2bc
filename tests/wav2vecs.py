# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Small untrained wav2vec 2.0 models of transformers, alone or in Hugging Face folders, for the tests."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining, Wav2Vec2Model

TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]  # the 32 of English checkpoints
SHAPES: dict[str, dict[str, Any]] = {
    "base": {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False},
    "large": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True, "hidden_size": 48},
    "mixed": {
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": False,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 40,
        "num_conv_pos_embeddings": 9,
        "conv_dim": [8, 12, 16, 16, 16, 16, 20],
        "layer_norm_eps": 1e-3,
    },
}
SHAPE_NAMES = list(SHAPES)
KINDS = {"plain": Wav2Vec2Model, "ctc": Wav2Vec2ForCTC, "pretraining": Wav2Vec2ForPreTraining}


def their_config(shape: str, **changes: Any) -> Wav2Vec2Config:
    """The config of a tiny model whose dropouts and masks are off."""
    sizes: dict[str, Any] = {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "conv_dim": [16] * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        "num_codevectors_per_group": 10,
        "codevector_dim": 16,
        "proj_codevector_dim": 12,
        "mask_time_prob": 0.05,
        "pad_token_id": 0,
    }
    names = ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "final_dropout")
    dropouts = dict.fromkeys((*names, "layerdrop", "feat_quantizer_dropout"), 0.0)
    return Wav2Vec2Config(**(sizes | dropouts | SHAPES[shape] | changes))


def their_model(kind: str = "plain", shape: str = "base", seed: int = 0, **changes: Any) -> Any:
    """A model of transformers in eval mode; all its parameters are moved away from 0 and 1."""
    torch.manual_seed(seed)
    model = KINDS[kind](their_config(shape, **changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def write_wav2vec2(
    folder: Path, kind: str = "ctc", shape: str = "base", does_normalize: bool = True, **changes: Any
) -> Any:
    """Write such a model as a Hugging Face folder, as published checkpoints have them."""
    model = their_model(kind, shape, **changes)
    model.save_pretrained(folder)
    features = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": does_normalize}
    features |= {"feature_size": 1, "padding_value": 0.0, "sampling_rate": 16000, "return_attention_mask": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(features))
    if kind == "ctc":
        vocabulary = {token: number for number, token in enumerate(TOKENS)}
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>", "word_delimiter_token": "|"}))
    return model


def our_arguments(shape: str, **changes: Any) -> dict[str, Any]:
    """Arguments of ``Wav2Vec2Encoder`` for such a model."""
    config = their_config(shape)
    return {
        "d_model": config.hidden_size,
        "n_layers": config.num_hidden_layers,
        "n_heads": config.num_attention_heads,
        "d_ff": config.intermediate_size,
        "norm_place": "pre" if config.do_stable_layer_norm else "post",
        "conv_norm": config.feat_extract_norm,
        "conv_dims": list(config.conv_dim),
        "conv_bias": config.conv_bias,
        "pos_kernel": config.num_conv_pos_embeddings,
        "pos_groups": config.num_conv_pos_embedding_groups,
        "normalizes_waveform": False,
        "dropout": 0.0,
        "dropout_att": 0.0,
        "mask_time_prob": 0.05,
        "layer_norm_eps": config.layer_norm_eps,
    } | changes
