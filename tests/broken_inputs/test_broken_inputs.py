# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every broken input of the tables is refused, in time, by an error that says what is wrong and what is right."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from tests.broken_inputs.case import Case, complaints
from tests.broken_inputs.files import made
from tests.broken_inputs.tables import CASES

SECONDS_EACH = 10
FEWEST_CASES = 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_broken_input_gives_a_clear_error(case: Case, tmp_path: Path) -> None:
    arguments = made(case.given, tmp_path)
    with _in_time(), pytest.raises(Exception) as caught:  # noqa: PT011  which ones are clear, complaints() says
        case.door(**arguments)
    found = complaints(caught.value, case, str(tmp_path))
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_table_holds_a_hundred_different_broken_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    ids, inputs = Counter(case.id for case in CASES), Counter(case.input for case in CASES)
    assert [name for name, times in (ids + inputs).items() if times > 1] == []
    assert [case.id for case in CASES if not (case.name and case.value and case.hint)] == []
    assert min(len(ids), len(inputs)) >= FEWEST_CASES
    with capsys.disabled():
        print(f"\n{len(inputs)} different broken inputs at {len({case.door for case in CASES})} doors")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("rate: is 0, expected 10 or more"),
        RuntimeError("rate: is 0, expected 10 or more"),
        ValueError("is 0, expected 10 or more"),
        ValueError("rate: is wrong, expected 10 or more"),
        ValueError("rate: is 0"),
    ],
    ids=["wrong type", "no error of input", "no name", "no value", "no hint"],
)
def test_unclear_errors_are_not_taken_for_clear_ones(error: Exception) -> None:
    case = Case("rate-of-zero", int, {}, "rate", "0", "10 or more")
    assert complaints(error, case) != []
    assert complaints(ValueError("rate: is 0, expected 10 or more"), case) == []


@contextmanager
def _in_time() -> Iterator[None]:
    """Ends what hangs, where the system can."""

    def stop(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"no error within {SECONDS_EACH} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_EACH)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
