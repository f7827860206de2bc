# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A plain checkpoint in a model with added parts: what it lacks must be these parts, and nothing else."""

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from nemo.collections.asr.models import ASRModel
from nemo.core.classes.common import _get_allowed_target_class
from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

from nemo_noise.archive import building_from
from nemo_noise.archive.finite_weights import check_model
from nemo_noise.foreign_text import printable

__all__ = ["restore_with_added_parts"]


def restore_with_added_parts(
    checkpoint: Path, config: DictConfig, *, added_prefixes: tuple[str, ...], map_location: str
) -> ASRModel:
    """Restores a `.nemo` under another config, whose ``target`` names the class, that adds parts to the model.

    The names of the added parameters begin with ``added_prefixes``.

    Raises:
        ValueError: if the checkpoint has weights too many, lacks others than those of the added parts, has others of
            another shape, or has some that are no numbers.
    """
    with building_from(checkpoint, config):
        model = _get_allowed_target_class(config.target).restore_from(
            str(checkpoint),
            override_config_path=config,
            map_location=torch.device(map_location),
            strict=False,
            save_restore_connector=_AddedPartsConnector(checkpoint, added_prefixes),
        )
    check_model(model, f"checkpoint={checkpoint}")
    return model


class _AddedPartsConnector(SaveRestoreConnector):
    def __init__(self, checkpoint: Path, added_prefixes: tuple[str, ...]) -> None:
        super().__init__()
        self.checkpoint, self.added_prefixes = checkpoint, added_prefixes

    def load_instance_with_state_dict(self, instance: Any, state_dict: Any, strict: bool) -> None:
        try:
            keys = instance.load_state_dict(state_dict, strict=False)
        except (RuntimeError, TypeError) as error:  # other shapes
            raise ValueError(f"{self.checkpoint} does not fit its own config: {printable(error, 600)}.") from error
        lost = [key for key in keys.missing_keys if not key.startswith(self.added_prefixes)]
        if keys.unexpected_keys or lost:
            raise ValueError(
                f"{self.checkpoint} does not fit its own config: unexpected {keys.unexpected_keys}, missing {lost}."
            )
        instance._set_model_restore_state(is_being_restored=False)
