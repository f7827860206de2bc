# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What lies in a Hugging Face folder: its JSON files and its weights, which are never unpickled."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

__all__ = ["read_json", "read_weights"]


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read the tensors of `model.safetensors`, or of the shards that its index names.

    Args:
        folder: the folder.

    Returns:
        Tensors by their names.

    Raises:
        FileNotFoundError: if there are no weights, or a shard is missing.
        ValueError: if there are only pickled ones, or they cannot be read.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return _tensors(single)
    if index.is_file():
        places = read_json(index).get("weight_map")
        if not isinstance(places, dict) or not places:
            raise ValueError(f"{index}: weight_map={places!r}, expected the file of every tensor.")
        shards = sorted(set(places.values()))
        lost = [name for name in shards if not (folder / Path(name).name).is_file()]
        if lost:
            raise FileNotFoundError(f"{index} names {lost[0]}, which is not in {folder}.")
        return {key: tensor for name in shards for key, tensor in _tensors(folder / Path(name).name).items()}
    pickled = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in folder.glob(pattern))
    if pickled:
        raise ValueError(
            f"{folder} has only pickled weights ({pickled[0]}), whose loading can run code. Convert them to "
            "model.safetensors with transformers' save_pretrained, where you trust them."
        )
    raise FileNotFoundError(f"{folder} has no model.safetensors and no model.safetensors.index.json.")


def _tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of one file."""
    try:
        return dict(load_file(file))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} cannot be read ({error}), expected tensors as safetensors writes them.") from error


def read_json(file: Path, needed_by: str | None = None) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        file: the file.
        needed_by: whose folder must have it, such as `a Whisper`; None if it may be missing.

    Returns:
        The object; an empty one where the file may be missing and is.

    Raises:
        FileNotFoundError: if a needed file is missing.
        ValueError: if it holds no object.
    """
    if not file.is_file():
        if needed_by is not None:
            raise FileNotFoundError(f"{file} does not exist: {needed_by}'s Hugging Face folder is needed.")
        return {}
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{file} must hold a JSON object, not {text[:60]!r} ({error}).") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must hold a JSON object, not {text[:60]!r}.")
    return content
