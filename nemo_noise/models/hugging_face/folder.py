# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The JSON files and the weights of a Hugging Face folder, which is foreign; weights are never unpickled.

No file in it counts as well formed, and no file outside it is read.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nemo_noise.archive.finite_weights import check_finite
from nemo_noise.data.manifests.strict_json import each_key_once
from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.json_fields import JsonFields

__all__ = [
    "check_own_file",
    "find_weights",
    "is_reference",
    "opaque_text",
    "read_features",
    "read_json",
    "read_model_config",
    "read_weights",
]

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
WEIGHT_TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
LARGEST_JSON = 32 * 2**20  # bytes; the index of a model of a thousand layers has less than 1 MB
REFERENCE = "${"  # begins what OmegaConf replaces, by the environment for one
MISSING = "???"  # what OmegaConf takes for nothing


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read the finite floating-point tensors of `model.safetensors`, or of the shards that its index names.

    Raises:
        FileNotFoundError: if there are no weights, or a shard is missing.
        ValueError: if there are only pickled ones, they cannot be read, are not finite, or of another type.
    """
    weights: dict[str, Tensor] = {}
    for file in find_weights(folder):
        tensors = _tensors(file)
        twice = next((name for name in tensors if name in weights), None)
        if twice is not None:
            raise ValueError(f"{printable(file)}: tensor {printable(twice)} is in another shard, too.")
        weights.update(tensors)
    return weights


def find_weights(folder: Path) -> list[Path]:
    """The files of `model.safetensors`, or of the shards that its index names; they are not opened.

    Raises:
        FileNotFoundError: if there are no weights, or a shard is missing.
        ValueError: if there are only pickled ones.
    """
    single, index = folder / WEIGHTS, folder / INDEX
    if single.is_file():
        return [single]
    if index.is_file():
        return _shards(index)
    pickled = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in folder.glob(pattern))
    if pickled:
        raise ValueError(
            f"{folder} has only pickled weights ({printable(pickled[0])}), whose loading can run code. Convert them "
            "to model.safetensors with transformers' save_pretrained, where you trust them."
        )
    raise FileNotFoundError(f"{folder} has no {WEIGHTS} and no {INDEX}.")


def check_own_file(file: Path) -> None:
    """Refuse a link that leads out of the folder: its target would be saved with the model.

    The hub's own cache is a folder of links, from `snapshots/<commit>` into `blobs`; these are fine.

    Raises:
        ValueError: if it is such a link.
    """
    folder = file.parent.resolve()
    homes = (folder, folder.parent.parent / "blobs")
    if file.is_symlink() and not any(file.resolve().is_relative_to(home) for home in homes):
        raise ValueError(
            f"{file} is a link out of its folder, expected the file itself: copy it there if it is yours."
        )


def read_json(file: Path, needed_by: str | None = None) -> dict[str, Any]:
    """Read a JSON object strictly: no key twice, no NaN, limited size and depth; a byte-order mark is skipped.

    A missing file is an empty object, unless ``needed_by`` names the model, such as `a Whisper`, that needs it.

    Raises:
        FileNotFoundError: if a needed file is missing.
        ValueError: if it holds no such object, or is a link out of its folder.
    """
    check_own_file(file)
    if not file.is_file():
        if needed_by is not None:
            raise FileNotFoundError(f"{file} does not exist: {needed_by}'s Hugging Face folder is needed.")
        return {}
    if file.stat().st_size > LARGEST_JSON:
        raise ValueError(f"{file} has {file.stat().st_size} bytes, must have at most {LARGEST_JSON} to be read.")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} must hold a JSON object in UTF-8; byte {error.start} is none of it.") from error
    start = printable(repr(text[:60]))
    try:
        content = json.loads(text, object_pairs_hook=each_key_once, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"{file} must hold a JSON object, not {start}, nested beyond reason.") from error
    except ValueError as error:
        raise ValueError(f"{file} must hold a JSON object, not {start} ({printable(error)}).") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must hold a JSON object, not {start}.")
    return content


def read_model_config(folder: Path, kind: str) -> JsonFields:
    """Read `config.json`, which a folder of this kind must have."""
    return JsonFields(folder / "config.json", read_json(folder / "config.json", kind), kind)


def read_features(folder: Path, kind: str) -> JsonFields:
    """Read the fields of the features from `preprocessor_config.json`, or the newer `processor_config.json`.

    Raises:
        ValueError: if a file holds no JSON object, or the two disagree.
    """
    old, new = folder / "preprocessor_config.json", folder / "processor_config.json"
    fields = read_json(old)
    nested = read_json(new).get("feature_extractor") or {}
    if not isinstance(nested, dict):
        raise ValueError(f"{new}: feature_extractor={printable(repr(nested), 60)} must be an object.")
    for name in fields.keys() & nested.keys():
        if fields[name] != nested[name]:
            raise ValueError(
                f"{old}: {printable(name)}={printable(repr(fields[name]), 60)}, but {new.name} has "
                f"{printable(repr(nested[name]), 60)}: make the two agree, or remove one."
            )
    return JsonFields(new if nested else old, fields | nested, kind)


def opaque_text(content: Any) -> str:
    r"""JSON with each `$` as ``\u0024``: OmegaConf finds nothing to resolve, ``json.loads`` the same content."""
    return json.dumps(content, ensure_ascii=False).replace("$", "\\u0024")


def is_reference(text: str) -> bool:
    """Whether OmegaConf would put something else in place of a text: it holds ``${``, or is ``???``."""
    return REFERENCE in text or text == MISSING


def _shards(index: Path) -> list[Path]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError(f"{index}: weight_map={printable(repr(places), 60)}, expected the file of every tensor.")
    for tensor, name in places.items():
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name or "\\" in name:
            raise ValueError(
                f"{index}: weight_map names {printable(repr(name), 100)} for {printable(tensor, 100)}, expected a "
                ".safetensors file in the same folder."
            )
    shards = [index.parent / name for name in sorted(set(places.values()))]
    lost = [shard.name for shard in shards if not shard.is_file()]
    if lost:
        raise FileNotFoundError(f"{index} names {printable(lost[0])}, which is not in {index.parent}.")
    return shards


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        tensors = dict(load_file(file))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = printable(error, longest=200)
        raise ValueError(f"{file} cannot be read ({reason}), expected tensors as safetensors writes them.") from error
    for name, tensor in tensors.items():
        if tensor.dtype not in WEIGHT_TYPES:
            raise ValueError(
                f"{file}: tensor {printable(name, 100)} is of type {tensor.dtype}, must be one of "
                f"{[str(known) for known in WEIGHT_TYPES]}: save the weights in full, not quantised."
            )
    check_finite(tensors, file)
    return tensors


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
