# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken options of the pretraining of a noise context."""

from typing import Any

from omegaconf import OmegaConf

from nemo_noise.models.pretraining import SpanMasking
from nemo_noise.models.pretraining.old_config import tasks_from_losses
from nemo_noise.models.pretraining.task import build_tasks
from nemo_noise.modules import AttentiveContextEncoder
from tests.broken_inputs.case import Case

SNR = "SNRRegression"
LINEAR = {"_target_": "torch.nn.Linear", "weight": 1.0, "in_features": 2}


def losses(**config: Any) -> None:
    """Pretraining as configs were before there were tasks."""
    tasks_from_losses(OmegaConf.create({"losses": config}))


def tasks(**config: Any) -> None:
    """Pretext tasks by the names of their classes."""
    named = {
        name: {"_target_": f"nemo_noise.models.pretraining.{kind}", "weight": 1.0} | options
        for name, (kind, options) in config.items()
    }
    tasks_as_they_are(**named)


def tasks_as_they_are(**config: Any) -> None:
    build_tasks(OmegaConf.create(config), AttentiveContextEncoder(feat_in=16, d_context=8), SpanMasking())


CASES = [
    Case("losses-unknown", losses, {"masks": {"weight": 1.0}}, "model.losses", "['masks']", "known are"),
    Case("task-negative", tasks, {"snr": (SNR, {"weight": -1.0})}, "model.tasks.snr.weight", "-1.0", "0 or more"),
    Case("task-a-number", tasks_as_they_are, {"snr": 1.0}, "model.tasks.snr", "1.0", "a mapping"),
    Case(
        "task-of-another-class",
        tasks_as_they_are,
        {"a": LINEAR},
        "model.tasks.a._target_",
        "torch.nn.Linear",
        "PretextTask",
    ),
    Case("tasks-none", tasks, {"snr": (SNR, {"weight": 0.0})}, "model.tasks", "no weight above 0", "give one of"),
    Case(
        "task-without-class", tasks, {"snr": (SNR, {"_target_": None})}, "model.tasks.snr._target_", "missing", "class"
    ),
    Case("task-of-cells-with-spans", tasks, {"a": ("MaskedCells", {})}, "model.masking", "SpanMasking", "CellMasking"),
    Case(
        "losses-of-two-masks",
        losses,
        {"masked": {"weight": 1.0}, "masked_cells": {"weight": 1.0}},
        "model.losses",
        "masked_cells",
        "give one a weight of 0",
    ),
    Case(
        "task-weight-in-words", tasks, {"a": (SNR, {"weight": "much"})}, "model.tasks.a.weight", "'much'", "0 or more"
    ),
    Case(
        "task-option-unknown",
        tasks,
        {"snr": (SNR, {"scale": 3.0})},
        "model.tasks.snr",
        "'scale'",
        "scale_db",
    ),
    Case(
        "task-temperature-0",
        tasks,
        {"contrastive": ("EnvironmentContrast", {"temperature": 0.0})},
        "temperature",
        "0.0",
        "above 0",
    ),
]
