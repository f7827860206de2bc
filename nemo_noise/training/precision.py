# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How exactly float32 matrices are multiplied: TensorFloat-32, for as long as the training lasts."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from nemo.core.classes import Serialization

__all__ = ["MatmulPrecision"]

PRECISIONS = ("highest", "high", "medium")


class MatmulPrecision(Callback, Serialization):
    """Sets torch's precision of float32 matrix products for a training, and puts back what was before.

    Lightning has no option for it. For ``trainer.callbacks``: ``[{_target_: nemo_noise.training.MatmulPrecision}]``.

    Args:
        precision: ``high`` is TensorFloat-32 on GPUs that have it, ``medium`` bfloat16, ``highest`` float32.

    Raises:
        ValueError: if it is none of these.
    """

    def __init__(self, precision: str = "high") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"MatmulPrecision: precision={precision!r} must be one of {', '.join(PRECISIONS)}.")
        self.precision = precision
        self._before: str | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set it."""
        self._before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(self.precision)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Put back what was."""
        if self._before is not None:
            torch.set_float32_matmul_precision(self._before)
            self._before = None
