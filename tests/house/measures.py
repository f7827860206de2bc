# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How the house stands in numbers: `python -m tests.house.measures` prints them beside their goals."""

import argparse
import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.house.overridden import foreign_overrides
from tests.house.walk import walk_calls

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "nemo_noise"
# From the function that has the rows to the page: followed within the evaluation, as far as names say what is called.
ROWS_TO_REPORT = ("nemo_noise.evaluation.instrument", "Instrument.report")
# What is called by position from outside, though no base class says so: wrappers of wrapt, hooks of torch, and these.
WRAPPER, HOOK = ("wrapped", "args", "kwargs"), "module"
CALLED_BY_POSITION = {
    "_SearchRules.step": "the beam search of NeMo's attention models, in the place of its own step",
    "NoiseAwareMixin._fuse_after": "torch, as a hook that knows its site",
}
MANY_PARAMETERS = 4
DUPLICATED_LINES = 4
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

Trees = Mapping[Path, ast.Module]


class Measure(NamedTuple):
    """A line of the table; `before` is what the survey of the first edition found, `places` are what is left to do."""

    name: str
    before: str
    goal: str
    value: str
    places: Sequence[str] = ()


def measure(root: Path) -> Iterator[Measure]:
    """Computes every measure of nemo_noise/ under `root`; each name says what is counted."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((root / PACKAGE).rglob("*.py"))}
    evaluation = {path: tree for path, tree in trees.items() if path.is_relative_to(root / PACKAGE / "evaluation")}
    lines = sum(len(_lines(path)) for path in trees)
    yield Measure("Python files; lines (nemo_noise/)", "234; 30,513", "; < 27,500", f"{len(trees)}; {lines:,}")
    share = sum(map(docstring_lines, trees.values())) / lines
    yield Measure("lines that are docstrings", "25 %", "< 18 %", f"{share:.1%}")
    many, positional = keyword_only(trees, foreign_overrides(root, PACKAGE))
    by_keyword = f"{many - len(positional)} of {many}"
    yield Measure("functions of 4+ parameters with keyword-only ones", "1 of 209", "all", by_keyword, positional)
    yield Measure(
        "files with one importer, which is no __init__", "51", "< 20", str(len(with_one_importer(root, trees)))
    )
    folder, entries = largest_folder(root, trees)
    yield Measure("entries in the largest folder", "38", "12", f"{entries} ({folder.relative_to(root)})")
    records, subscripts = untyped(evaluation)
    yield Measure("dict[str, Any] in evaluation; row[...]", "30; 57", "0; 0", f"{records}; {subscripts}")
    wrapping = importing(trees, "wrapt")
    rooms = sorted({path.relative_to(root / PACKAGE).parts[0].removesuffix(".py") for path in wrapping})
    yield Measure(
        "files that import wrapt; rooms", "4; 2", "; 1", f"{len(wrapping)}; {len(rooms)} ({', '.join(rooms)})"
    )
    walk = walk_calls(root, "nemo_noise.evaluation", ROWS_TO_REPORT)
    yield Measure("rows to report: stays, files, returns", "143, 34, 109", "< 40, 12, 15", ", ".join(map(str, walk)))
    looked = sum(map(attribute_lookups, trees.values()))
    yield Measure("getattr, hasattr per 1,000 lines", "2.8", "", f"{1000 * looked / lines:.1f}")
    pairs = duplicated_places(trees)
    yield Measure(f"pairs of places with {DUPLICATED_LINES}+ equal lines", "169", "", str(pairs))


def docstring_lines(tree: ast.Module) -> int:
    """Counts the lines of all docstrings, their quotes included."""
    documented = [node for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    first = [node.body[0] for node in documented if ast.get_docstring(node, clean=False) is not None]
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in first)


def keyword_only(trees: Trees, exempt: set[tuple[Path, str]]) -> tuple[int, list[str]]:
    """Counts functions of 4 or more parameters without self, and lists those that take none of them by keyword only.

    A method that a base class outside the package has too keeps that one's signature and does not count, nor does what
    wrapt, torch or NeMo call by position.
    """
    many, positional = 0, []
    for path, tree in trees.items():
        for name, node in _functions(tree):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
            names = tuple(each for each in names if each not in {"self", "cls"})
            counted = len(names) + len(node.args.kwonlyargs) >= MANY_PARAMETERS
            if counted and (path, name) not in exempt and not _is_called_by_position(name, names):
                many += 1
                positional += [] if node.args.kwonlyargs else [f"{path}:{node.lineno}: {name}"]
    return many, positional


def with_one_importer(root: Path, trees: Trees) -> list[str]:
    """Lists modules that one other file of the package imports and no `__init__` passes on."""
    modules = {_module(root, path) for path in trees}
    importers = defaultdict(set)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for name in _imported(node):
                found = name if name in modules else name.rpartition(".")[0]
                importers[found].add(path)
    files = [_module(root, path) for path in trees if path.name != "__init__.py"]
    return [name for name in files if [path.name == "__init__.py" for path in importers[name]] == [False]]


def largest_folder(root: Path, trees: Trees) -> tuple[Path, int]:
    """Finds the folder with the most modules and folders of modules."""
    entries = defaultdict(set)
    for path in trees:
        for entry in (path, *path.parents[: len(path.relative_to(root).parts) - 2]):
            entries[entry.parent].add(entry)
    return max(((folder, len(inside)) for folder, inside in entries.items()), key=lambda item: item[1])


def untyped(trees: Trees) -> tuple[int, int]:
    """Counts `dict[str, Any]`, and subscripts of something called row."""
    texts = [
        ast.unparse(node) for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.Subscript)
    ]
    return texts.count("dict[str, Any]"), sum(re.match(r"(\w+\.)?row\[", text) is not None for text in texts)


def importing(trees: Trees, package: str) -> list[Path]:
    """Lists the files that import a package."""
    imports = {path: [name for node in ast.walk(tree) for name in _imported(node)] for path, tree in trees.items()}
    return [path for path, names in imports.items() if package in {name.split(".")[0] for name in names}]


def attribute_lookups(tree: ast.Module) -> int:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sum(isinstance(called, ast.Name) and called.id in {"getattr", "hasattr"} for called in calls)


def duplicated_places(trees: Trees) -> int:
    """Counts pairs of places that share at least so many lines in a row; blank lines, imports and comments aside."""
    places = defaultdict(list)
    for path in trees:
        kept = [line.strip() for line in _lines(path)]
        kept = [line for line in kept if len(line) > 1 and not re.match(r"#|import |from \S+ import", line)]
        for start in range(len(kept) - DUPLICATED_LINES + 1):
            places["\n".join(kept[start : start + DUPLICATED_LINES])].append((path, start))
    pairs = {(a, b) for found in places.values() for i, a in enumerate(found) for b in found[i + 1 :]}
    return sum(((a[0], a[1] - 1), (b[0], b[1] - 1)) not in pairs for a, b in pairs)


def _is_called_by_position(function: str, names: tuple[str, ...]) -> bool:
    first = names[0].lstrip("_") if names else ""
    return (first, *names[-2:]) == WRAPPER or first == HOOK or function in CALLED_BY_POSITION


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _module(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []


def _functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Walks functions with their qualified names."""
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        name = f"{outer}.{node.name}".lstrip(".") if named else outer
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, node
        yield from _functions(node, name)


def main() -> None:
    """Prints the table; `--places` adds where something is left to do, a folder measures another checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=REPOSITORY, help="a checkout; has to be on PYTHONPATH")
    parser.add_argument("--places", action="store_true", help="list functions and files that keep a goal away")
    options = parser.parse_args()
    measured = list(measure(options.folder.resolve()))
    rows = [Measure("measure", "first edition", "goal", "today"), *measured]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row[:4], widths, strict=True)).rstrip())
    for row in measured if options.places else []:
        print("".join(f"\n{place}" for place in row.places), end="\n" if row.places else "")


if __name__ == "__main__":
    main()
