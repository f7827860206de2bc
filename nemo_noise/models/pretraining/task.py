# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The interface of pretext tasks: hide a part of the input, and score the prediction of the noise context."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from nemo.core.classes.common import safe_instantiate

from nemo_noise.checks import is_number, mapping, refuse_unknown
from nemo_noise.data.pairs.context_pairs import ContextPair
from nemo_noise.modules import ContextEncoder, SensorStream

__all__ = ["Encoding", "PretextTask", "TaskLoss", "Views", "build_masking", "build_tasks"]


@dataclass(frozen=True)
class Views:
    """Both views of every pair of a batch: B pairs are 2 * B rows, the first views first.

    Attributes:
        pairs: the batch as the loader gives it.
        audio: samples of the mixtures [2 * B, T].
        length: valid samples [2 * B].
        noise: samples of the noise alone [2 * B, T].
        snr_db: [2 * B]; infinite for clean speech and noise alone.
        features: what the context encoder reads [2 * B, D, N]; 0.0 where it is hidden.
        feature_length: valid frames [2 * B].
        mask: what is hidden of the features, as the masking gives it.
        spectrum: samples [2 * B, T] -> log-mel spectrogram, not normalised [2 * B, D, N].
        sensors: streams that the context encoder reads.
        hidden_sensors: which rows lack a stream that the batch has [2 * B].
    """

    pairs: ContextPair
    audio: Tensor
    length: Tensor
    noise: Tensor
    snr_db: Tensor
    features: Tensor
    feature_length: Tensor
    mask: Tensor
    spectrum: Callable[[Tensor], Tensor]
    sensors: Mapping[str, SensorStream] = field(default_factory=dict)
    hidden_sensors: Mapping[str, Tensor] = field(default_factory=dict)


class Encoding(NamedTuple):
    """What the context encoder gives: as it comes [2 * B, C] or [2 * B, S, C], and one context a row [2 * B, C]."""

    encoder: ContextEncoder
    frames: Tensor
    context: Tensor


class TaskLoss(NamedTuple):
    """A scalar, and further numbers for the log."""

    loss: Tensor
    statistics: dict[str, Tensor]


class PretextTask(nn.Module):
    """A task owns its head, its targets and its loss; the context encoder is shared and stays outside.

    Args:
        encoder: the context encoder, for its sizes.
        masking: what hides a part of the features.
    """

    def __init__(self, encoder: ContextEncoder, masking: nn.Module) -> None:
        super().__init__()

    def hide(self, views: Views) -> Views:
        """Take a part of the input away; a task that hides nothing keeps this."""
        return views

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """Score the prediction of what is hidden, and give what else is logged."""
        raise NotImplementedError


def build_masking(config: DictConfig | None, default: str) -> nn.Module:
    """What hides features, from ``model.masking``; its ``_target_`` may be left out."""
    masking: nn.Module = _class_with_options(config or OmegaConf.create(), "model.masking", default)()
    return masking


def build_tasks(
    config: DictConfig, encoder: ContextEncoder, masking: nn.Module
) -> tuple[nn.ModuleDict, dict[str, float]]:
    """The tasks with a weight above 0 and their weights, by name in the order of the config.

    ``config`` maps the name of a task to its ``_target_``, ``weight`` and arguments. A task without weight, or null,
    is left out and has no parameters.

    Raises:
        ValueError: if a task is no mapping or its class none, a weight is negative, an option is unknown, or no task
            has a weight.
    """
    tasks, weights = nn.ModuleDict(), {}
    for name, options in config.items():
        if options is None:
            continue
        mapping("{_target_: ..., weight: 1.0}").check(f"model.tasks.{name}", options)
        weight = options.get("weight", 0.0)
        if not is_number(weight, low=0.0):
            raise ValueError(f"model.tasks.{name}.weight={weight!r} must be 0 or more.")
        if weight > 0:
            made = _class_with_options(options, f"model.tasks.{name}")
            if not (isinstance(made.func, type) and issubclass(made.func, PretextTask)):
                raise ValueError(f"model.tasks.{name}._target_={options._target_} must be a PretextTask.")
            tasks[str(name)] = made(encoder, masking)
            weights[str(name)] = float(weight)
    if not tasks:
        raise ValueError(f"model.tasks has no weight above 0; give one of {[str(name) for name in config]} a weight.")
    return tasks, weights


def _class_with_options(config: DictConfig, where: str, default: str | None = None) -> partial[Any]:
    """A class as ``_target_`` names it, with the other options; NeMo checks the target."""
    options = {"_target_": default} | cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    options.pop("weight", None)
    if not options.get("_target_"):
        raise ValueError(
            f"{where}._target_ is missing; it must be a class such as those of nemo_noise.models.pretraining."
        )
    made: partial[Any] = safe_instantiate(OmegaConf.create(options | {"_partial_": True, "_convert_": "all"}))
    refuse_unknown(made.keywords, made.func, where)
    return made
