# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which noise context a model has, which of its parts use it, and the control that proves it."""

from contextlib import AbstractContextManager

from torch import nn

from nemo_noise.modules.context.side_inputs import ContextUser, side_inputs

__all__ = ["context_users", "noise_context_of", "shuffled_context"]


def shuffled_context(model: nn.Module) -> AbstractContextManager[None]:
    """Give every utterance the context of its neighbour in the batch: the control that proves a context is used.

    Args:
        model: a model, an encoder, or any other module that holds users of a context; a batch of one utterance keeps
            its own context.
    """
    return side_inputs(context_users(model), shuffles_context=True)


def context_users(model: nn.Module) -> list[ContextUser]:
    """The parts of a model that use a noise context: a noise-aware encoder, the memory of a second attention."""
    return [part for part in model.modules() if isinstance(part, ContextUser) and part.uses_context]


def noise_context_of(model: nn.Module) -> nn.Module | None:
    """The context encoder of a model's encoder; None where there is none, as in any plain model of NeMo."""
    context: nn.Module | None = getattr(getattr(model, "encoder", None), "context_encoder", None)
    return context
