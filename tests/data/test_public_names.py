# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What `nemo_noise.data` exports, and that the export costs nothing until it is used."""

import ast
from pathlib import Path

import pytest

from nemo_noise import data


def test_every_public_name_is_there() -> None:
    assert sorted(data.__all__) == sorted(data._HOME_OF)
    assert all(getattr(data, name) is not None for name in data.__all__)


def test_the_names_for_type_checkers_are_those_that_are_there() -> None:
    tree = ast.parse(Path(str(data.__file__)).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names if node.module != "typing"}
    seen.pop("import_module")
    assert seen == {name: f"nemo_noise.data.{home}" for name, home in data._HOME_OF.items()}


def test_nothing_loads_before_its_first_use() -> None:
    tree = ast.parse(Path(str(data.__file__)).read_text(encoding="utf-8"))
    assert [node.module for node in tree.body if isinstance(node, ast.ImportFrom)] == ["importlib", "typing"]


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'nemo_noise.data' has no attribute 'mixx'"):
        _ = data.mixx
