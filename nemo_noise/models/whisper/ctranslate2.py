# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A Whisper in CTranslate2's format, as faster-whisper has it, by the names and the JSON of Hugging Face's."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nemo_noise.archive.ctranslate2 import CTranslate2File, read_ctranslate2
from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.folder import check_own_file, read_json
from nemo_noise.models.hugging_face.json_fields import JsonFields
from nemo_noise.models.whisper.tokenizer import WhisperTokenizer

__all__ = ["check_vocabulary", "count_parameters", "is_ctranslate2", "read_ctranslate2_whisper", "whisper_tensors"]

KIND = "a Whisper of CTranslate2"
SPEC, REVISION = "WhisperSpec", 3
GELU = 3  # of CTranslate2's activations
LARGEST = 2**20  # of a size; no Whisper comes near
FLAGS = {
    "decoder/activation": GELU,
    "decoder/pre_norm": 1,
    "decoder/scale_embeddings": 0,
    "decoder/alibi": 0,
    "decoder/start_from_zero_embedding": 0,
}
EMBEDDING, PROJECTION = "decoder/embeddings/weight", "decoder/projection/weight"
PLAIN = {
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
    "encoder/layer_norm": "encoder.layer_norm",
    "decoder/layer_norm": "decoder.layer_norm",
}
TABLES = {
    "encoder/position_encodings/encodings": "encoder.embed_positions.weight",
    "decoder/position_encodings/encodings": "decoder.embed_positions.weight",
    EMBEDDING: "decoder.embed_tokens.weight",
}
# Within a layer: norms, linear layers, and the linear layers that hold several of Hugging Face's, one below the other.
SELF = {"self_attention/layer_norm": "self_attn_layer_norm", "self_attention/linear_1": "self_attn.out_proj"}
FORWARD = {"ffn/layer_norm": "final_layer_norm", "ffn/linear_0": "fc1", "ffn/linear_1": "fc2"}
CROSS = {
    "attention/layer_norm": "encoder_attn_layer_norm",
    "attention/linear_0": "encoder_attn.q_proj",
    "attention/linear_2": "encoder_attn.out_proj",
}
STACKED = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
}


def is_ctranslate2(folder: Path) -> bool:
    """Whether a folder holds CTranslate2's weights, and not Hugging Face's."""
    has_others = any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json"))
    return (folder / "model.bin").is_file() and not has_others and any(folder.glob("vocabulary.*"))


def read_ctranslate2_whisper(folder: Path) -> tuple[JsonFields, JsonFields, CTranslate2File]:
    """The fields that Hugging Face's `config.json` and `generation_config.json` would have, and the weights' file.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: it is no Whisper, or one with parts that Whisper has not.
    """
    file = read_ctranslate2(folder / "model.bin")
    if (file.name, file.revision) != (SPEC, REVISION):
        raise ValueError(
            f"{file.path} is a {file.name}, revision {file.revision}; must be a {SPEC}, revision {REVISION}, which is "
            "Whisper."
        )
    for name, expected in FLAGS.items():
        if name in file and file.whole(name) != expected:
            raise ValueError(f"{file.path}: {name}={file.whole(name)} must be {expected}, as in Whisper.")
    own = JsonFields(folder / "config.json", read_json(folder / "config.json", KIND), KIND)
    sizes = _sizes(file)
    last = int(sizes["vocab_size"]) - 1
    generation: dict[str, Any] = {
        "suppress_tokens": own.whole_numbers("suppress_ids", low=0, high=last),
        "begin_suppress_tokens": own.whole_numbers("suppress_ids_begin", low=0, high=last),
    }
    return JsonFields(file.path, sizes, KIND), JsonFields(own.file, generation, KIND), file


def count_parameters(file: CTranslate2File) -> int:
    """The numbers that were learned: the biases of keys, which are zeros that fill a place, do not count."""
    own = {name: len(parts) for name, parts in STACKED.items()}
    within = {name: "/".join(name.split("/")[2:-1]) for name in file.variables if name.endswith("/bias")}
    return file.parameter_count - sum(file.shape(name)[0] // own[part] for name, part in within.items() if part in own)


def check_vocabulary(folder: Path, tokenizer: WhisperTokenizer) -> None:
    """Refuse a `tokenizer.json` whose tokens are not those of the `vocabulary` file beside it.

    Raises:
        ValueError: another token has a number, or there are more or fewer.
    """
    file = next(iter(sorted(folder.glob("vocabulary.*"))))
    check_own_file(file)
    text = file.read_text(encoding="utf-8")
    tokens = json.loads(text) if file.suffix == ".json" else text.removesuffix("\n").split("\n")
    count = len(tokens) if isinstance(tokens, list) else 0
    if count != tokenizer.vocabulary_size:
        raise ValueError(f"{file} has {count} tokens, the embedding in model.bin {tokenizer.vocabulary_size}.")
    own = [tokenizer.tokenizer.id_to_token(number) for number in range(count)]  # older ones lack the time stamps
    pairs = enumerate(zip(own, tokens, strict=True))
    other = next((number for number, (ours, theirs) in pairs if ours is not None and ours != theirs), None)
    if other is not None:
        raise ValueError(
            f"{file}: token {other} is {printable(repr(tokens[other]), 40)}, in tokenizer.json "
            f"{printable(repr(own[other]), 40)}: the tokenizer is that of another Whisper."
        )


def whisper_tensors(file: CTranslate2File) -> dict[str, Tensor]:
    """All tensors of a file in float32, by transformers' names.

    Raises:
        ValueError: one is missing, has a place in no Whisper, or has another shape; keys have a bias.
    """
    tensors = {theirs: file.tensor(name) for name, theirs in TABLES.items()}
    read = {*TABLES, *FLAGS, "encoder/num_heads", "decoder/num_heads", PROJECTION}
    if (
        "decoder/projection/weight" in file
        and file.variables["decoder/projection/weight"] is not file.variables[EMBEDDING]
    ):
        raise ValueError(f"{file.path}: decoder/projection/weight must be the embedding, as in Whisper.")
    parts = dict(PLAIN)
    stacked: dict[str, tuple[str, ...]] = {}
    for side in ("encoder", "decoder"):
        for number in range(_count_layers(file, side)):
            before, theirs = f"{side}/layer_{number}", f"{side}.layers.{number}"
            named = SELF | FORWARD | (CROSS if side == "decoder" else {})
            parts |= {f"{before}/{name}": f"{theirs}.{part}" for name, part in named.items()}
            stacked |= {
                f"{before}/{name}": tuple(f"{theirs}.{part}" for part in several)
                for name, several in STACKED.items()
                if side == "decoder" or name.startswith("self")
            }
    for name, part in parts.items():
        weight, bias = ("gamma", "beta") if name.endswith("norm") else ("weight", "bias")
        tensors[f"{part}.weight"], tensors[f"{part}.bias"] = (
            file.tensor(f"{name}/{weight}"),
            file.tensor(f"{name}/{bias}"),
        )
        read |= {f"{name}/{weight}", f"{name}/{bias}"}
    for name, several in stacked.items():
        tensors |= _apart(file, name, several)
        read |= {f"{name}/weight", f"{name}/bias"}
    surplus = [name for name in file.variables if name.removesuffix("_scale") not in read and _is_weight(name)]
    if surplus:
        raise ValueError(f"{file.path}: {len(surplus)} variables are none of a Whisper's, such as {surplus[0]}.")
    return tensors


def _apart(file: CTranslate2File, name: str, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """Weights and biases of linear layers that lie below each other; keys have no bias in Whisper."""
    weight, bias = file.tensor(f"{name}/weight"), file.tensor(f"{name}/bias")
    if len(weight) != len(bias) or len(weight) % len(parts):
        raise ValueError(
            f"{file.path}: {name}/weight {list(weight.shape)} must hold {len(parts)} equal parts with bias."
        )
    found = {}
    for part, rows, offsets in zip(parts, weight.chunk(len(parts)), bias.chunk(len(parts)), strict=True):
        found[f"{part}.weight"] = rows.clone()
        if not part.endswith("k_proj"):
            found[f"{part}.bias"] = offsets.clone()
        elif bool(torch.any(offsets != 0)):
            raise ValueError(f"{file.path}: {name}/bias must be 0 for the keys, as in Whisper.")
    return found


def _sizes(file: CTranslate2File) -> dict[str, Any]:
    """The sizes in the words of Hugging Face's `config.json`; every one is that of a tensor."""
    vocabulary, width = _matrix(file, EMBEDDING)
    bands = file.shape("encoder/conv1/weight")
    if len(bands) != 3:
        raise ValueError(f"{file.path}: encoder/conv1/weight must have three dimensions, has {list(bands)}.")
    sizes: dict[str, Any] = {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "d_model": width,
        "vocab_size": vocabulary,
        "num_mel_bins": bands[1],
        "max_source_positions": _matrix(file, "encoder/position_encodings/encodings")[0],
        "max_target_positions": _matrix(file, "decoder/position_encodings/encodings")[0],
        "activation_function": "gelu",
        "scale_embedding": False,
        "tie_word_embeddings": True,
    }
    for side in ("encoder", "decoder"):
        sizes[f"{side}_layers"] = _count_layers(file, side)
        sizes[f"{side}_attention_heads"] = file.whole(f"{side}/num_heads")
        sizes[f"{side}_ffn_dim"] = _matrix(file, f"{side}/layer_0/ffn/linear_0/weight")[0]
    return sizes


def _matrix(file: CTranslate2File, name: str) -> tuple[int, int]:
    shape = file.shape(name)
    if len(shape) != 2 or not all(0 < size < LARGEST for size in shape):
        raise ValueError(f"{file.path}: {name} must have two dimensions below {LARGEST}, has {list(shape)}.")
    return shape[0], shape[1]


def _count_layers(file: CTranslate2File, side: str) -> int:
    names = {name.split("/")[1] for name in file.variables if name.startswith(f"{side}/layer_")}
    numbers = {int(name[6:]) for name in names if name[6:].isdecimal()}
    if not numbers or numbers != set(range(len(numbers))):
        raise ValueError(f"{file.path}: {side} must have its layers numbered from 0, has {len(numbers)}.")
    return len(numbers)


def _is_weight(name: str) -> bool:
    return name.rsplit("/", 1)[-1].removesuffix("_scale") in ("weight", "bias", "gamma", "beta", "encodings")
