# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Batch norms that take a share of their mean and variance from the utterance itself, not all from the training.

Known as prediction-time batch normalisation (Nado et al., 2020, arXiv 2006.10963); mixed with the training's as by
Schneider et al., NeurIPS 2020 (arXiv 2006.16971). It takes no steps. NeMo's Conformers have such norms where
`conv_norm_type` is `batch_norm`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nemo.collections.asr.models import ASRModel

__all__ = ["OwnStatistics"]

BatchNorm: TypeAlias = _BatchNorm  # torch has no public name for norms of any number of axes


class OwnStatistics:
    """The batch norms of an encoder, and how much they take from the utterance.

    Args:
        model: a NeMo recogniser; a ValueError if a share is wanted and its encoder has no batch norm with statistics.
        share: of the utterance's own mean and variance, from 0 (those of the training) to 1 (its own alone).
    """

    def __init__(self, model: ASRModel, share: float) -> None:
        self._model, self._share = model, share
        modules = model.encoder.modules() if share > 0 else ()
        self._norms = [norm for norm in modules if isinstance(norm, _BatchNorm) and norm.running_mean is not None]
        if share > 0 and not self._norms:
            raise ValueError(
                f"batch_statistics={share}: the encoder of this {type(model).__name__} has no batch norm; use 0, or a "
                "Conformer with conv_norm_type: batch_norm."
            )

    @contextmanager
    def mixed(self) -> Iterator[None]:
        """Run batches of one utterance with mixed statistics; nothing is written to the norms, whatever happens."""
        with ExitStack() as stack:
            if self._norms:
                stack.enter_context(_without_padding(self._model))
            for norm in self._norms:
                stack.callback(norm.register_forward_hook(self._mix).remove)
            yield

    def _mix(self, norm: BatchNorm, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        hidden: Tensor = inputs[0]
        assert norm.running_mean is not None and norm.running_var is not None
        others = [dim for dim in range(hidden.dim()) if dim != 1]
        shape = [-1] + [1] * (hidden.dim() - 2)
        mean = torch.lerp(norm.running_mean.to(hidden), hidden.mean(dim=others), self._share)
        variance = torch.lerp(norm.running_var.to(hidden), hidden.var(dim=others, correction=0), self._share)
        normalized = (hidden - mean.view(shape)) * (variance + norm.eps).rsqrt().view(shape)
        if norm.affine:
            normalized = normalized * norm.weight.view(shape) + norm.bias.view(shape)
        return normalized.to(output)


@contextmanager
def _without_padding(model: ASRModel) -> Iterator[None]:
    def cut(module: nn.Module, inputs: Any, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        features, length = output  # [1, D, F], [1]
        return features[..., : int(length.max())], length

    with ExitStack() as stack:
        if isinstance(getattr(model, "preprocessor", None), nn.Module):
            stack.callback(model.preprocessor.register_forward_hook(cut).remove)
        yield
