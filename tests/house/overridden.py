# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which methods of a package keep the signature of a class outside it, found by importing the package."""

import importlib
import inspect
from pathlib import Path


def foreign_overrides(root: Path, package: str) -> set[tuple[Path, str]]:
    """Lists (file, qualified name) of methods that a base class outside the package defines too, constructors aside.

    Args:
        root: holds the package; has to be where Python imports it from.
        package: name of the package.
    """
    found = set()
    for path in (root / package).rglob("*.py"):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        assert Path(str(module.__file__)) == path, f"{name} is imported from {module.__file__}, not from {path}"
        classes = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == name]
        for each in classes:
            foreign = {key for base in each.__mro__ if base.__module__.split(".")[0] != package for key in vars(base)}
            found |= {(path, f"{each.__qualname__}.{key}") for key in vars(each).keys() & (foreign - {"__init__"})}
    return found
