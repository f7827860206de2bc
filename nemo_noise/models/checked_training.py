# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the config of a training names is looked at before anything is built: files, classes of ours, devices."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from omegaconf import DictConfig, OmegaConf

from nemo_noise.checks import near_names
from nemo_noise.configuration import DATA_SETS
from nemo_noise.data.manifests.manifest import parse_line, require_audio_files

__all__ = ["check_training"]

SEVERAL = (",", "_OP_", "CL_", "://", "{", "*")  # NeMo's ways to name many files, or files elsewhere


def check_training(cfg: DictConfig) -> None:
    """Check what a training would stumble over late, or without the name of the option.

    Args:
        cfg: the whole config of a training script.

    Raises:
        FileNotFoundError: a manifest, the audio of its first line, a tokenizer or a checkpoint is not there.
        ValueError: a class of ours has another name, or the trainer asks for devices that are not here.
    """
    given = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=False))
    model = given.get("model") or {}
    for name in DATA_SETS:
        if isinstance(block := model.get(name), Mapping):
            _check_manifest(block.get("manifest_filepath"), f"model.{name}.manifest_filepath")
    tokenizer = model.get("tokenizer")
    if isinstance(tokenizer, Mapping):
        _require(tokenizer.get("dir"), "model.tokenizer.dir", "the folder with tokenizer.model or vocab.txt")
    start = given.get("init_from_nemo_model")
    starts = (
        {"": start} if isinstance(start, str) else {f".{key}.path": one["path"] for key, one in (start or {}).items()}
    )
    for key, path in starts.items():
        _require(path, f"init_from_nemo_model{key}", "a .nemo file")
    for path, target in _targets(model, "model"):
        _check_class(path, target)
    _check_devices(given.get("trainer") or {})


def _check_manifest(path: Any, option: str) -> None:
    if not isinstance(path, str) or path == "???" or any(sign in path for sign in SEVERAL):
        return
    _require(path, option, "a NeMo manifest")
    with Path(path).open("rb") as lines:
        first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise ValueError(f"{option} is {path!r}, which is empty: should have one JSON object a line")
    require_audio_files([parse_line(first, Path(path), f"{option}: {path}:1")])


def _require(path: Any, option: str, what: str) -> None:
    is_here = not isinstance(path, str) or path == "???" or "${" in path or Path(path).exists()
    if not is_here:
        raise FileNotFoundError(
            f"{option} is {path!r}, which is not there (working directory {Path.cwd()}): give {what}"
        )


def _targets(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """The classes that a config names, and where."""
    if isinstance(node, Mapping):
        if isinstance(target := node.get("_target_"), str):
            yield f"{path}._target_", target
        for key, value in node.items():
            yield from _targets(value, f"{path}.{key}")


def _check_class(option: str, target: str) -> None:
    module, _, name = target.rpartition(".")
    if not module.startswith("nemo_noise."):
        return
    try:
        home = import_module(module)
    except ImportError as error:
        raise ValueError(f"{option} is {target!r}, and there is no {module}: should be as in conf/parts") from error
    if not hasattr(home, name):
        known = getattr(home, "__all__", dir(home))
        raise ValueError(f"{option} is {target!r}, which {module} does not have{near_names(name, known)}")


def _check_devices(trainer: Mapping[str, Any]) -> None:
    accelerator, devices = trainer.get("accelerator", "auto"), trainer.get("devices", "auto")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if accelerator in ("gpu", "cuda") and count == 0:
        raise ValueError(f"trainer.accelerator is {accelerator!r}, but there is no GPU here: should be cpu or auto")
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and count == 0 and not torch.backends.mps.is_available())
    if on_cpu and devices in (-1, "-1"):
        raise ValueError(f"trainer.devices is {devices}, all GPUs, but this runs on a CPU: should be auto, or 1")
    if not on_cpu and isinstance(devices, int) and devices > count > 0:
        raise ValueError(f"trainer.devices is {devices}, but there are {count} GPUs here: should be 1 to {count}")
