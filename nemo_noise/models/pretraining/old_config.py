# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Configs and weights from before ``_target_`` built the pretext tasks, in the form of today."""

from typing import Any

from omegaconf import DictConfig
from torch import Tensor, nn

from nemo_noise.checks import is_number

__all__ = ["SPAN_MASKING", "rename_old_weights", "tasks_from_losses"]

HOME = "nemo_noise.models.pretraining"
SPAN_MASKING = f"{HOME}.SpanMasking"
# name in `losses` -> class of the task, and sections of the old config with further arguments
_TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "masked": ("MaskedSpans", ("codes", "predictor")),
    "masked_cells": ("MaskedCells", ("cells",)),
    "contrastive": ("EnvironmentContrast", ()),
    "redundancy": ("Redundancy", ()),
    "leakage": ("SpeechLeakage", ()),
    "snr": ("SNRRegression", ()),
    "variance": ("ContextVariance", ()),
    "hidden_noise": ("HiddenNoise", ()),
    "sensors": ("MaskedSensors", ("sensors",)),
}
_MASKING_OF_CELLS = ("num_groups", "groups_per_span", "frames_per_step", "steps_per_span", "share", "window_stride")
_WEIGHTS = {
    "codes.": "tasks.masked.codes.",
    "predictor.": "tasks.masked.predictor.",
    "cells.codes.": "tasks.masked_cells.codes.",
    "cells.predictor.": "tasks.masked_cells.predictor.",
    "projector.": "tasks.contrastive.projector.",
    "snr_head.": "tasks.snr.head.",
    "hidden_noise_head.": "tasks.hidden_noise.head.",
    "sensors.": "tasks.sensors.",
}


def tasks_from_losses(cfg: DictConfig) -> None:
    """Replace ``losses`` and the sections beside it by ``tasks`` and ``masking``, in place.

    Raises:
        ValueError: if a loss is unknown, or both versions of masked prediction have a weight.
    """
    if "losses" not in cfg:
        return
    losses = {name: dict(options or {}) for name, options in cfg.pop("losses").items()}
    unknown = sorted(set(losses) - set(_TASKS))
    if unknown:
        raise ValueError(f"model.losses has unknown names {unknown}; known are {list(_TASKS)}.")
    sections: dict[str, Any] = {
        name: dict(cfg.pop(name, None) or {}) for name in ("codes", "predictor", "cells", "sensors")
    }
    projector = cfg.pop("projector", None)
    used = {name for name, options in losses.items() if is_number(options.get("weight"), low=1e-12)}
    if {"masked", "masked_cells"} <= used:
        raise ValueError("model.losses: masked and masked_cells are two versions of one task; give one a weight of 0.")
    of_cells = {name: sections["cells"].pop(name) for name in _MASKING_OF_CELLS if name in sections["cells"]}
    if "masked_cells" in used:
        cfg.masking = {"_target_": f"{HOME}.CellMasking"} | of_cells
    cfg.tasks = {}
    for name, (kind, parts) in _TASKS.items():  # in the order in which the parameters are drawn
        if name in losses:
            further = {key: value for part in parts for key, value in sections[part].items()}
            cfg.tasks[name] = {"_target_": f"{HOME}.{kind}"} | losses[name] | further
            if name == "contrastive" and projector is not None:
                cfg.tasks[name].projector = projector


def rename_old_weights(model: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Names of parameters that were the model's own and are a task's; for ``register_load_state_dict_pre_hook``."""
    for name in list(state):
        for old, new in _WEIGHTS.items():
            if name.startswith(prefix + old):
                state[prefix + new + name[len(prefix + old) :]] = state.pop(name)
