# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`doctor` says what is broken and what to do, and never breaks itself."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from nemo_noise import installation
from nemo_noise.command_line.application import application
from nemo_noise.configuration import config_directory
from nemo_noise.installation import Check, State, check_installation

FINE = {
    installation._TORCH: {"cuda": None, "available": False, "gpus": [], "mps": False},
    installation._NEMO: {"a": True},
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What child processes answer, in place of starting them."""
    given: dict[str, Any] = dict(FINE)
    monkeypatch.setattr(
        installation, "_child", lambda program, *_: (given.get(program), "ImportError: no such symbol")
    )
    return given


def found(what: str) -> Check:
    return next(check for check in check_installation() if check.what == what)


def versions(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> None:
    real = installation._version
    names = {name.replace("_", "-"): value for name, value in changed.items()}
    names |= {"nemo_toolkit": changed["nemo_toolkit"]} if "nemo_toolkit" in changed else {}
    monkeypatch.setattr(installation, "_version", lambda name: names[name] if name in names else real(name))


def test_a_working_installation_has_nothing_broken(answers: dict[str, Any]) -> None:
    assert [check for check in check_installation() if check.state is State.BROKEN] == []


@pytest.mark.parametrize(
    ("changed", "what", "says"),
    [
        ({"nemo_toolkit": None}, "NeMo", "not installed"),
        ({"nemo_toolkit": "2.7.3"}, "NeMo", "2.7.3, which is too old"),
        ({"nemo_toolkit": "3.1.0rc0"}, "NeMo", "newer than what is supported"),
        ({"torch": "2.5.1+cu124"}, "torch", "which is too old"),
        ({"transformers": "4.57.0"}, "transformers", "too old"),
        ({"torchaudio": "2.9.0"}, "torchaudio", "does not fit torch (ImportError: no such symbol)"),
    ],
)
def test_a_wrong_version_is_broken_with_its_remedy(
    changed: dict[str, Any], what: str, says: str, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    versions(monkeypatch, **changed)
    check = found(what)
    assert check.state is State.BROKEN and says in check.found and check.remedy.startswith("pip ")


@pytest.mark.parametrize(
    ("files", "what", "says"),
    [
        (["apex/__init__.py"], "apex", "PyPI's apex"),
        (["transformer_engine/__init__.py"], "transformer-engine", "not complete"),
    ],
)
def test_packages_that_break_nemo_are_named(
    files: list[str],
    what: str,
    says: str,
    answers: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("raise SystemExit('must not be imported here')")
    monkeypatch.syspath_prepend(str(tmp_path))
    check = found(what)
    assert check.state is State.BROKEN and says in check.found and "pip uninstall" in check.remedy
    assert what not in sys.modules


def test_an_import_of_nemo_that_fails_is_an_answer(answers: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    del answers[installation._NEMO]
    with pytest.raises(SystemExit) as end:
        application()(prog_name="nemo-noise", args=["doctor"])
    shown = capfd.readouterr()
    assert end.value.code == 1
    assert re.search(r"BROKEN\s+import of NeMo\s+ImportError: no such symbol  ->  see what", shown.out)
    assert shown.out.endswith("1 broken, each with its remedy above\n")


def test_a_change_that_is_not_in_place_is_broken_and_those_that_are_take_one_line(
    answers: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    answers[installation._NEMO] = {"first": True, "second": False, "third": True}
    with pytest.raises(SystemExit):
        application()(prog_name="nemo-noise", args=["doctor"])
    shown = capfd.readouterr().out
    assert "2 in place" in shown and "change: second" in shown and "change: first" not in shown
    with pytest.raises(SystemExit):
        application()(prog_name="nemo-noise", args=["doctor", "--json"])
    data = json.loads(capfd.readouterr().out)
    assert not data["works"] and {check["state"] for check in data["checks"]} <= {"ok", "note", "BROKEN"}


def test_gpus_have_memory_and_precision(answers: dict[str, Any]) -> None:
    gpus = [["NVIDIA H200", 130.2, 139.8, True], ["Tesla T4", 10.0, 15.0, False]]
    answers[installation._TORCH] = {"cuda": "12.8", "available": True, "gpus": gpus, "mps": False}
    assert found("GPU 0").found == "NVIDIA H200, 130 of 140 GB free, bf16"
    assert "no bf16" in found("GPU 1").found


def test_a_child_that_crashes_or_fails_is_no_crash() -> None:
    assert installation._child("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)") == (
        None,
        "it was killed by signal 11",
    )
    assert installation._child("import nothing_of_the_kind") == (
        None,
        "ModuleNotFoundError: No module named 'nothing_of_the_kind'",
    )
    assert installation._child(installation._IMPORT, "json") == ({}, "")


def test_versions_are_those_that_the_package_asks_for() -> None:
    project = (config_directory().parent / "pyproject.toml").read_text(encoding="utf-8")
    assert '"nemo_toolkit[asr]~=3.0.0"' in project and '"torch>=2.6"' in project and '"transformers>=5"' in project
    extras = re.search(r"\[project.optional-dependencies\]\n(.*?)\n\n\[", project, re.DOTALL)
    assert extras is not None
    names = set(re.findall(r"^([a-z-]+) = \[", extras[1], re.MULTILINE))
    assert names == set(installation.EXTRAS), "each extra is explained, and no other"
    assert installation._numbers("2.13.0+cpu") == (2, 13, 0) and installation._numbers("3.1.0rc0") == (3, 1, 0)
