# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Names that NeMo and OmegaConf look up: allowed targets, perturbations, schedules, resolvers.

NeMo registers us in the middle of a user's import of it, so that classes are imported when they are first used.
"""

from importlib import import_module
from typing import Any

from omegaconf import OmegaConf

from nemo.collections.asr.parts.preprocessing.perturb import perturbation_types, register_perturbation
from nemo.core.classes.common import ALLOWED_TARGET_PREFIXES
from nemo.core.config.schedulers import SchedulerParams
from nemo.core.optim.lr_scheduler import AVAILABLE_SCHEDULERS, register_scheduler

from nemo_noise.configuration import lightning_shares_out, on_gpu

__all__ = [
    "PERTURBATIONS",
    "RESOLVERS",
    "are_perturbations_registered",
    "are_resolvers_registered",
    "is_prefix_allowed",
    "is_schedule_registered",
    "perturbation_names",
    "register_perturbations",
    "register_prefix",
    "register_resolvers",
    "register_schedule",
]

_PREFIX = "nemo_noise."
_SCHEDULE = "RelativeCosineAnnealing"
PERTURBATIONS = {
    "noise_mix": ("nemo_noise.data.mixing.noise_mix", "NoiseMixPerturbation"),
    "rooms": ("nemo_noise.data.acoustics.perturbation", "AcousticsPerturbation"),
    "devices": ("nemo_noise.data.acoustics.perturbation", "AcousticsPerturbation"),
}
RESOLVERS = {
    "nemo_noise.lightning_shares_out": lightning_shares_out,
    "nemo_noise.on_gpu": on_gpu,
    "nemo_noise.is_null": lambda value: value is None,
}


class _Perturbation:
    """Stands in NeMo's register for a perturbation of ours, and makes it; importing that takes a while."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, **options: Any) -> Any:
        return getattr(import_module(self._module), self._name)(**options)

    def makes(self, kind: type) -> bool:
        return (kind.__module__, kind.__qualname__) == (self._module, self._name)


def register_prefix() -> None:
    """Lets NeMo build our classes from YAML and `.nemo` files."""
    if not is_prefix_allowed():
        ALLOWED_TARGET_PREFIXES.append(_PREFIX)


def is_prefix_allowed() -> bool:
    """Whether NeMo builds our classes."""
    return _PREFIX in ALLOWED_TARGET_PREFIXES


def register_perturbations() -> None:
    """Lets `augmentor` blocks name our perturbations."""
    for name, (module, kind) in PERTURBATIONS.items():
        if name not in perturbation_types:
            register_perturbation(name, _Perturbation(module, kind))


def are_perturbations_registered() -> bool:
    """Whether NeMo's register has ours under all names."""
    return all(isinstance(perturbation_types.get(name), _Perturbation) for name in PERTURBATIONS)


def perturbation_names(kind: type) -> list[str]:
    """The names under which NeMo finds a class of perturbations."""
    return [
        name
        for name, known in perturbation_types.items()
        if known is kind or (isinstance(known, _Perturbation) and known.makes(kind))
    ]


def register_schedule() -> None:
    """Lets `optim.sched.name` name our schedule."""
    if not is_schedule_registered():
        register_scheduler(_SCHEDULE, _relative_cosine_annealing, SchedulerParams())


def is_schedule_registered() -> bool:
    """Whether `optim.sched.name` finds our schedule."""
    return AVAILABLE_SCHEDULERS.get(_SCHEDULE) is _relative_cosine_annealing


def _relative_cosine_annealing(optimizer: Any, *, max_steps: int, **options: Any) -> Any:
    schedule = import_module("nemo_noise.training.optim").RelativeCosineAnnealing
    return schedule(optimizer, max_steps=max_steps, **options)


_relative_cosine_annealing.__name__ = _relative_cosine_annealing.__qualname__ = _SCHEDULE  # NeMo reads it


def register_resolvers() -> None:
    """Lets recipes compute what `conf/parts/base/trainer.yaml` and `data.yaml` do."""
    for name, resolver in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def are_resolvers_registered() -> bool:
    """Whether OmegaConf has them all."""
    return all(OmegaConf.has_resolver(name) for name in RESOLVERS)
