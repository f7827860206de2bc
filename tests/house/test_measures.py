# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Each measure of the house counts what it says, in a package of three files."""

import ast
from pathlib import Path

import pytest

from tests.house import measures
from tests.house.overridden import foreign_overrides
from tests.house.walk import CallGraph, walk_calls

FILES = {
    "__init__.py": '"""One line."""\nfrom nemo_noise.first import read\n',
    "first.py": '''"""Two
lines."""
from nemo_noise.second import Page, count

def read(a, b, c, d):
    """One line."""
    rows = count(a)
    return Page(rows).write(getattr(b, "c"))

def left(row: dict[str, Any]):
    return row["name"], row[0], rows[0]
''',
    "second.py": """import wrapt
from nemo_noise import third

class Page:
    def __init__(self, rows, *, a=1, b=2, c=3):
        self.rows = third.order(rows)

    def forward(self, a, b, c, d):
        return self._line(a)

def count(rows):
    return tally(rows)

def tally(rows):
    return len(rows)

def wrapper(wrapped, instance, args, kwargs):
    return wrapped(*args)
""",
    "third.py": "def order(rows):\n    return sorted(rows)\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "nemo_noise").mkdir()
    for name, content in FILES.items():
        (tmp_path / "nemo_noise" / name).write_text(content)
    return tmp_path


@pytest.fixture
def trees(root: Path) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted((root / "nemo_noise").iterdir())}


def test_the_walk_enters_each_function_once_and_comes_back(root: Path) -> None:
    start = ("nemo_noise.first", "read")
    modules = [
        f"nemo_noise.{name}" for name in ("first", *["second"] * 3, "first", "second", "third", "second", "first")
    ]
    assert CallGraph(root, "nemo_noise").walk(start) == modules
    assert walk_calls(root, "nemo_noise", start) == (7, 3, 4)
    with pytest.raises(ValueError, match=r"no function absent in nemo_noise\.first"):
        walk_calls(root, "nemo_noise", ("nemo_noise.first", "absent"))


def test_the_way_to_the_report_begins_where_the_measures_look(repository: Path) -> None:
    assert walk_calls(repository, "nemo_noise.evaluation", measures.ROWS_TO_REPORT).stays > 1


def test_docstrings_are_counted_by_lines(trees: dict[Path, ast.Module]) -> None:
    assert [measures.docstring_lines(tree) for tree in trees.values()] == [1, 3, 0, 0]


def test_functions_with_many_parameters_take_some_by_keyword_but_for_foreign_signatures(
    root: Path, trees: dict[Path, ast.Module]
) -> None:
    first, second = (root / "nemo_noise" / name for name in ("first.py", "second.py"))
    assert measures.keyword_only(trees, set()) == (3, [f"{first}:5: read", f"{second}:8: Page.forward"])
    assert measures.keyword_only(trees, {(second, "Page.forward")}) == (2, [f"{first}:5: read"])


def test_a_file_with_one_importer_is_found_unless_it_is_public(root: Path, trees: dict[Path, ast.Module]) -> None:
    assert measures.with_one_importer(root, trees) == ["nemo_noise.second", "nemo_noise.third"]


def test_untyped_rows_wrappers_and_looked_up_attributes_are_counted(trees: dict[Path, ast.Module]) -> None:
    assert measures.untyped(trees) == (1, 2)
    assert [path.name for path in measures.importing(trees, "wrapt")] == ["second.py"]
    assert sum(map(measures.attribute_lookups, trees.values())) == 1


def test_the_largest_folder_has_the_most_entries(root: Path, trees: dict[Path, ast.Module]) -> None:
    package = root / "nemo_noise"
    further = dict.fromkeys([package / "room" / "deep" / "a.py", package / "room" / "b.py"], ast.Module([], []))
    assert measures.largest_folder(root, trees | further) == (package, 5)


def test_places_with_equal_lines_are_one_pair_however_long(root: Path, trees: dict[Path, ast.Module]) -> None:
    assert measures.duplicated_places(trees) == 0
    with (root / "nemo_noise" / "third.py").open("a") as file:
        file.write(FILES["second.py"])
    assert measures.duplicated_places(trees) == 1


def test_methods_that_a_foreign_class_has_too_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "package_of_a_test"
    folder.mkdir()
    content = "import threading\nclass A(threading.Thread):\n    def run(self): ...\n    def own(self): ...\n"
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text(content + "    def __init__(self): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {name for path, name in foreign_overrides(tmp_path, "package_of_a_test") if path == folder / "a.py"}
    assert "A.run" in found
    assert not found & {"A.own", "A.__init__"}
