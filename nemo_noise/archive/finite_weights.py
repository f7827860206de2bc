# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Refusal of weights with NaN or infinity: the text of such a model looks like any other."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from nemo_noise.foreign_text import printable

__all__ = ["check_finite", "check_model"]


def check_finite(
    named_tensors: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]], where: str | Path, *, remedy: str | None = None
) -> None:
    """Refuse weights that hold NaN or an infinite number.

    ``where`` names their file, folder or model, such as `model=whisper.nemo`; ``remedy`` is one clause, None advises
    to take another copy or checkpoint.

    Raises:
        ValueError: if a tensor holds one. It names the first such tensor, its first bad value and its place, and
            counts bad values and further such tensors.
    """
    pairs = named_tensors.items() if isinstance(named_tensors, Mapping) else named_tensors
    bad = [(name, tensor.detach()) for name, tensor in pairs if not bool(_is_finite(tensor.detach()).all())]
    if not bad:
        return
    name, tensor = bad[0]
    places = (~_is_finite(tensor)).nonzero()
    index = tuple(int(number) for number in places[0])
    more = f"; {len(bad) - 1} more tensor(s) hold such values" if len(bad) > 1 else ""
    raise ValueError(
        f"{printable(where)}: tensor {printable(name, longest=200)} holds {tensor[index].item()!r} at "
        f"{list(index)}, {len(places)} of its {tensor.numel()} values are not finite{more}. A model with such weights "
        f"gives no meaningful text: {remedy or 'use another copy of the file, or an earlier checkpoint'}."
    )


def check_model(model: nn.Module, where: str | Path) -> None:
    """Refuse a model whose parameters hold NaN or infinity, or whose saved buffers hold NaN.

    Infinity in a buffer stays: masks are written by it.

    Raises:
        ValueError: as `check_finite`.
    """
    learned = dict(model.named_parameters(remove_duplicate=False))
    buffers = {name: tensor for name, tensor in model.state_dict().items() if name not in learned}
    real = {name: tensor for name, tensor in buffers.items() if tensor.is_floating_point()}
    check_finite(learned, where)
    check_finite({name: tensor.masked_fill(tensor.isinf(), 0.0) for name, tensor in real.items()}, where)


def _is_finite(tensor: Tensor) -> Tensor:
    if tensor.is_floating_point() and tensor.element_size() == 1:  # 8 bits have no isfinite
        tensor = tensor.float()
    return torch.isfinite(tensor)
