# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters (LoRA) by the package ``peft``, whose only door this is: what a noise context is compared with."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from nemo.core.classes import Serialization
from nemo.utils import logging

__all__ = ["LowRankAdapters"]

ATTENTION = r"encoder\.whisper\.layers\.\d+\.self_attn\.(q|v)_proj"
ADAPTER = "low_rank"


class LowRankAdapters(Callback, Serialization):
    """Trains low-rank changes of chosen matrices and nothing else; at the end they are merged into the matrices.

    LoRA (Hu et al., 2021, arXiv 2106.09685), the layers are those of ``peft``. A trained model has the parts, the
    names and the cost of one without adapters. For ``trainer.callbacks`` of our scripts.

    Args:
        rank: of each change; an adapter of a matrix [D, E] has ``rank * (D + E)`` numbers.
        scale: factor of the change, ``lora_alpha / r`` of the paper.
        dropout: on what an adapter reads.
        targets: regular expression of the whole names of the linear layers; the queries and values of Whisper's
            encoder if not given.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(self, rank: int = 16, *, scale: float = 1.0, dropout: float = 0.0, targets: str = ATTENTION) -> None:
        if rank < 1 or scale <= 0.0 or not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"LowRankAdapters: rank={rank}, scale={scale}, dropout={dropout}; expected a rank of at least 1, a "
                "scale above 0 and a dropout from 0 to below 1."
            )
        self.rank, self.scale, self.dropout, self.targets = rank, scale, dropout, targets
        self._tuner: Any = None
        self._learned: list[str] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Puts adapters beside the matrices, and freezes all else.

        Raises:
            ValueError: if no layer has such a name, or checkpoints would be saved as a `.nemo` with the adapters.
            ImportError: if ``peft`` is not installed.
        """
        if stage != "fit" or self._tuner is not None:
            return
        _check_checkpoints(trainer)
        peft = _peft()
        self._learned = [name for name, value in pl_module.named_parameters() if value.requires_grad]
        config = peft.LoraConfig(
            r=self.rank, lora_alpha=self.scale * self.rank, lora_dropout=self.dropout, target_modules=self.targets
        )
        try:
            self._tuner = peft.LoraModel(pl_module, config, ADAPTER)
        except ValueError as error:  # peft has found none of the targets
            raise ValueError(
                f"LowRankAdapters: targets={self.targets!r} fits no linear layer of the model."
            ) from error
        counts = {True: 0, False: 0}
        for name, value in pl_module.named_parameters():
            value.requires_grad_(f".lora_A.{ADAPTER}." in name or f".lora_B.{ADAPTER}." in name)
            counts[value.requires_grad] += value.numel()
        logging.info(f"LowRankAdapters: {counts[True]:,} parameters learn, {counts[False]:,} stay as they are.")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Merges the changes into the matrices; checkpoint callbacks, which come last, save the plain parts."""
        if self._tuner is None:
            return
        self._tuner.merge_and_unload()
        self._tuner = None
        if hasattr(pl_module, "peft_config"):
            del pl_module.peft_config
        for name, value in pl_module.named_parameters():
            value.requires_grad_(name in self._learned)


def _check_checkpoints(trainer: Trainer) -> None:
    for callback in trainer.checkpoint_callbacks:
        for option in ("always_save_nemo", "save_best_model"):
            if getattr(callback, option, False):
                raise ValueError(
                    f"exp_manager.checkpoint_callback_params.{option}=true saves a .nemo with unmerged adapters, or "
                    "loads them behind the end; should be false: the merged model is saved at the end."
                )


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise ImportError("LowRankAdapters needs peft: pip install 'nemo-noise[adapters]'") from error
    return peft
