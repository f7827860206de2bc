# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One page for each room of the package: its public names, whose docstrings mkdocstrings reads without an import."""

import ast
from pathlib import Path


def api_pages(package: Path) -> dict[str, str]:
    """Pages by the dotted name of their room; a room without public names has none."""
    rooms = {package.name: package / "__init__.py"}
    rooms |= {f"{package.name}.{init.parent.name}": init for init in sorted(package.glob("*/__init__.py"))}
    rooms.pop(f"{package.name}.command_line", None)  # its page is that of the commands
    pages = {}
    for room, init in rooms.items():
        tree = ast.parse(init.read_text(encoding="utf-8"))
        if names := public_names(tree):
            entries = [f"::: {room}.{name}" for name in sorted(names, key=str.casefold)]
            pages[room] = "\n\n".join([f"# {room}", _first_paragraph(tree), *entries]) + "\n"
    return pages


def public_names(tree: ast.Module) -> list[str]:
    """What `__all__` of a module lists."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            return list(ast.literal_eval(node.value))
    return []


def _first_paragraph(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n\n")[0]
