# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What stays in float32 where a model computes in half precision: sums over time, constants, the state of a stream.

NeMo's transcription scripts call ``model.to(torch.bfloat16)`` on a GPU. A count of frames in bfloat16 stops at 256,
and a sum of ``exp(-x)`` in float16 ends above 65504.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ExactConstants", "at_least_float32", "packed_size", "packed_state", "unpacked_state"]


def at_least_float32(values: Tensor) -> torch.dtype:
    """The type of the values, or float32 if that is coarser."""
    return torch.promote_types(values.dtype, torch.float32)


class ExactConstants(nn.Module):
    """Numbers of a formula, such as a filter bank: attributes that follow the model's device, and are never rounded.

    They are no part of a checkpoint.
    """

    def __init__(self, **constants: Tensor) -> None:
        super().__init__()
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def __getattr__(self, name: str) -> Any:
        """A constant by its name."""
        return super().__getattr__(name)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "ExactConstants":
        """Torch's door for ``to``, ``half`` and ``cuda``: the device is taken, a coarser type is not."""
        for name, constant in self._buffers.items():
            assert constant is not None
            moved = fn(constant)
            is_coarser = torch.promote_types(moved.dtype, constant.dtype) != moved.dtype
            self._buffers[name] = constant.to(moved.device) if is_coarser else moved
        return self


def packed_size(size: int, dtype: torch.dtype) -> int:
    """How many numbers of a cache of this type a state of ``size`` numbers takes: in half precision two for each."""
    return size * 2 if dtype.itemsize == 2 else size


def packed_state(state: Tensor, dtype: torch.dtype) -> Tensor:
    """A state [B, N] for a cache of this type [B, `packed_size`]; in half precision the bits of float32, unrounded."""
    return state.to(torch.float32).contiguous().view(dtype) if dtype.itemsize == 2 else state.to(dtype)


def unpacked_state(numbers: Tensor, size: int) -> Tensor:
    """The state [B, N] of ``size`` N from the first `packed_size` of the numbers of a cache, in float32 at least."""
    own = numbers[:, : packed_size(size, numbers.dtype)]
    return own.contiguous().view(torch.float32) if numbers.dtype.itemsize == 2 else own.to(at_least_float32(own))
