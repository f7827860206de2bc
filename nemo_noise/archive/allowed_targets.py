# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The classes that the configuration of a foreign checkpoint may name: parts of recognisers alone.

NeMo 3.0.0 also lets a configuration call functions of its own, with any arguments; some of them write, delete or fetch
files. Here a target is a class, at home in one of a few packages. One function, which builds NeMo's decoders, is
named.
"""

import importlib
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from nemo.core.classes import common as nemo_common
from nemo.core.classes.mixins.adapter_mixin_strategies import AbstractAdapterStrategy

__all__ = ["HOMES", "refusal_of"]

# Packages whose modules, models, losses and optimisers may be built.
HOMES = (
    "nemo_noise.models",
    "nemo_noise.modules",
    "nemo.collections.asr.losses",
    "nemo.collections.asr.models",
    "nemo.collections.asr.modules",
    "nemo.collections.asr.parts.submodules",
    "nemo.collections.common.losses",
    "nemo.collections.common.parts",
    "nemo.core.classes.mixins.adapter_mixin_strategies",
    "nemo.core.optim",
    "torch.nn",
    "torch.optim",
)
# Read other checkpoints or files that their configuration names, or fetch them.
_NOT_BUILT = (
    "nemo.collections.asr.models.clustering_diarizer",
    "nemo.collections.asr.models.confidence_ensemble",
    "nemo.collections.asr.models.online_diarizer",
    "nemo.collections.asr.modules.flashlight_decoder",
    "nemo.collections.common.parts.mlm_scorer",
)
_TOKENIZERS = "nemo.collections.common.tokenizers"
_EXACT = {
    f"{_TOKENIZERS}.AggregateTokenizer",
    f"{_TOKENIZERS}.aggregate_tokenizer.AggregateTokenizer",
    f"{_TOKENIZERS}.CanaryTokenizer",
    f"{_TOKENIZERS}.SentencePieceTokenizer",
    f"{_TOKENIZERS}.canary_multilingual_tokenizer.CanaryMultilingualTokenizer",
    f"{_TOKENIZERS}.canary_tokenizer.CanaryBPETokenizer",
    f"{_TOKENIZERS}.canary_tokenizer.CanaryMultilingualTokenizer",
    f"{_TOKENIZERS}.canary_tokenizer.CanaryTokenizer",
    f"{_TOKENIZERS}.sentencepiece_tokenizer.SentencePieceTokenizer",
    "nemo.collections.asr.modules.transformer.get_nemo_transformer",
    "nemo.collections.asr.modules.transformer.transformer_utils.get_nemo_transformer",
}
_LEGACY = nemo_common.ALLOWED_LEGACY_FALLBACK_TARGETS  # replaced by the class that restores


@lru_cache(maxsize=1024)
def refusal_of(target: str) -> str | None:
    """Why a target may not be built from a foreign configuration, as the end of a sentence; None if it may."""
    if target in _EXACT or target in _LEGACY:
        return None
    if not _is_in(target, HOMES):
        return "is outside of the packages of recognisers' parts"
    try:
        found = _locate(target)
    except (ImportError, AttributeError, ValueError) as error:
        return f"cannot be imported here ({error})"
    while hasattr(found, "__wrapped__"):  # NeMo's experimental classes come wrapped
        found = found.__wrapped__
    if not isinstance(found, type):
        return "is no class"
    if not _is_in(found.__module__, HOMES) or _is_in(found.__module__, _NOT_BUILT):
        return f"is a class of {found.__module__}, which is none of recognisers' parts"
    if not issubclass(found, _kinds()):
        return "is neither module, model, loss nor optimiser"
    return None


@lru_cache(maxsize=1)
def _kinds() -> tuple[type, ...]:
    schedulers: Any = torch.optim.lr_scheduler.LRScheduler
    return (
        nn.Module,
        nemo_common.Serialization,
        torch.optim.Optimizer,
        schedulers,
        AbstractAdapterStrategy,
    )


def _is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _locate(target: str) -> Any:
    """The object at a dotted path; imports stay within its own package."""
    parts = target.split(".")
    if not all(part.isidentifier() and not part.startswith("__") for part in parts):
        raise ValueError("it is no dotted path of names")
    found: Any = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:number]))
            except ModuleNotFoundError as error:
                raise AttributeError(f"{'.'.join(parts[: number - 1])} has no {part}") from error
        found = getattr(found, part)
        if isinstance(found, type(importlib)) and not _is_in(found.__name__, (parts[0],)):
            raise ValueError(f"{found.__name__} is another package")
    return found
