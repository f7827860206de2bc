# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which experts and noise types of a noise context are in use while it learns, in the logs."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from nemo.core.classes import Serialization

__all__ = ["NoiseContextMonitor", "perplexity"]


class NoiseContextMonitor(Callback, Serialization):
    """Logs the share of every expert and how many experts or noise types are in use.

    It finds modules with a vector ``usage`` that sums to 1, as ``MixtureFusion`` and ``NoiseTypeContextEncoder``
    have. For each it logs ``noise_context/<module>/in_use`` (the perplexity: N if all N are used alike, 1 if one is)
    and, with up to ``num_shares`` entries, the share of each.

    Args:
        every_n_steps: how often.
        num_shares: vectors longer than this are logged by their perplexity only.
    """

    def __init__(self, every_n_steps: int = 50, num_shares: int = 8) -> None:
        if every_n_steps < 1:
            raise ValueError(f"NoiseContextMonitor: every_n_steps={every_n_steps} must be at least 1.")
        self.every_n_steps = every_n_steps
        self.num_shares = num_shares

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Logs."""
        if trainer.global_step % self.every_n_steps:
            return
        for name, module in pl_module.named_modules():
            usage = getattr(module, "usage", None)
            if not isinstance(usage, Tensor) or usage.dim() != 1:
                continue
            pl_module.log(f"noise_context/{name}/in_use", perplexity(usage))
            if len(usage) <= self.num_shares:
                for number, share in enumerate(usage):
                    pl_module.log(f"noise_context/{name}/share_{number}", share)


def perplexity(usage: Tensor) -> Tensor:
    """How many of N are in use: ``exp(entropy)`` of shares [N] that sum to 1, a scalar."""
    return (-(usage * usage.clamp_min(1e-12).log()).sum()).exp()
