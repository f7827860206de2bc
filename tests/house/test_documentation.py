# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pages lead where they say, on GitHub and on the site, and the generated ones hold what the code has."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.house import rules

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it; a warning is a failure."""
    pytest.importorskip("mkdocs", reason="the site needs the dependency group docs of pyproject.toml")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=repository, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def option_tables(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(repository / "docs" / "hooks"))
    return import_module("option_tables")


def test_every_anchor_of_a_page_is_a_heading(repository: Path) -> None:
    pages = [repository / name for name in rules.list_files(repository) if name.suffix == ".md"]
    links = [(page, target, anchor) for page in pages for target, anchor in LINK.findall(page.read_text("utf-8"))]
    missing = [
        f"{page.relative_to(repository)}: {target}#{anchor}"
        for page, target, anchor in links
        if "://" not in target and anchor not in _anchors(page.parent / target if target else page)
    ]
    assert len(links) > 20 and not missing


def test_a_heading_has_the_anchor_that_github_gives_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Of `.nemo`, and *more*: 1.5 %\n\n```\n# no heading\n```\n## Twice\n## Twice\n")
    assert _anchors(page) == ["of-nemo-and-more-15-", "twice", "twice-1"]


def test_the_site_has_every_command_every_option_and_every_public_name(repository: Path, site: Path) -> None:
    import nemo_noise
    from nemo_noise.command_line.application import COMMANDS

    commands = (site / "reference" / "commands" / "index.html").read_text(encoding="utf-8")
    assert [each.__name__ for each in COMMANDS if f'id="{each.__name__}"' not in commands] == []
    scripts = (site / "reference" / "scripts" / "index.html").read_text(encoding="utf-8")
    assert [
        path.stem for path in (repository / "conf" / "scripts").glob("*.yaml") if f'id="{path.stem}"' not in scripts
    ] == []
    names = (site / "reference" / "nemo_noise" / "index.html").read_text(encoding="utf-8")
    assert [name for name in nemo_noise.__all__ if f'id="nemo_noise.{name}"' not in names] == []


def test_every_page_of_docs_is_on_the_site_with_fonts_and_scripts_of_its_own(repository: Path, site: Path) -> None:
    pages = [path.relative_to(repository / "docs") for path in (repository / "docs").rglob("*.md")]
    assert [
        name for name in pages if name.stem != "README" and not (site / name.with_suffix("") / "index.html").exists()
    ] == []
    fetched = re.compile(r'<(?:script|img|link)[^>]*(?:src|href)="(?:https?:)?//(?!github\.com)[^"]*"')
    assert fetched.findall((site / "index.html").read_text(encoding="utf-8")) == []


def test_options_have_their_defaults_and_the_comments_above_and_beside_them(option_tables: ModuleType) -> None:
    text = (
        "# @package _global_\n# What it does.\nmodel: ???   # a file # of ours\n\n# Above,\n# in two lines.\n"
        "block:   # of two\n  first: '#1'\n  second: {a: 1,\n    b: 2}  # beside\n\nhydra:\n  run: x\n"
    )
    assert option_tables.description(text) == "What it does."
    assert option_tables.options(text) == [
        ("model", "???", "a file # of ours"),
        ("block", "", "Above, in two lines. of two"),
        ("block.first", "'#1'", ""),
        ("block.second", "{a: 1, b: 2}", "beside"),
    ]


def test_the_picture_of_the_readme_is_that_of_the_tables(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "docs" / "figures"))
    streaming_arms = import_module("streaming_arms")
    assert streaming_arms.PICTURE.read_text(encoding="utf-8") == streaming_arms.picture()
    which = streaming_arms.arms(streaming_arms.WHICH)
    assert which["causal statistics"] == (12.54, 17.63, 35.31, (20.8, 8.2, 5.0))


def test_every_message_that_the_faq_explains_is_one_of_ours(repository: Path) -> None:
    """Those of others name their origin behind the message."""
    text = (repository / "docs" / "faq.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\*\*`(.+)`\*\*$", text, re.MULTILINE)
    assert len(explained) > 12
    messages = "\n".join(_messages(repository / "nemo_noise"))
    patterns = {one: ".*".join(re.escape(part.strip("… ")) for part in one.split("…")) for one in explained}
    assert [one for one, pattern in patterns.items() if not re.search(pattern, messages)] == []


def _messages(package: Path) -> Iterator[str]:
    """Every text of the code in one line; what is filled in is left out."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
            yield "".join(texts).replace("\n", " ")


def _anchors(page: Path) -> list[str]:
    """The anchors of a page's headings by GitHub's rule."""
    return list(_slugs(FENCE.sub("", page.read_text(encoding="utf-8"))))


def _slugs(text: str) -> Iterator[str]:
    seen: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.*?)\s*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        yield f"{slug}-{count}" if count else slug
