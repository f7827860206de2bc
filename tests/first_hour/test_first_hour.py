# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every mistake of the table gets an answer that names argument, value and remedy; none passes in silence."""

import re
import shutil
from pathlib import Path

import pytest

from tests.first_hour.doors import Answer
from tests.first_hour.folder import CTC, make_folder
from tests.first_hour.mistake import Mistake
from tests.first_hour.mistakes import MISTAKES, TINY
from tests.recipe_runs import on_a_cpu, tiny_overrides

pytestmark = pytest.mark.slow
FEWEST, MOST_BAD = 150, 0


@pytest.fixture(scope="module")
def first_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first_hour")
    make_folder(folder)
    return folder


def test_there_are_many_mistakes_and_none_is_answered_badly_by_others() -> None:
    assert len({mistake.id for mistake in MISTAKES}) == len(MISTAKES) >= FEWEST
    assert sum(bool(mistake.known_bad) for mistake in MISTAKES) <= MOST_BAD


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(each, id=each.id, marks=[pytest.mark.xfail(reason=each.known_bad)] if each.known_bad else [])
        for each in MISTAKES
    ],
)
def test_a_mistake_is_answered(
    mistake: Mistake,
    first_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "here"
    shutil.copytree(first_folder, place)
    monkeypatch.chdir(place)
    tiny = "  ".join([*tiny_overrides(CTC, place), *on_a_cpu(place / "runs")])
    answer = mistake.door(mistake.words.replace(TINY, tiny), lambda: "".join(capfd.readouterr()))
    found = complaints(mistake, answer)
    print("@@@", mistake.id, "|", last_words(answer.text)[:700].replace(chr(10), " / "))
    if found:
        pytest.fail(
            "\n".join([*found, f"status {answer.status}, it says:", last_words(answer.text)[-3000:]]), pytrace=False
        )


def complaints(mistake: Mistake, answer: Answer) -> list[str]:
    """What is missing in an answer; a note may stand anywhere, an error says it in its last words."""
    said = answer.text if mistake.note else last_words(answer.text)
    found = [f"it does not name {name!r}" for name in mistake.names if name not in said]
    if (answer.status == 0) != mistake.note:
        found.append("it ends in silence" if answer.status == 0 else "it fails")
    return found


def last_words(text: str) -> str:
    """The message of an error alone: Hydra repeats all that was typed, and a traceback shows the source."""
    lines = text.partition("\nSet the environment variable HYDRA_FULL_ERROR")[0].splitlines()
    begins = [number for number, line in enumerate(lines) if re.match(r"(error|[\w.]+(Error|Exception|Exit)): ", line)]
    return "\n".join(lines[begins[-1] if begins else 0 :])
