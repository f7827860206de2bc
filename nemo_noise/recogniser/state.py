# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The state of a recogniser, put back after something has changed it: training modes, weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

__all__ = ["borrowed_weights", "modes_kept"]


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Lets the block call ``eval()`` or what switches modes by itself; afterwards every module has the mode it had.

    ``model.train(mode)`` would not do: it gives one mode to all, and NeMo's models are often in both.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, is_training in modes:
            module.training = is_training


@contextmanager
def borrowed_weights(model: nn.Module, names: Sequence[str]) -> Iterator[list[nn.Parameter]]:
    """Puts copies in place of named parameters and yields them; only they learn, all else runs as in inference.

    The originals are set aside and put back, bit for bit, whatever happens inside; so are gradients, what requires
    one, and training modes. One borrower at a time.
    """
    parameters = dict(model.named_parameters())
    kept = {name: (value.data, value.grad, value.requires_grad) for name, value in parameters.items()}
    try:
        with modes_kept(model):
            model.eval()
            for name, value in parameters.items():
                value.grad = None
                value.requires_grad_(name in names)
            for name in names:
                parameters[name].data = kept[name][0].clone()
            yield [parameters[name] for name in names]
    finally:
        for name, value in parameters.items():
            value.data, value.grad = kept[name][0], None
            value.requires_grad_(kept[name][2])
            value.grad = kept[name][1]
