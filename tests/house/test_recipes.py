# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every config that a script can be started with composes, and what a group offers is a part."""

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
    kind = CONFIGS / recipe.relative_to(CONFIGS).parts[0]  # parts, recipes or scripts
    by_full_name = _compose(kind, str(recipe.relative_to(kind).with_suffix("")))
    assert _compose(recipe.parent, recipe.stem) == by_full_name


def test_no_recipe_and_no_script_is_offered_as_an_option_of_a_group() -> None:
    roots = [folder for kind in ("recipes", "parts") for folder in (CONFIGS / kind).iterdir()]
    assert all(folder.is_dir() for folder in roots) and len({folder.name for folder in roots}) == len(roots)
    assert not [path for path in (CONFIGS / "scripts").iterdir() if path.is_dir()]
    parts = (CONFIGS / "parts").rglob("*.yaml")
    assert not [path for path in parts if re.search(r"^(name|hydra):", path.read_text(encoding="utf-8"), re.MULTILINE)]
