# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which modules of a model train and which evaluate, put back after something has changed it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["modes_kept"]


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Let the block call ``eval()`` or what switches modes by itself; afterwards every module has the mode it had.

    ``model.train(mode)`` would not do: it gives one mode to all, and NeMo's models are often in both.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, is_training in modes:
            module.training = is_training
