# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A limit on what a model allocates while it is built, in proportion to the weights that fill it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["ConstructionBudget"]

ALWAYS_ALLOWED_NUMBERS = 128 * 2**20  # half a gibibyte: tables of positions, filter banks, windows
NUMBERS_PER_BYTE = 1  # four times float32 weights: weights in bfloat16, buffers, copies of initialisers
ALWAYS_ALLOWED_TENSORS = 4_000
BYTES_PER_TENSOR = 25  # torch.save spends over 250 on each; a layer allocates some tensors more than it keeps
_NAMES = (
    *(
        "empty",
        "zeros",
        "ones",
        "full",
        "rand",
        "randn",
        "randint",
        "randperm",
        "arange",
        "linspace",
        "logspace",
        "eye",
    ),
    *("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window", "tril_indices"),
    *("triu_indices", "empty_strided"),
)
_METHODS = ("new_empty", "new_zeros", "new_ones", "new_full", "repeat", "tile", "clone")
_FACTORIES: frozenset[Callable[..., Any]] = frozenset(
    [*(getattr(torch, name) for name in _NAMES), *(getattr(torch.Tensor, name) for name in _METHODS)]
)


class ConstructionBudget(TorchFunctionMode):
    """Counts what a constructor allocates, before it is allocated; an error ends one that exceeds the limit.

    Args:
        weight_bytes: size of the weights that the model is to hold.
        refusal: makes the message from what is too much, such as "more tensors".

    Attributes:
        refused: the message, once the budget is spent; constructors may catch the error and raise another.
    """

    def __init__(self, weight_bytes: int, refusal: Callable[[str], str]) -> None:
        super().__init__()
        self.numbers_left = ALWAYS_ALLOWED_NUMBERS + NUMBERS_PER_BYTE * weight_bytes
        self.tensors_left = ALWAYS_ALLOWED_TENSORS + weight_bytes // BYTES_PER_TENSOR
        self.refusal = refusal
        self.refused: str | None = None

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _FACTORIES:
            self._charge(func, args, dict(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _charge(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tensors_left -= 1
        self.numbers_left -= _numbers(func, args, kwargs)
        if self.tensors_left < 0 or self.numbers_left < 0:
            self.refused = self.refusal("more tensors" if self.tensors_left < 0 else "larger tensors")
            raise ValueError(self.refused)


def _numbers(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    # made on the meta device, which allocates nothing
    kwargs = {name: value for name, value in kwargs.items() if name not in ("out", "generator", "pin_memory")}
    try:
        if args and isinstance(args[0], torch.Tensor):
            return int(func(args[0].to("meta"), *args[1:], **kwargs).numel())
        return int(func(*args, **{**kwargs, "device": "meta"}).numel())
    except (RuntimeError, TypeError, NotImplementedError):
        return 0  # the call itself raises the error of its arguments
