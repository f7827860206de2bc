# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every config that a script can be started with composes, by its folder (as our scripts do) and by its full name."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

CONFIGS = Path(__file__).resolve().parents[2] / "conf"
STARTS_A_SCRIPT = re.compile(r"^(defaults|trainer|exp_manager|hydra|output_dir):", flags=re.MULTILINE)
RECIPES = sorted(path for path in CONFIGS.rglob("*.yaml") if STARTS_A_SCRIPT.search(path.read_text(encoding="utf-8")))


def _compose(folder: Path, name: str) -> object:
    with initialize_config_dir(str(folder), version_base="1.1"):
        return OmegaConf.to_container(compose(name), resolve=False)


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_the_recipe_is_the_same_by_folder_and_by_full_name(recipe: Path) -> None:
    # A recipe in a folder needs `# @package _global_`, or NeMo's scripts would get it under the folder's name.
    by_full_name = _compose(CONFIGS, str(recipe.relative_to(CONFIGS).with_suffix("")))
    assert _compose(recipe.parent, recipe.stem) == by_full_name
