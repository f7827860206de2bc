# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A plain checkpoint in a model with added parts: what it lacks must be these parts, and nothing else."""

import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from omegaconf import DictConfig

from nemo.collections.asr.models import ASRModel
from nemo.core.connectors.save_restore_connector import SaveRestoreConnector
from nemo.utils.model_utils import import_class_by_path

__all__ = ["check_checkpoint", "read_config", "restore_with_added_parts"]

CONFIG_FILE = "model_config.yaml"


def check_checkpoint(path: str | Path, argument: str) -> Path:
    """Refuses what is no `.nemo`, in one sentence; the weights are not read.

    Args:
        path: the file.
        argument: who names it, for the message.

    Returns:
        The path.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no archive, is cut off, would write outside of its folder, or has no configuration.
    """
    checkpoint = Path(path)
    where = f"{argument}={checkpoint}"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{where} does not exist (working directory {Path.cwd()}); it must be a .nemo file.")
    try:
        with tarfile.open(checkpoint) as archive:
            names = [PurePosixPath(name) for name in archive.getnames()]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{where} is no archive, or is cut off ({error}); it must be a .nemo file.") from error
    outside = [name for name in names if name.is_absolute() or ".." in name.parts]
    if outside:
        raise ValueError(f"{where} would write {str(outside[0])!r}, outside of its folder; it must be a .nemo file.")
    if not any(name.name == CONFIG_FILE for name in names):
        raise ValueError(f"{where} has no {CONFIG_FILE}; it must be a .nemo file, as NeMo's save_to writes it.")
    return checkpoint


def read_config(checkpoint: Path) -> DictConfig:
    """The config inside a ``.nemo``.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if it is none.
    """
    check_checkpoint(checkpoint, "checkpoint")
    return ASRModel.restore_from(str(checkpoint), return_config=True, map_location="cpu")


def restore_with_added_parts(
    checkpoint: Path, config: DictConfig, added_prefixes: tuple[str, ...], map_location: str
) -> ASRModel:
    """Restore a checkpoint under another config that adds parts to the model.

    Args:
        checkpoint: a ``.nemo`` file.
        config: of the model to build; ``target`` names its class.
        added_prefixes: how the names of the added parameters begin.
        map_location: device of the restored model.

    Raises:
        ValueError: if the checkpoint has weights too many, or lacks others than those of the added parts.
    """
    return import_class_by_path(config.target).restore_from(
        str(checkpoint),
        override_config_path=config,
        map_location=torch.device(map_location),
        strict=False,
        save_restore_connector=_AddedPartsConnector(added_prefixes),
    )


class _AddedPartsConnector(SaveRestoreConnector):
    """Loads weights that may lack the added parts, and nothing else."""

    def __init__(self, added_prefixes: tuple[str, ...]) -> None:
        super().__init__()
        self.added_prefixes = added_prefixes

    def load_instance_with_state_dict(self, instance: Any, state_dict: Any, strict: bool) -> None:
        """Refuse a checkpoint with keys too many, or too few other than the added ones; ``strict`` is NeMo's."""
        keys = instance.load_state_dict(state_dict, strict=False)
        lost = [key for key in keys.missing_keys if not key.startswith(self.added_prefixes)]
        if keys.unexpected_keys or lost:
            raise ValueError(
                f"The checkpoint does not fit its own config: unexpected {keys.unexpected_keys}, missing {lost}."
            )
        instance._set_model_restore_state(is_being_restored=False)
