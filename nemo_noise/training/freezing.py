# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Let only the noise context and its fusions learn; the pretrained recogniser stays as it is."""

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from lightning.pytorch import Callback, LightningModule, Trainer

from nemo.core.classes import Serialization
from nemo.utils import logging

__all__ = ["TrainOnly"]

NOISE_CONTEXT = ("encoder.context_encoder.", "encoder.fusions.")


class TrainOnly(Callback, Serialization):
    """Freezes all parameters but those of the named parts; what is frozen runs as in inference.

    Batch norms and dropouts of frozen modules are switched to eval, so a fine-tuning cannot drift by their statistics.
    For ``trainer.callbacks`` of NeMo's scripts: ``[{_target_: nemo_noise.training.TrainOnly}]``.

    Args:
        parts: how the names of the parameters that learn begin, ``*`` for anything; the noise context and its fusions
            if not given.
    """

    def __init__(self, parts: Sequence[str] = NOISE_CONTEXT) -> None:
        if isinstance(parts, str):
            raise ValueError(f"TrainOnly: parts={parts!r} must be a list, such as [{parts!r}].")
        self.parts = tuple(parts)
        self._frozen_here: list[str] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freezes, and logs how much learns; a ValueError if a part names no parameter."""
        if stage != "fit":
            return
        parameters = dict(pl_module.named_parameters())
        for part in self.parts:
            if not any(fnmatchcase(name, f"{part}*") for name in parameters):
                known = sorted({".".join(name.split(".")[:2]) for name in parameters})
                raise ValueError(f"TrainOnly: parts={part!r} names no parameter; the model has {known}.")
        self._frozen_here = [
            name
            for name, value in parameters.items()
            if value.requires_grad and not any(fnmatchcase(name, f"{part}*") for part in self.parts)
        ]
        for name in self._frozen_here:
            parameters[name].requires_grad_(False)
        learning: Counter[str] = Counter()
        for name, value in parameters.items():
            if value.requires_grad:
                learning[_part_of(name)] += value.numel()
        total = sum(value.numel() for value in parameters.values())
        listed = ", ".join(f"{part} {count:,}" for part, count in learning.items()) or "none"
        logging.info(f"TrainOnly: {learning.total():,} of {total:,} parameters learn: {listed}")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Run frozen modules as in inference."""
        for module in pl_module.modules():
            values = list(module.parameters())
            if values and not any(value.requires_grad for value in values):
                module.eval()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let what was frozen here learn again."""
        parameters = dict(pl_module.named_parameters())
        for name in self._frozen_here:
            parameters[name].requires_grad_(True)
        self._frozen_here = []


def _part_of(name: str) -> str:
    """The part of a model, of its encoder or of its dual attention that a parameter belongs to."""
    if ".second_sub_layer." in name:
        kind = name.split(".second_sub_layer.")[1].split(".")[0]
        return {"secondary": "secondary attention", "gate": "gate", "mix": "gate"}.get(kind, "primary attention")
    return ".".join(name.split(".")[: 2 if name.startswith("encoder.") else 1])
