# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The report of invented rows is what it was: summary, page, model card, table and gates."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.make_report import FILES, FOLDER, make
from tests.golden.page_outline import outline
from tests.golden.report_cases import CASES

NAMES = [*CASES, "version_1"]
OF_A_VERSION = ("schema_version",)
TOLERANCE = 1e-9  # sums of another library of linear algebra; errors are whole numbers


@pytest.fixture(scope="module", params=NAMES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / request.param
    folder.mkdir()
    make(request.param, folder)
    return folder


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Where two trees of JSON differ, a line each."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in dict.fromkeys([*expected, *actual]):
            if key not in expected or key not in actual:
                yield f"{path}{key}: only {'expected' if key in expected else 'found'}"
            elif key not in OF_A_VERSION:
                yield from differences(expected[key], actual[key], f"{path}{key}.")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, both in enumerate(zip(expected, actual, strict=True)):
            yield from differences(*both, f"{path}{number}.")
    elif isinstance(expected, float) and isinstance(actual, float):
        if expected != pytest.approx(actual, rel=TOLERANCE, abs=TOLERANCE):
            yield f"{path[:-1]}: {expected} != {actual}"
    elif expected != actual or type(expected) is not type(actual):
        yield f"{path[:-1]}: {expected!r} != {actual!r}"


@pytest.mark.parametrize("file", FILES)
def test_a_report_is_what_it_was(file: str, made: Path) -> None:
    expected, actual = ((folder / file).read_text(encoding="utf-8") for folder in (FOLDER / made.name, made))
    if file.endswith(".json"):
        found = list(differences(json.loads(expected), json.loads(actual)))
        assert list(json.loads(expected)) == list(json.loads(actual)) or found, "the order of the keys"
    else:
        lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "expected", "found", n=2, lineterm="")
        found = list(lines)
    assert not found, f"{made.name}/{file}, {len(found)} lines:\n" + "\n".join(found[:60])


def test_an_outline_is_the_same_for_other_spaces_and_anchors_and_not_for_another_text() -> None:
    one = '<p class="a"><a href="#s1">so</a> <b>it</b><br></p><h2 id="s1">is</h2>'
    other = '<p class="a">\n  <a href="#first">so</a>\n  <b>it</b><br/>\n</p><h2 id="first">is</h2>'
    assert outline(one) == outline(other)
    assert outline(one) != outline(other.replace(">it<", ">is<"))
    assert outline(one) != outline(other.replace('id="first"', 'id="second"'))


def test_a_difference_in_a_summary_is_found_by_its_path() -> None:
    expected = {"schema_version": 2, "a": {"b": [1.0, None]}}
    other = {"schema_version": 2, "a": {}, "c": 1}
    assert list(differences(expected, {"schema_version": 3, "a": {"b": [1.0 + 1e-12, None]}})) == []
    assert list(differences(expected, {"schema_version": 2, "a": {"b": [1.0, 2.0]}})) == ["a.b.1: None != 2.0"]
    assert list(differences(expected, other)) == [
        "a.b: only expected",
        "c: only found",
    ]
