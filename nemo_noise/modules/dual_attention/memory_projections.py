# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Keys and values of a memory, computed once per utterance instead of once per token."""

import weakref
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from nemo.collections.asr.modules.transformer.transformer_modules import MultiHeadAttention

__all__ = ["MemoryProjections"]


class _Entry(NamedTuple):
    memory: "weakref.ref[Tensor]"
    versions: tuple[int, ...]
    padding: Tensor
    key: Tensor
    value: Tensor


class MemoryProjections:
    """The cross-attention part of a KV cache, for NeMo's searches.

    NeMo's greedy and beam search call the decoder once per token with the same tensor of encoder states; the
    projection of it to keys and values is the same each time. It is kept for as long as that very tensor lives and
    neither it nor the weights change, and only in inference: a training step never meets it.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self.enabled = True

    def of(
        self, name: str, attention: MultiHeadAttention, *, whole: Tensor, part: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Keys, scaled as NeMo scales them, and values.

        Args:
            name: of the entry.
            attention: whose projections to use.
            whole: the tensor that the search hands over, by which an utterance is known again [B, T, D].
            part: what of it to project [B, M, D].
            mask: what is added to the scores [B, 1, 1, M]; empty where all is valid. What it masks is read as zero,
                so that whatever is in the padding, NaN too, goes nowhere.

        Returns:
            Keys and values [B, H, M, D / H].
        """
        traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        keeps = self.enabled and not (traced or attention.training or torch.is_grad_enabled())
        versions = _versions(attention, whole) if keeps else ()
        entry = self._entries.get(name)
        padding = mask[:, 0, 0] < 0 if mask.numel() else mask  # [B, M]
        is_same = keeps and entry is not None and entry.memory() is whole and entry.versions == versions
        if is_same and entry is not None and torch.equal(entry.padding, padding):
            return entry.key, entry.value
        self._entries.pop(name, None)
        if mask.numel():
            part = part.masked_fill(padding.unsqueeze(2), 0.0)
        key = attention.transpose_for_scores(attention.key_net(part)) / attention.attn_scale
        value = attention.transpose_for_scores(attention.value_net(part))
        if keeps:
            dead = partial(self._forget, name)
            self._entries[name] = _Entry(weakref.ref(whole, dead), versions, padding, key, value)
        return key, value

    def _forget(self, name: str, _: "weakref.ref[Tensor]") -> None:
        self._entries.pop(name, None)

    def __deepcopy__(self, memo: dict[int, object]) -> "MemoryProjections":
        """A copy of a decoder starts with nothing kept."""
        return MemoryProjections()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Nothing that is kept goes into a pickle, which multiprocessing may ask for."""
        return MemoryProjections, ()


def _versions(attention: MultiHeadAttention, whole: Tensor) -> tuple[int, ...]:
    """Numbers that change when a tensor is written to; tensors made in inference mode do not count."""
    tensors = (whole, *attention.key_net.parameters(), *attention.value_net.parameters())
    return tuple(-1 if tensor.is_inference() else tensor._version for tensor in tensors)
