# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A learning-rate schedule in parts of each group's own rate: a rise from a tenth, a cosine down to a hundredth.

NeMo's ``CosineAnnealing`` rises from zero, and its ``min_lr`` is one number for all groups: of a group with a tenth of
the rate (``optim_param_groups``) it is ten times as large a part. Importing nemo_noise makes the name known to
``optim.sched.name``.
"""

import math

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["RelativeCosineAnnealing"]


class RelativeCosineAnnealing(LRScheduler):
    """Rise from ``first`` to 1 over the warm-up, then a cosine to ``last``; parts of each group's own rate.

    Args:
        optimizer: the optimizer.
        max_steps: steps of the whole training; NeMo fills it in.
        warmup_steps: steps of the rise.
        warmup_ratio: or the part of ``max_steps`` that it takes.
        first: part of the rate before the first step.
        last: part of the rate at the end and beyond.
        min_lr: no rate falls below this number, whatever its part.
        last_epoch: step of a training that goes on, -1 for a fresh one.

    Raises:
        ValueError: if a part is not between 0 and 1, or the warm-up fills the whole training.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        max_steps: int,
        warmup_steps: int | None = None,
        warmup_ratio: float | None = None,
        first: float = 0.1,
        last: float = 0.01,
        min_lr: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in {"first": first, "last": last}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"RelativeCosineAnnealing: {name}={value} must be from 0 to 1, a part of the rate.")
        if warmup_steps is not None and warmup_ratio is not None:
            raise ValueError(
                f"Give warmup_steps={warmup_steps} or warmup_ratio={warmup_ratio}, and null for the other."
            )
        warmup_steps = warmup_steps if warmup_steps is not None else int((warmup_ratio or 0.0) * max_steps)
        if not 0 <= warmup_steps < max_steps:
            raise ValueError(
                f"RelativeCosineAnnealing: warmup_steps={warmup_steps} must be from 0 to below max_steps={max_steps}."
            )
        self.max_steps, self.warmup_steps, self.first, self.last = max_steps, warmup_steps, first, last
        self.min_lr = min_lr
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float | Tensor]:
        """The rates of all groups at the present step."""
        part = self.part_at(self.last_epoch)
        return [max(self.min_lr, rate * part) for rate in self.base_lrs]

    def part_at(self, step: int) -> float:
        """The part of the rate at a step, counted from 0."""
        if step < self.warmup_steps:
            return self.first + (1.0 - self.first) * step / self.warmup_steps
        course = min(1.0, (step - self.warmup_steps) / (self.max_steps - self.warmup_steps))
        return self.last + (1.0 - self.last) * 0.5 * (1.0 + math.cos(math.pi * course))
