# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the two attentions of a decoder differ, and what the gate takes from each, in the logs."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from nemo.core.classes import Serialization

from nemo_noise.modules.dual_attention.decoder import AttentionMaps, DualCrossAttention

__all__ = ["DualAttentionMonitor", "gate_entropy", "map_similarity"]


class DualAttentionMonitor(Callback, Serialization):
    """Logs, for every dual cross-attention, how open its gate is and whether the attentions have become one.

    ``dual_attention/<layer>/alpha`` is the mean share of the primary attention, ``.../gate_entropy`` how undecided
    the gate is (0 to 1 bit), ``.../mix`` how far it is open. Where both attentions read as many positions,
    ``.../map_similarity`` is the mean cosine of their weights: 1 if they have collapsed into one.

    Args:
        every_n_steps: how often.

    Raises:
        ValueError: if it is not positive.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        if every_n_steps < 1:
            raise ValueError(f"DualAttentionMonitor: every_n_steps={every_n_steps} must be at least 1.")
        self.every_n_steps = every_n_steps

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuses a model without dual attention, by a ValueError."""
        if not _attentions(pl_module):
            raise ValueError(
                f"DualAttentionMonitor: {type(pl_module).__name__} has no DualCrossAttention; leave it out."
            )

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keeps the maps of this step."""
        for attention in _attentions(pl_module).values():
            attention.keeps_maps = trainer.global_step % self.every_n_steps == 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Logs them."""
        for name, attention in _attentions(pl_module).items():
            maps, attention.last_maps = attention.last_maps, None
            if not attention.keeps_maps or maps is None:
                continue
            attention.keeps_maps = False
            values = {
                "alpha": maps.alpha.mean(),
                "gate_entropy": gate_entropy(maps.alpha),
                "mix": attention.mix.tanh(),
            }
            similarity = map_similarity(maps)
            values |= {} if similarity is None else {"map_similarity": similarity}
            for what, value in values.items():
                pl_module.log(f"dual_attention/{name}/{what}", value.detach().float())


def gate_entropy(alpha: Tensor) -> Tensor:
    """Mean entropy of the choice between two attentions, in bits: 0 if decided, 1 if half and half."""
    share = alpha.clamp(1e-7, 1.0 - 1e-7)
    entropy: Tensor = -(share * share.log2() + (1.0 - share) * (1.0 - share).log2()).mean()
    return entropy


def map_similarity(maps: "AttentionMaps") -> Tensor | None:
    """Mean cosine of the weights of both attentions; None if they read different numbers of positions."""
    if maps.primary.shape != maps.secondary.shape:
        return None
    return torch.nn.functional.cosine_similarity(maps.primary, maps.secondary, dim=3).mean()


def _attentions(module: LightningModule) -> "dict[str, DualCrossAttention]":
    found: list[Any] = [part for part in module.modules() if hasattr(part, "last_maps")]
    return {f"layer_{number}": attention for number, attention in enumerate(found)}
