# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the tree at the end of README.md (`make tree`): every module with the idea that its first line says."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import list_files

REPOSITORY = Path(__file__).resolve().parents[2]
WIDTH = 119
# What a folder or a file without a docstring is for.
PURPOSES = {
    "nemo_noise": "the package",
    "nemo_noise/data": "before the tensor",
    "nemo_noise/data/acoustics": "rooms and devices",
    "nemo_noise/data/corpora": "manifests of public corpora",
    "nemo_noise/recogniser": "a NeMo ASR model seen from outside",
    "nemo_noise/nemo_patches": "all that is changed or registered in NeMo, Lightning and Lhotse",
    "nemo_noise/modules": "tensors in, tensors out",
    "nemo_noise/training": "what a training run needs beside NeMo's trainer",
    "nemo_noise/models": "names that a NeMo user can restore",
    "nemo_noise/inference": "streaming, adaptation, decoding",
    "nemo_noise/evaluation": "the instrument",
    "hydra_plugins": "lets NeMo's own scripts see us",
    "conf": "parts, and recipes of at most 30 lines that put them together",
    "examples": "scripts shaped like NeMo's; the demo",
    "tests": "mirrors nemo_noise; contracts.py, and house/ with the rules of this repository",
    "docs": "one page per room, decisions, results, log",
    "CHANGELOG.md": "what changed",
    "CONTRIBUTING.md": "how to work on it",
    "Dockerfile": "on NVIDIA's NeMo container",
    "LICENSE": "Apache-2.0",
    "MANIFEST.in": "conf/ goes into the source archive",
    "Makefile": "demo, test, results",
    "README.md": "this page",
    "constraints.txt": "pinned versions",
    "pyproject.toml": "packaging, linters, types, tests",
}


def main() -> None:
    """Replaces the last code block of the README."""
    readme = REPOSITORY / "README.md"
    before, _, _ = readme.read_text(encoding="utf-8").rpartition("```\n")[0].rpartition("```\n")
    readme.write_text(f"{before}```\n" + "\n".join(tree_lines(list_files(REPOSITORY))) + "\n```\n", encoding="utf-8")


def tree_lines(files: list[Path]) -> Iterator[str]:
    """Lists our package with its modules first, then the rest of the top."""
    top = sorted({name.parts[0] for name in files if not name.parts[0].startswith(".")}, key=_top_order)
    for entry in top:
        yield _line(Path(entry), 0)
        if entry == "nemo_noise":
            modules = [name for name in files if name.parts[0] == entry and name.suffix == ".py"]
            yield from _package_lines([name for name in modules if name.name != "__init__.py"])


def _package_lines(modules: list[Path]) -> Iterator[str]:
    rooms = {name.parent for name in modules}
    for entry in sorted(rooms | set(modules), key=lambda name: (name.suffix == ".py" and len(name.parts) == 2, name)):
        if len(entry.parts) > 1:
            yield _line(entry, len(entry.parts) - 1)


def _line(name: Path, depth: int) -> str:
    is_folder = (REPOSITORY / name).is_dir()
    shown = "  " * depth + name.name + ("/" if is_folder else "")
    return f"{shown:<30}  {_purpose(name)}"[:WIDTH].rstrip()


def _purpose(name: Path) -> str:
    if name.suffix == ".py":
        docstring = ast.get_docstring(ast.parse((REPOSITORY / name).read_text(encoding="utf-8"))) or ""
        return _shortened(docstring.split("\n")[0].rstrip("."), WIDTH - 32)
    return PURPOSES.get(str(name), "")


def _shortened(sentence: str, room: int) -> str:
    """Leaves out what follows a semicolon or a comma, as far as it takes, or the last words."""
    if len(sentence) <= room:
        return sentence
    for mark in (";", ","):
        if sentence.find(mark) in range(room // 3, room):
            return sentence[:room].rpartition(mark)[0]
    return sentence[: room - 4].rpartition(" ")[0].rstrip(",;:") + " ..."


def _top_order(entry: str) -> tuple[bool, bool, str]:
    return (entry != "nemo_noise", not (REPOSITORY / entry).is_dir(), entry)


if __name__ == "__main__":
    main()
