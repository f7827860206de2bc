# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The way that a reader takes along the calls of a function: how often the file changes."""

import ast
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

Function = tuple[str, str]  # module, qualified name


class Walk(NamedTuple):
    """Stays in a file between two changes of it, files, and stays in a file that was left before."""

    stays: int
    files: int
    returns: int


class CallGraph:
    """Calls as far as their text shows: functions and classes by name, methods of `self`, not those of other objects.

    Args:
        root: holds the package.
        package: dotted name; what lies outside is not followed.
    """

    def __init__(self, root: Path, package: str) -> None:
        self._functions: dict[Function, ast.AST] = {}
        self._names: dict[str, Mapping[str, Function]] = {}
        for path in sorted((root / package.replace(".", "/")).rglob("*.py")):
            module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            self._functions |= {(module, name): node for name, node in _functions_of(tree)}
            self._names[module] = {name: (module, name) for name in _top_names(tree)} | dict(_imports(tree))

    def calls(self, function: Function) -> list[Function]:
        """The functions that one calls, in the order in which Python would."""
        node = self._functions[function]
        called = [self._resolve(function, call) for call in _calls_inside(node)]
        return [each for each in called if each is not None]

    def walk(self, start: Function) -> list[str]:
        """The modules on the way: into every function once, and back to its caller."""
        if start not in self._functions:
            raise ValueError(f"no function {start[1]} in {start[0]}")
        seen: set[Function] = set()

        def visit(function: Function) -> Iterator[str]:
            seen.add(function)
            yield function[0]
            for called in self.calls(function):
                if called not in seen:
                    yield from visit(called)
                    yield function[0]

        return list(visit(start))

    def _resolve(self, caller: Function, call: ast.Call) -> Function | None:
        module, name = caller
        *owner, attribute = ast.unparse(call.func).split(".")
        if owner == ["self"]:
            found = (module, f"{name.partition('.')[0]}.{attribute}")
        elif len(owner) <= 1:
            found = self._origin(module, owner[0] if owner else attribute)
            if owner:  # a function of a module, or a class's own constructor
                inside = f"{found[0]}.{found[1]}"
                found = (inside, attribute) if inside in self._names else (found[0], f"{found[1]}.{attribute}")
        else:
            return None
        constructor = (found[0], f"{found[1]}.__init__")
        return next((each for each in (found, constructor) if each in self._functions), None)

    def _origin(self, module: str, name: str) -> Function:
        """Follows a name through the files that pass it on."""
        while (found := self._names.get(module, {}).get(name, (module, name))) != (module, name):
            module, name = found
        return module, name


def walk_calls(root: Path, package: str, start: Function) -> Walk:
    """Measures the way from a function along all its calls.

    Args:
        root: holds the package.
        package: dotted name; calls out of it are not followed.
        start: module and qualified name.

    Raises:
        ValueError: there is no such function.
    """
    stays = [module for module, _ in groupby(CallGraph(root, package).walk(start))]
    return Walk(len(stays), len(set(stays)), len(stays) - len(set(stays)))


def _functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            yield from ((f"{node.name}.{method.name}", method) for method in methods)


def _top_names(tree: ast.Module) -> list[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node.name for node in tree.body if isinstance(node, kinds)]


def _imports(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, (node.module, alias.name)) for alias in node.names)


def _calls_inside(node: ast.AST) -> Iterator[ast.Call]:
    """Arguments before the call that they are for."""
    for child in ast.iter_child_nodes(node):
        yield from _calls_inside(child)
        if isinstance(child, ast.Call):
            yield child
