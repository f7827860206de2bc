# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which noise context a model has, which of its parts use it, and the control that proves it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["context_users", "noise_context_of", "shuffled_context"]


@contextmanager
def shuffled_context(model: nn.Module) -> Iterator[None]:
    """Give every utterance the context of its neighbour in the batch: the control that proves a context is used.

    Args:
        model: a model, an encoder, or any other module that holds parts with ``shuffles_context``; a batch of one
            utterance keeps its own context.
    """
    parts = context_users(model)
    for part in parts:
        part.shuffles_context = True  # type: ignore[assignment]
    try:
        yield
    finally:
        for part in parts:
            part.shuffles_context = False  # type: ignore[assignment]


def context_users(model: nn.Module) -> list[nn.Module]:
    """The parts of a model that use a noise context: a noise-aware encoder, the memory of a second attention."""
    users = [part for part in model.modules() if hasattr(part, "shuffles_context")]
    return [part for part in users if getattr(part, "context_encoder", part) is not None]


def noise_context_of(model: nn.Module) -> nn.Module | None:
    """The context encoder of a model's encoder; None where there is none, as in any plain model of NeMo."""
    context: nn.Module | None = getattr(getattr(model, "encoder", None), "context_encoder", None)
    return context
