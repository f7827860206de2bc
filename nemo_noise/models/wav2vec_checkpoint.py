# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A wav2vec 2.0 from a Hugging Face folder: a recogniser if it has a CTC head, a model to pretrain on if not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from nemo.collections.asr.models import EncDecCTCModel
from nemo.core.classes.modelPT import ModelPT
from nemo.utils import logging

from nemo_noise.configuration import config_directory
from nemo_noise.models.hugging_face_folder import read_json, read_weights
from nemo_noise.models.wav2vec_pretraining import Wav2Vec2PretrainingModel

__all__ = ["import_wav2vec2", "wav2vec2_config"]

FIXED = {
    "model_type": "wav2vec2",
    "feat_extract_activation": "gelu",
    "hidden_act": "gelu",
    "add_adapter": False,
    "adapter_attn_dim": None,
}
DEFAULTS: dict[str, Any] = {
    "layer_norm_eps": 1e-5,
    "conv_bias": False,
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.1,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.1,
    "mask_time_prob": 0.05,
    "mask_time_length": 10,
    "mask_feature_prob": 0.0,
    "mask_feature_length": 10,
}
HIDDEN_FRAME = "encoder.masked_spec_embed"
HEAD = "decoder.decoder_layers.0."
RENAMED = {
    "quantizer.codevectors": "contrast.quantizer.vars",
    "quantizer.": "contrast.quantizer.",
    "project_": "contrast.project_",
    "encoder.": "encoder.",
}
OLD_NAMES = {
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}


def import_wav2vec2(folder: str | Path, frame_hop: int | None = None) -> ModelPT:
    """Build a NeMo model from a wav2vec 2.0 in a Hugging Face folder; its output is the same.

    Args:
        folder: holds `config.json` and `model.safetensors` (or its shards with their index); with a CTC head also
            `vocab.json`; `preprocessor_config.json` and `tokenizer_config.json` are read where they are.
        frame_hop: samples from frame to frame; None for the pretrained hop. At another the front end's frames are
            the pretrained ones, but the transformer hears them at a rate that it was not trained for.

    Returns:
        An ``EncDecCTCModel`` if the folder has a CTC head, else a ``Wav2Vec2PretrainingModel``; in eval mode.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        ValueError: if it is no wav2vec 2.0, has only pickled weights, or lacks tensors.
    """
    path = Path(folder)
    theirs = read_json(path / "config.json", "a wav2vec 2.0")
    weights = {name.removeprefix("wav2vec2."): tensor for name, tensor in read_weights(path).items()}
    config = wav2vec2_config(path, has_ctc_head="lm_head.weight" in weights)
    if frame_hop is not None:
        config.encoder.frame_hop = frame_hop
    model = (EncDecCTCModel if "decoder" in config else Wav2Vec2PretrainingModel)(cfg=config)
    _load(model, _to_nemo(weights, int(theirs.get("pad_token_id") or 0)), path)
    return model.eval()


def wav2vec2_config(folder: str | Path, has_ctc_head: bool) -> DictConfig:
    """The config of a NeMo model for a Hugging Face folder.

    Args:
        folder: as in ``import_wav2vec2``.
        has_ctc_head: whether it is that of a recogniser.

    Returns:
        The ``model`` section, resolved.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if it is no wav2vec 2.0, or one with parts that are not supported.
    """
    path = Path(folder)
    theirs = read_json(path / "config.json", "a wav2vec 2.0")
    features = read_json(path / "preprocessor_config.json")
    for name, value in FIXED.items():
        if theirs.get(name, value) != value or (name == "model_type" and name not in theirs):
            raise ValueError(f"{path / 'config.json'}: {name}={theirs.get(name)!r} must be {value!r}.")
    rate = features.get("sampling_rate", 16000)
    base = OmegaConf.load(config_directory() / "base" / "waveform.yaml")
    base = OmegaConf.merge(base, OmegaConf.load(config_directory() / "base" / "wav2vec2_encoder.yaml"))
    if not has_ctc_head:
        base = OmegaConf.merge(base, OmegaConf.load(config_directory() / "base" / "contrastive.yaml"))
    try:
        parts = {"sample_rate": rate, "encoder": _encoder(theirs, bool(features.get("do_normalize", True)))}
    except KeyError as error:
        raise ValueError(f"{path / 'config.json'} lacks {error}, which that of a wav2vec 2.0 has.") from error
    if has_ctc_head:
        labels = _labels(path, theirs)
        head = {"feat_in": theirs["hidden_size"], "num_classes": len(labels), "vocabulary": labels}
        parts["labels"] = labels
        parts["decoder"] = {"_target_": "nemo.collections.asr.modules.ConvASRDecoder", **head}
    else:
        parts["quantizer"] = _quantizer(theirs)
    config = OmegaConf.merge(base, {"model": parts})
    OmegaConf.resolve(config)
    return OmegaConf.create(OmegaConf.to_container(config.model))


def _encoder(theirs: Mapping[str, Any], does_normalize: bool) -> dict[str, Any]:
    """What a `config.json` says about the encoder."""
    known = DEFAULTS | dict(theirs)
    is_masked = known.get("apply_spec_augment", True)
    return {
        "d_model": known["hidden_size"],
        "n_layers": known["num_hidden_layers"],
        "n_heads": known["num_attention_heads"],
        "d_ff": known["intermediate_size"],
        "norm_place": "pre" if known.get("do_stable_layer_norm", False) else "post",
        "conv_norm": known.get("feat_extract_norm", "group"),
        "conv_dims": list(known["conv_dim"]),
        "conv_kernels": list(known["conv_kernel"]),
        "conv_strides": list(known["conv_stride"]),
        "conv_bias": known["conv_bias"],
        "pos_kernel": known.get("num_conv_pos_embeddings", 128),
        "pos_groups": known.get("num_conv_pos_embedding_groups", 16),
        "normalizes_waveform": does_normalize,
        "dropout": known["hidden_dropout"],
        "dropout_att": known["attention_dropout"],
        "dropout_ff": known["activation_dropout"],
        "dropout_features": known["feat_proj_dropout"],
        "layer_drop": known["layerdrop"],
        "mask_time_prob": known["mask_time_prob"] if is_masked else 0.0,
        "mask_time_length": known["mask_time_length"],
        "mask_channel_prob": known["mask_feature_prob"] if is_masked else 0.0,
        "mask_channel_length": known["mask_feature_length"],
        "layer_norm_eps": known["layer_norm_eps"],
    }


def _quantizer(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """What a `config.json` says about the quantiser."""
    return {
        "num_groups": theirs.get("num_codevector_groups", 2),
        "num_codes": theirs.get("num_codevectors_per_group", 320),
        "d_code": theirs.get("codevector_dim", 256),
        "d_projection": theirs.get("proj_codevector_dim", 256),
        "dropout": theirs.get("feat_quantizer_dropout", 0.0),
    }


def _labels(path: Path, theirs: Mapping[str, Any]) -> list[str]:
    """The tokens of a CTC head without its blank, in order.

    The word delimiter becomes a space; letters become small, as NeMo's parser makes transcripts, if none is both.
    """
    vocabulary = read_json(path / "vocab.json", "a wav2vec 2.0 with a CTC head") | read_json(
        path / "added_tokens.json"
    )
    blank = int(theirs.get("pad_token_id") or 0)
    numbers = sorted(vocabulary.values()) if all(isinstance(n, int) for n in vocabulary.values()) else None
    if numbers != list(range(theirs["vocab_size"])):
        raise ValueError(
            f"{path / 'vocab.json'} must number {theirs['vocab_size']} tokens from 0, the vocab_size in config.json."
        )
    delimiter = read_json(path / "tokenizer_config.json").get("word_delimiter_token", "|")
    tokens = [" " if token == delimiter else token for token in sorted(vocabulary, key=vocabulary.__getitem__)]
    del tokens[blank]
    small = [token.lower() for token in tokens]
    return small if len(set(small)) == len(small) else tokens


def _to_nemo(weights: Mapping[str, Tensor], blank: int) -> dict[str, Tensor]:
    """The tensors of transformers, without ``wav2vec2.`` before their names, by NeMo's names."""
    renamed = {}
    for name, tensor in weights.items():
        for old, current in OLD_NAMES.items():
            name = name.replace(old, current)
        if name.startswith("lm_head."):
            moved = tensor[[row for row in range(len(tensor)) if row != blank] + [blank]]
            renamed[HEAD + name.removeprefix("lm_head.")] = moved.unsqueeze(2) if moved.dim() == 2 else moved
            continue
        prefix = next((prefix for prefix in RENAMED if name.startswith(prefix)), None)
        if prefix is None:
            renamed[f"encoder.{name}"] = tensor
        else:
            renamed[RENAMED[prefix] + name.removeprefix(prefix)] = tensor
    return renamed


def _load(model: ModelPT, state: dict[str, Tensor], path: Path) -> None:
    """Load the tensors; only a vector for hidden frames and a head for pretraining may be missing or too many."""
    expected = model.state_dict()
    if HIDDEN_FRAME in state and HIDDEN_FRAME not in expected:
        logging.info(f"{path}: config.json masks nothing, so {HIDDEN_FRAME} is left out.")
        del state[HIDDEN_FRAME]
    missing = [name for name in expected if name not in state]
    lost = [name for name in missing if name != HIDDEN_FRAME and not name.startswith("contrast.")]
    surplus = [name for name in state if name not in expected]
    shapes = [name for name in state if name in expected and state[name].shape != expected[name].shape]
    for names, problem in ((lost, "lacks"), (surplus, "has too many, by"), (shapes, "has other shapes in")):
        if names:
            raise ValueError(f"The checkpoint in {path} {problem} {len(names)} tensor(s), such as {names[0]}.")
    if missing:
        logging.warning(f"{path} lacks {missing}: they start from random numbers.")
    model.load_state_dict(state, strict=False)
