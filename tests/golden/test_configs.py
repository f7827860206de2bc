# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A recipe gives a script what it gave, whatever it is made of; so does every part that it can take in."""

import difflib

import pytest
import yaml

import nemo_noise  # noqa: F401  registers with NeMo
from tests.golden.configs import composed, content, parts, recipes
from tests.golden.make_configs import FOLDER, PARTS

RECIPES = sorted(
    path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml") if path != PARTS
)


def _check(name: str, expected: str, actual: str) -> None:
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "expected", "found", n=3, lineterm="")
    assert expected == actual, f"{name}:\n" + "\n".join(lines)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_what_it_gave(name: str) -> None:
    _check(name, (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), composed(name))


def test_parts_are_what_they_were() -> None:
    for name, expected in yaml.safe_load(PARTS.read_text(encoding="utf-8")).items():
        _check(name, yaml.safe_dump(expected), yaml.safe_dump(content(name)))


def test_every_recipe_and_part_is_watched() -> None:
    assert recipes() == RECIPES
    assert parts() == sorted(yaml.safe_load(PARTS.read_text(encoding="utf-8")))
