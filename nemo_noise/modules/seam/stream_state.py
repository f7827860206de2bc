# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The state that a noise context and a normalisation carry along a stream, in rows behind those of NeMo's cache."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo_noise.modules.precision import packed_size, packed_state, unpacked_state

__all__ = ["Carried", "StateRows"]


class Carried(NamedTuple):
    """What the chunks before left, [B, N] each in float32 at least, and how many frames no later chunk repeats."""

    moments: Tensor
    context: Tensor
    num_kept: int


class StateRows(NamedTuple):
    """Rows for ``num_moments`` numbers of the normalisation and ``num_context`` of the context encoder.

    NeMo's ``cache_last_time`` is [L, B, D, K]: one row of D times K numbers for each of its L layers.
    """

    num_layers: int
    width: int
    frames: int
    num_moments: int
    num_context: int

    @property
    def size(self) -> int:
        """Numbers that one stream carries beside NeMo's own caches."""
        return self.num_moments + self.num_context

    def count(self, dtype: torch.dtype) -> int:
        """Rows of a cache of this type that hold them."""
        return -(-packed_size(self.size, dtype) // (self.width * self.frames))

    def empty_behind(self, cache: Tensor) -> Tensor:
        """NeMo's cache with rows for the state before the first chunk, all zero."""
        rows = torch.zeros_like(cache[:1]).expand(self.count(cache.dtype), -1, -1, -1)
        return torch.cat([cache, rows], dim=0)

    def read(self, cache: Tensor, num_kept: int) -> Carried:
        """The state behind the rows of NeMo's layers, for a chunk of which ``num_kept`` frames enter the next."""
        state = unpacked_state(cache[self.num_layers :].transpose(0, 1).flatten(1), self.size)
        moments, context = state.tensor_split([self.num_moments], dim=1)
        return Carried(moments, context, num_kept)

    def write(self, cache: Tensor, state: Tensor) -> Tensor:
        """Put a state [B, N] behind the rows of NeMo's layers, in the cache's type."""
        num_rows = self.count(cache.dtype)
        numbers = packed_state(state, cache.dtype)
        numbers = nn.functional.pad(numbers, (0, num_rows * self.width * self.frames - numbers.shape[1]))
        rows = numbers.view(-1, num_rows, self.width, self.frames).transpose(0, 1)
        return torch.cat([cache, rows], dim=0)
