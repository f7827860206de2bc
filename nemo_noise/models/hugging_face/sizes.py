# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sizes in a foreign `config.json` against the tensors beside it, and the tensors against the model."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.json_fields import JsonFields

__all__ = ["Size", "check_layers", "check_sizes", "load_weights"]


class Size(NamedTuple):
    """Where a size of a config stands in the weights: a tensor and one of its dimensions."""

    tensor: str
    dimension: int


def check_sizes(
    fields: JsonFields, sizes: Mapping[str, int], *, weights: Mapping[str, Tensor], places: Mapping[str, Size]
) -> None:
    """Refuse a config whose ``sizes`` are not those of the weights, each at its place.

    Raises:
        ValueError: if a tensor is missing, or has another size.
    """
    for name, place in places.items():
        tensor = weights.get(place.tensor)
        if tensor is None:
            raise ValueError(
                f"{printable(fields.file)}: {name}={sizes[name]}, but the weights lack {place.tensor}, which "
                f"{fields.kind} has."
            )
        actual = tensor.shape[place.dimension] if place.dimension < tensor.dim() else 0
        if actual != sizes[name]:
            raise ValueError(
                f"{printable(fields.file)}: {name}={sizes[name]}, but {place.tensor} of the weights is "
                f"{list(tensor.shape)}, which needs {name}={actual}."
            )


def check_layers(fields: JsonFields, name: str, count: int, *, weights: Mapping[str, Tensor], prefix: str) -> None:
    """Refuse a config whose number of layers is not that of the weights.

    ``prefix`` stands before the number of a layer in their names, such as ``encoder.layers.``.

    Raises:
        ValueError: if there are more or fewer.
    """
    numbered = re.compile(re.escape(prefix) + r"(\d{1,9})\.")
    found = {int(match[1]) for match in map(numbered.match, weights) if match}
    if len(found) != count or found != set(range(len(found))):
        held = f"the layers {min(found)} to {max(found)}" if found else "no layer"
        raise ValueError(
            f"{printable(fields.file)}: {name}={count}, but the weights hold {held} ({len(found)} in all) under "
            f"{prefix}*: the two must agree."
        )


def load_weights(
    model: nn.Module, state: Mapping[str, Tensor], folder: str | Path, *, may_lack: Callable[[str], bool]
) -> list[str]:
    """Load tensors by the model's names, and return the names that the folder lacks.

    Raises:
        ValueError: if a tensor is missing that the folder may not lack, is none of the model's, or has another shape.
    """
    expected = model.state_dict()
    missing = [name for name in expected if name not in state]
    lost = [name for name in missing if not may_lack(name)]
    surplus = [name for name in state if name not in expected]
    shapes = [name for name in state if name in expected and state[name].shape != expected[name].shape]
    for names, problem in ((lost, "lacks"), (surplus, "has too many, by"), (shapes, "has other shapes in")):
        if names:
            raise ValueError(
                f"The checkpoint in {folder} {problem} {len(names)} tensor(s), such as {names[0]}: config.json and "
                "the weights must agree."
            )
    model.load_state_dict(state, strict=False)
    return missing
