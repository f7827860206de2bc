# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whispers in CTranslate2's format, written from a folder in Hugging Face's, for the tests."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from nemo_noise.models.whisper.ctranslate2 import CROSS, FORWARD, PLAIN, SELF, STACKED, TABLES

TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")


def write_ctranslate2(folder: Path, of: Path, kind: str = "float32") -> dict[str, np.ndarray]:
    """Write a Whisper as faster-whisper has it.

    Args:
        folder: made if it is not there.
        of: the Hugging Face folder.
        kind: of the weights: float32, float16, int8 or int16; the others are float32.

    Returns:
        The variables as they should be, in float32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = json.loads((of / "config.json").read_text())
    tensors = {name.removeprefix("model."): one for name, one in load_file(of / "model.safetensors").items()}
    found: dict[str, np.ndarray] = {name: tensors[theirs] for name, theirs in TABLES.items()}
    for name, theirs in PLAIN.items():
        found |= _pair(name, tensors[f"{theirs}.weight"], tensors[f"{theirs}.bias"])
    for side in ("encoder", "decoder"):
        for number in range(values[f"{side}_layers"]):
            before, theirs = f"{side}/layer_{number}", f"{side}.layers.{number}"
            for name, part in (SELF | FORWARD | (CROSS if side == "decoder" else {})).items():
                found |= _pair(
                    f"{before}/{name}", tensors[f"{theirs}.{part}.weight"], tensors[f"{theirs}.{part}.bias"]
                )
            for name, parts in STACKED.items():
                if side == "encoder" and not name.startswith("self"):
                    continue
                weight = np.concatenate([tensors[f"{theirs}.{part}.weight"] for part in parts])
                zeros = np.zeros(len(weight) // len(parts), np.float32)
                bias = np.concatenate([tensors.get(f"{theirs}.{part}.bias", zeros) for part in parts])
                found |= _pair(f"{before}/{name}", weight, bias)
    stored: dict[str, np.ndarray] = {}
    for name, array in found.items():
        stored |= _stored(name, array.astype(np.float32), kind)
    numbers = {
        "decoder/activation": np.int8(3),
        "decoder/pre_norm": np.int8(1),
        "decoder/scale_embeddings": np.int8(0),
    }
    heads = {f"{side}/num_heads": np.int16(values[f"{side}_attention_heads"]) for side in ("encoder", "decoder")}
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    if kind in ("int8", "int16"):
        aliases["decoder/projection/weight_scale"] = "decoder/embeddings/weight_scale"
    write_model(folder / "model.bin", stored | {k: np.asarray(v) for k, v in (numbers | heads).items()}, aliases)
    tokenizer = json.loads((of / "tokenizer.json").read_text())
    added = {one["content"]: one["id"] for one in tokenizer["added_tokens"]}
    vocabulary = tokenizer["model"]["vocab"] | added
    (folder / "vocabulary.txt").write_text("".join(f"{token}\n" for token in sorted(vocabulary, key=vocabulary.get)))
    generation = json.loads((of / "generation_config.json").read_text())
    own = {"suppress_ids": generation["suppress_tokens"], "suppress_ids_begin": generation["begin_suppress_tokens"]}
    (folder / "config.json").write_text(json.dumps(own | {"lang_ids": [], "alignment_heads": [[0, 0]]}))
    for file in ("tokenizer.json", "preprocessor_config.json"):
        if (of / file).is_file():
            (folder / file).write_text((of / file).read_text())
    return found


def write_model(
    path: Path,
    variables: Mapping[str, np.ndarray],
    aliases: Mapping[str, str] | None = None,
    *,
    version: int = 6,
    name: str = "WhisperSpec",
    revision: int = 3,
) -> None:
    """Write a `model.bin`."""
    parts = [struct.pack("<I", version), _text(name), struct.pack("<II", revision, len(variables))]
    for key, array in variables.items():
        parts += [_text(key), struct.pack("<B", array.ndim), struct.pack(f"<{array.ndim}I", *array.shape)]
        parts += [
            struct.pack("<BI", TYPES.index(str(array.dtype)), array.nbytes),
            np.ascontiguousarray(array).tobytes(),
        ]
    parts.append(struct.pack("<I", len(aliases or {})))
    parts += [_text(text) for pair in (aliases or {}).items() for text in pair]
    path.write_bytes(b"".join(parts))


def _pair(name: str, weight: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    names = ("gamma", "beta") if name.endswith("norm") else ("weight", "bias")
    return dict(zip((f"{name}/{own}" for own in names), (weight, bias), strict=True))


def _stored(name: str, array: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    """As CTranslate2's converter stores it: weights of whole numbers with their scale."""
    if kind == "float16":
        return {name: array.astype(np.float16)}
    if kind == "float32" or not name.endswith("/weight"):
        return {name: array}
    if kind == "int16":
        scale = np.float32(2**10 / np.abs(array).max())
        return {name: np.rint(array * scale).astype(np.int16), f"{name}_scale": np.asarray(scale)}
    rows = array.reshape(len(array), -1)
    scale = (127.0 / np.abs(rows).max(axis=1)).astype(np.float32)
    return {name: np.rint(rows * scale[:, None]).astype(np.int8).reshape(array.shape), f"{name}_scale": scale}


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text.encode()) + 1) + text.encode() + b"\0"
