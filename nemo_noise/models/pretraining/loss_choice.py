# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which losses the pretraining of a noise context knows, and how a config chooses and weighs them."""

from omegaconf import DictConfig
from torch import nn

from nemo_noise.configuration import is_number, refuse_unknown
from nemo_noise.models.pretraining.losses import (
    EnvironmentContrastiveLoss,
    HiddenNoiseLoss,
    MaskedCodeLoss,
    RedundancyLoss,
    SNRRegressionLoss,
    SpeechLeakageLoss,
    VarianceLoss,
)

__all__ = ["LOSS_NAMES", "build_losses"]

LOSS_NAMES = (
    "masked",
    "masked_cells",
    "contrastive",
    "redundancy",
    "leakage",
    "snr",
    "variance",
    "hidden_noise",
    "sensors",
)


def build_losses(config: DictConfig) -> dict[str, nn.Module]:
    """The losses with a weight above 0, in a fixed order.

    Args:
        config: name of a loss -> its weight and arguments.

    Raises:
        ValueError: if a name is unknown, a weight is negative, or the losses do not go together.
    """
    classes = {
        "masked": MaskedCodeLoss,
        "masked_cells": MaskedCodeLoss,
        "contrastive": EnvironmentContrastiveLoss,
        "redundancy": RedundancyLoss,
        "leakage": SpeechLeakageLoss,
        "snr": SNRRegressionLoss,
        "variance": VarianceLoss,
        "hidden_noise": HiddenNoiseLoss,
        "sensors": MaskedCodeLoss,
    }
    unknown = sorted(set(config) - set(classes))
    if unknown:
        raise ValueError(f"model.losses has unknown names {unknown}; known are {list(LOSS_NAMES)}.")
    losses: dict[str, nn.Module] = {}
    for name in LOSS_NAMES:
        options = dict(config.get(name) or {})
        weight = options.pop("weight", 0.0)
        if not is_number(weight, low=0.0):
            raise ValueError(f"model.losses.{name}.weight={weight!r} must be 0 or more.")
        if weight > 0:
            refuse_unknown(options, classes[name], f"model.losses.{name}")
            losses[name] = classes[name](**options)
    if {"masked", "masked_cells"} <= set(losses):
        raise ValueError("model.losses: masked and masked_cells are two versions of one task; give one a weight of 0.")
    if not losses:
        raise ValueError(f"model.losses has no weight above 0; give one of {list(LOSS_NAMES)} a weight.")
    return losses
