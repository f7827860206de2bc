# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Import of a wav2vec 2.0 from a Hugging Face folder: a recogniser with a CTC head, else a model to pretrain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from nemo.collections.asr.models import EncDecCTCModel
from nemo.core.classes.modelPT import ModelPT
from nemo.utils import logging

from nemo_noise.configuration import config_directory
from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.folder import (
    is_reference,
    read_features,
    read_json,
    read_model_config,
    read_weights,
)
from nemo_noise.models.hugging_face.json_fields import JsonFields
from nemo_noise.models.hugging_face.sizes import Size, check_layers, check_sizes, load_weights
from nemo_noise.models.wav2vec.pretraining import Wav2Vec2PretrainingModel

__all__ = ["import_wav2vec2", "wav2vec2_config"]

KIND = "a wav2vec 2.0"
FIXED = {"feat_extract_activation": "gelu", "hidden_act": "gelu", "add_adapter": False, "adapter_attn_dim": None}
FEATURES = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "padding_value": 0.0}
LOWEST_RATE, HIGHEST_RATE = 1000, 768000  # Hz
MOST_CODES, MOST_CODE_VALUES = 2**16, 2**24  # of a quantiser that is not among the weights
SIZES = {
    "hidden_size": Size("feature_projection.projection.weight", 0),
    "intermediate_size": Size("encoder.layers.0.feed_forward.intermediate_dense.weight", 0),
}
POSITIONS = ("encoder.pos_conv_embed.conv.weight_v", "encoder.pos_conv_embed.conv.parametrizations.weight.original1")
SHARES = {
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.1,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.1,
    "mask_time_prob": 0.05,
    "mask_feature_prob": 0.0,
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
            `vocab.json`; `processor_config.json`, `preprocessor_config.json` and `tokenizer_config.json` are read
            where they are.
        frame_hop: samples from frame to frame; None for the pretrained hop. Another hop leaves the frames as they
            are, but they reach the transformer at a rate that it was not trained for.

    Returns:
        An ``EncDecCTCModel`` if the folder has a CTC head, else a ``Wav2Vec2PretrainingModel``; in eval mode.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        ValueError: if it is no wav2vec 2.0, has only pickled weights, lacks tensors, or holds a value that is wrong.
    """
    path = Path(folder)
    theirs = read_model_config(path, KIND)
    weights = {name.removeprefix("wav2vec2."): tensor for name, tensor in read_weights(path).items()}
    config = wav2vec2_config(path, has_ctc_head="lm_head.weight" in weights)
    _check_sizes(theirs, weights)
    if frame_hop is not None:
        config.encoder.frame_hop = frame_hop
    model = (EncDecCTCModel if "decoder" in config else Wav2Vec2PretrainingModel)(cfg=config)
    _load(model, _to_nemo(weights, theirs.whole("pad_token_id", default=0, low=0)), path)
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
    theirs = read_model_config(path, KIND)
    if theirs.values.get("model_type") != "wav2vec2":
        raise theirs.refusal("model_type", "must be 'wav2vec2'")
    theirs.fixed(FIXED)
    features = read_features(path, KIND)
    features.fixed(FEATURES)
    rate = features.whole("sampling_rate", default=16000, low=LOWEST_RATE, high=HIGHEST_RATE)
    base = OmegaConf.load(config_directory() / "parts" / "base" / "waveform.yaml")
    base = OmegaConf.merge(base, OmegaConf.load(config_directory() / "parts" / "base" / "wav2vec2_encoder.yaml"))
    if not has_ctc_head:
        base = OmegaConf.merge(base, OmegaConf.load(config_directory() / "parts" / "base" / "contrastive.yaml"))
    parts = {
        "sample_rate": rate,
        "preprocessor": {"window_stride": 1.0 / rate},
        "encoder": _encoder(theirs, features.boolean("do_normalize", default=True)),
    }
    if has_ctc_head:
        labels = _labels(path, theirs)
        head = {"feat_in": theirs.whole("hidden_size"), "num_classes": len(labels), "vocabulary": labels}
        parts["labels"] = labels
        parts["decoder"] = {"_target_": "nemo.collections.asr.modules.ConvASRDecoder", **head}
    else:
        parts["quantizer"] = _quantizer(theirs)
    config = OmegaConf.merge(base, {"model": parts})
    OmegaConf.resolve(config)
    return OmegaConf.create(OmegaConf.to_container(config.model))


def _check_sizes(theirs: JsonFields, weights: Mapping[str, Tensor]) -> None:
    check_layers(
        theirs, "num_hidden_layers", theirs.whole("num_hidden_layers"), weights=weights, prefix="encoder.layers."
    )
    dims, kernels = theirs.whole_numbers("conv_dim"), theirs.whole_numbers("conv_kernel")
    check_layers(theirs, "conv_dim", len(dims), weights=weights, prefix="feature_extractor.conv_layers.")
    places, sizes = dict(SIZES), {name: theirs.whole(name) for name in SIZES}
    for number, (width, kernel) in enumerate(zip(dims, kernels, strict=True)):
        convolution = f"feature_extractor.conv_layers.{number}.conv.weight"
        places |= {f"conv_dim[{number}]": Size(convolution, 0), f"conv_kernel[{number}]": Size(convolution, 2)}
        sizes |= {f"conv_dim[{number}]": width, f"conv_kernel[{number}]": kernel}
    positions = next((name for name in POSITIONS if name in weights), POSITIONS[-1])
    places["num_conv_pos_embeddings"] = Size(positions, 2)
    sizes["num_conv_pos_embeddings"] = theirs.whole("num_conv_pos_embeddings", default=128)
    if "quantizer.codevectors" in weights and "project_q.weight" in weights:
        quantizer = _quantizer(theirs)
        name = "num_codevector_groups * num_codevectors_per_group"
        places |= {name: Size("quantizer.codevectors", 1), "codevector_dim": Size("project_q.weight", 1)}
        places["proj_codevector_dim"] = Size("project_q.weight", 0)
        sizes |= {name: quantizer["num_groups"] * quantizer["num_codes"], "codevector_dim": quantizer["d_code"]}
        sizes["proj_codevector_dim"] = quantizer["d_projection"]
    if "lm_head.weight" in weights:
        places["vocab_size"], sizes["vocab_size"] = Size("lm_head.weight", 0), theirs.whole("vocab_size")
    check_sizes(theirs, sizes, weights=weights, places=places)
    _check_switches(theirs, weights, positions)


def _check_switches(theirs: JsonFields, weights: Mapping[str, Tensor], positions: str) -> None:
    front = "feature_extractor.conv_layers."
    if theirs.boolean("conv_bias", default=False) != (f"{front}0.conv.bias" in weights):
        raise theirs.refusal("conv_bias", f"must be {f'{front}0.conv.bias' in weights}, as in the weights")
    has_layer_norms = f"{front}1.layer_norm.weight" in weights
    is_layer = theirs.choice("feat_extract_norm", ["group", "layer"], default="group") == "layer"
    if is_layer != has_layer_norms and f"{front}1.conv.weight" in weights:
        raise theirs.refusal(
            "feat_extract_norm", f"must be {'layer' if has_layer_norms else 'group'}, as in the weights"
        )
    groups = theirs.divides("num_conv_pos_embedding_groups", "hidden_size", default=16)
    if positions in weights and weights[positions].dim() == 3:
        needed = theirs.whole("hidden_size") // max(1, weights[positions].shape[1])
        if groups != needed:
            raise theirs.refusal("num_conv_pos_embedding_groups", f"must be {needed}, as in the weights")


def _encoder(theirs: JsonFields, does_normalize: bool) -> dict[str, Any]:
    is_masked = theirs.boolean("apply_spec_augment", default=True)
    shares = {name: theirs.number(name, default=share) for name, share in SHARES.items()}
    return {
        "d_model": theirs.whole("hidden_size"),
        "n_layers": theirs.whole("num_hidden_layers"),
        "n_heads": theirs.divides("num_attention_heads", "hidden_size"),
        "d_ff": theirs.whole("intermediate_size"),
        "norm_place": "pre" if theirs.boolean("do_stable_layer_norm", default=False) else "post",
        "conv_norm": theirs.choice("feat_extract_norm", ["group", "layer"], default="group"),
        **_convolutions(theirs),
        "conv_bias": theirs.boolean("conv_bias", default=False),
        "pos_kernel": theirs.whole("num_conv_pos_embeddings", default=128),
        "pos_groups": theirs.divides("num_conv_pos_embedding_groups", "hidden_size", default=16),
        "normalizes_waveform": does_normalize,
        "dropout": shares["hidden_dropout"],
        "dropout_att": shares["attention_dropout"],
        "dropout_ff": shares["activation_dropout"],
        "dropout_features": shares["feat_proj_dropout"],
        "layer_drop": shares["layerdrop"],
        "mask_time_prob": shares["mask_time_prob"] if is_masked else 0.0,
        "mask_time_length": theirs.whole("mask_time_length", default=10),
        "mask_channel_prob": shares["mask_feature_prob"] if is_masked else 0.0,
        "mask_channel_length": theirs.whole("mask_feature_length", default=10),
        "layer_norm_eps": theirs.number("layer_norm_eps", default=1e-5, is_above=True),
    }


def _convolutions(theirs: JsonFields) -> dict[str, list[int]]:
    names = {"conv_dims": "conv_dim", "conv_kernels": "conv_kernel", "conv_strides": "conv_stride"}
    found = {ours: theirs.whole_numbers(name) for ours, name in names.items()}
    dims, kernels, strides = found.values()
    if not len(dims) == len(kernels) == len(strides) >= 1:
        raise theirs.refusal("conv_dim", f"must be a list as long as conv_kernel={kernels} and conv_stride={strides}")
    if any(stride > kernel for stride, kernel in zip(strides, kernels, strict=True)):
        raise theirs.refusal("conv_stride", f"must not exceed conv_kernel={kernels}")
    return found


def _quantizer(theirs: JsonFields) -> dict[str, Any]:
    groups, codes = (
        theirs.whole(name, default=default)
        for name, default in (("num_codevector_groups", 2), ("num_codevectors_per_group", 320))
    )
    width, projection = (theirs.whole(name, default=256) for name in ("codevector_dim", "proj_codevector_dim"))
    if groups * codes > MOST_CODES or groups * codes * max(width, projection) > MOST_CODE_VALUES:
        raise ValueError(
            f"{printable(theirs.file)}: num_codevectors_per_group={codes} with num_codevector_groups={groups}, "
            f"codevector_dim={width} and proj_codevector_dim={projection} must make at most {MOST_CODES} codes and "
            f"{MOST_CODE_VALUES} values."
        )
    if width % groups:
        raise theirs.refusal("codevector_dim", f"must be a multiple of num_codevector_groups={groups}")
    return {
        "num_groups": groups,
        "num_codes": codes,
        "d_code": width,
        "d_projection": projection,
        "dropout": theirs.number("feat_quantizer_dropout", default=0.0),
    }


def _labels(path: Path, theirs: JsonFields) -> list[str]:
    """The tokens of a CTC head without its blank, in order.

    The word delimiter becomes a space; letters become small, as NeMo's parser makes transcripts, if none is both.
    """
    vocabulary = read_json(path / "vocab.json", f"{KIND} with a CTC head") | read_json(path / "added_tokens.json")
    size = theirs.whole("vocab_size")
    blank = theirs.whole("pad_token_id", default=0, low=0, high=size - 1)
    _check_numbers(path / "vocab.json", vocabulary, size)
    for token in vocabulary:
        if is_reference(token):
            raise ValueError(
                f"{path / 'vocab.json'}: token {printable(repr(token), 60)} would be replaced when the configuration "
                "is resolved; must be without '${', and not '???'."
            )
    tokenizer = read_json(path / "tokenizer_config.json")
    padding = _token_text(path, tokenizer, "pad_token")
    if padding is not None and vocabulary.get(padding, blank) != blank:
        raise ValueError(
            f"{theirs.file}: pad_token_id={blank}, but pad_token={padding!r} of tokenizer_config.json is "
            f"{vocabulary[padding]} in vocab.json: the blank must be one of the two."
        )
    delimiter = _token_text(path, tokenizer, "word_delimiter_token", default="|")
    tokens = [" " if token == delimiter else token for token in sorted(vocabulary, key=vocabulary.__getitem__)]
    del tokens[blank]
    small = [token.lower() for token in tokens]
    return small if len(set(small)) == len(small) else tokens


def _check_numbers(file: Path, vocabulary: Mapping[str, Any], size: int) -> None:
    seen: dict[int, str] = {}
    for token, number in vocabulary.items():
        named = f"{file}: {printable(repr(token), 60)} is numbered {printable(repr(number), 60)}"
        if type(number) is not int or not 0 <= number < size:
            raise ValueError(
                f"{named}, must be a whole number from 0 to {size - 1}: config.json has vocab_size={size}."
            )
        if number in seen:
            raise ValueError(f"{named}, as {printable(repr(seen[number]), 60)} is; must number {size} tokens from 0.")
        seen[number] = token
    if len(seen) < size:
        raise ValueError(
            f"{file} must number {size} tokens from 0, the vocab_size in config.json; it has {len(seen)}."
        )


def _token_text(path: Path, tokenizer: Mapping[str, Any], name: str, *, default: str | None = None) -> str | None:
    token = tokenizer.get(name, default)
    text = token.get("content") if isinstance(token, dict) else token
    if text is not None and not isinstance(text, str):
        raise ValueError(
            f"{path / 'tokenizer_config.json'}: {name}={printable(repr(token), 60)} must be a token's text."
        )
    return text


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
    """Load the tensors; the folder may lack the vector for hidden frames and the head for pretraining."""
    if HIDDEN_FRAME in state and HIDDEN_FRAME not in model.state_dict():
        logging.info(f"{path}: config.json masks nothing, so {HIDDEN_FRAME} is left out.")
        del state[HIDDEN_FRAME]
    missing = load_weights(
        model, state, path, may_lack=lambda name: name == HIDDEN_FRAME or name.startswith("contrast.")
    )
    if missing:
        logging.warning(f"{path} lacks {missing}: they start from random numbers.")
