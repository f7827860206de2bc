# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The arms of an experiment: their names, their overrides, where their models lie, and the commands that make them."""

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

__all__ = ["CONFIGS", "EXAMPLES", "PREPARATION", "RECIPES", "Arms", "arms_of", "folder_of", "plain", "script_command"]

Arms = Mapping[str, Mapping[str, Any]]

CONFIGS = Path(__file__).resolve().parent
PREPARATION, RECIPES = CONFIGS / "preparation", CONFIGS / "recipes"  # of the data; of the trainings
EXAMPLES = CONFIGS.parent / "examples"


def arms_of(cfg: DictConfig) -> Arms:
    """The arms by name: those of `arms`, then all combinations of `grid` (question -> answer -> overrides)."""
    arms = {name: arm for name, arm in plain(cfg.arms).items() if arm is not None}
    grid = plain(cfg.get("grid") or OmegaConf.create())
    for answers in itertools.product(*(question.items() for question in grid.values())) if grid else ():
        name = "_".join(answer for answer, _ in answers)
        arms[name] = {"overrides": [override for _, overrides in answers for override in overrides]}
    return arms


def folder_of(cfg: DictConfig, name: str, seed: int) -> Path:
    """Where the model of an arm and seed lies, as `model.nemo`, with its evaluation."""
    return Path(cfg.output_dir) / name / f"seed_{seed}"


def script_command(script: Path, overrides: list[str], recipe: str | None = None) -> tuple[str, ...]:
    """The command line of a script; with a recipe of the experiments, if one is named."""
    config = [f"--config-path={RECIPES}", f"--config-name={recipe}"]
    return (sys.executable, str(script), *(config if recipe else []), *overrides)


def plain(config: DictConfig) -> dict[str, Any]:
    """A config as a plain dictionary."""
    return cast(dict[str, Any], OmegaConf.to_container(config))
