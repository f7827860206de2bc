# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The commands and names that the pages quote are there, with these options."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import nemo_noise
from nemo_noise.command_line.application import application
from tests.house import rules

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(repository: Path, *, python: bool) -> Iterator[tuple[str, str]]:
    """Page and text of every block of code, in Python or in none."""
    pages = [name for name in rules.list_files(repository) if name.suffix == ".md" and name.parts[0] != "experiments"]
    for page in pages:
        for language, text in BLOCK.findall((repository / page).read_text(encoding="utf-8")):
            if (language == "python") is python:
                yield str(page), text


def quoted(repository: Path) -> list[tuple[str, list[str]]]:
    """Every command line of a page that begins with `nemo-noise`, as its arguments."""
    found = []
    for page, text in blocks(repository, python=False):
        for line in text.replace("\\\n", " ").splitlines():
            if line.removeprefix("$ ").startswith("nemo-noise "):
                found.append((page, shlex.split(line.removeprefix("$ "), comments=True)[1:]))
    return found


def test_every_quoted_command_is_one_with_these_options(repository: Path) -> None:
    group: Any = typer.main.get_command(application())
    lines = quoted(repository)
    assert len(lines) > 8
    for page, arguments in lines:
        if arguments[0].startswith("-"):
            continue
        assert arguments[0] in group.commands, f"{page}: {arguments}"
        try:
            group.commands[arguments[0]].make_context(arguments[0], arguments[1:])
        except Exception as error:
            pytest.fail(f"{page}: nemo-noise {shlex.join(arguments)}: {error}")


def test_every_quoted_name_of_the_package_is_public(repository: Path) -> None:
    names = set()
    for page, text in blocks(repository, python=True):
        names |= {(page, name) for name in re.findall(r"\bnemo_noise\.(\w+)\(", text)}
    assert names
    assert {(page, name) for page, name in names if name not in nemo_noise.__all__} == set()


def test_the_python_of_the_readme_parses(repository: Path) -> None:
    texts = [text for page, text in blocks(repository, python=True) if page == "README.md"]
    assert len(texts) == 1 and len(ast.parse(texts[0]).body) >= 5
