# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Our YAML: where it lies (beside the package, or inside it in a wheel), what it computes, keys that nobody reads."""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeGuard

import torch
from omegaconf import DictConfig

DATA_SETS = ("train_ds", "validation_ds", "test_ds")


def config_directory() -> Path:
    """Finds the folder of our configs.

    Returns:
        The absolute path of `conf/`.

    Raises:
        FileNotFoundError: The package was installed without its configs.
    """
    package = Path(__file__).resolve().parent
    candidates = (package / "conf", package.parent / "conf")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"no configs in {candidates[0]} (as in a wheel) or {candidates[1]} (as in a checkout): reinstall nemo-noise"
    )


def lightning_shares_out(*, _root_: DictConfig) -> bool:
    """Whether Lightning has to share the utterances out among the processes: not where Lhotse reads them.

    It is the value of Lightning's ``use_distributed_sampler``. NeMo's Lhotse loader gives every process its part, and
    Lightning cannot divide it again: its sampler has no length.

    Args:
        _root_: the whole config; OmegaConf fills it in.

    Raises:
        ValueError: if Lhotse reads the validation or test data alone, whose sampler Lightning would then divide.
    """
    model = _root_.get("model") or {}
    uses_lhotse = {name: bool((model.get(name) or {}).get("use_lhotse")) for name in DATA_SETS}
    if uses_lhotse["train_ds"]:
        return False
    for name in DATA_SETS[1:]:
        if uses_lhotse[name]:
            raise ValueError(
                f"model.{name}.use_lhotse=True beside model.train_ds.use_lhotse=False: Lightning shares out the data "
                "of one loader or of none; take the same for both."
            )
    return True


def on_gpu(*, _root_: DictConfig) -> bool:
    """Whether the trainer of a config will use GPUs, as its ``accelerator`` and the machine say.

    Args:
        _root_: the whole config; OmegaConf fills it in.
    """
    accelerator = (_root_.get("trainer") or {}).get("accelerator", "auto")
    return accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> TypeGuard[int | float]:
    """Tells whether a value of a config or a manifest is a finite number from low to high; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value) and low <= value <= high
    except OverflowError:  # a whole number beyond a float
        return False


def refuse_unknown(given: Iterable[str], kind: Callable[..., Any], where: str) -> None:
    """Refuses keys of a config that are no arguments of what is made from it.

    Args:
        given: the keys.
        kind: a class or function.
        where: the block that they stand in, for the message.

    Raises:
        ValueError: if there is no such argument; names all that there are.
    """
    parameters = inspect.signature(kind).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    unknown = [name for name in given if name not in known]
    if unknown:
        near = difflib.get_close_matches(str(unknown[0]), known, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{where}: has no option {unknown[0]!r}{meant}, expected some of {', '.join(known)}")
