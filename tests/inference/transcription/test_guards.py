# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What is a loop, and what only looks like one."""

import numpy as np
import pytest

from nemo_noise.inference.transcription.guards import NO_GUARDS, Guards, compression_ratio
from nemo_noise.inference.transcription.segments import DropReason
from tests.inference.transcription.beeps import WORDS

DIGITS = " ".join(WORDS[number] for number in np.random.default_rng(0).integers(0, 10, 60))
SENTENCE = "and then we went to the market to buy some apples and pears for the long way home"


@pytest.mark.parametrize(
    "text",
    [
        "thank you for watching " * 8,
        "no " * 30,
        "I think " + "that " * 12,
        f"{SENTENCE} " * 6,
        "谢谢观看" * 12,
        "It begins well. " + "Okay. " * 14,
    ],
)
def test_a_loop_is_found(text: str) -> None:
    assert Guards().reason_against_text(text) is DropReason.LOOP
    assert NO_GUARDS.reason_against_text(text) is None


@pytest.mark.parametrize("text", ["", "no no no", "very very very good", DIGITS, f"{SENTENCE} " * 3, "a" * 15])
def test_what_people_say_is_none(text: str) -> None:
    assert Guards().reason_against_text(text) is None


def test_a_list_of_digits_is_as_small_as_a_loop_and_kept() -> None:
    assert compression_ratio(DIGITS) > 2.4


def test_what_the_recogniser_takes_for_no_speech_is_left_out_unless_it_is_sure_of_the_words() -> None:
    assert Guards().reason_against_text("you", 0.9, -1.4) is DropReason.NO_SPEECH
    assert Guards().reason_against_text("you", 0.9, -0.3) is None
    assert Guards().reason_against_text("you", 0.2, -1.4) is None
    assert Guards().reason_against_text("you") is None


@pytest.mark.parametrize("wrong", [{"lowest_db": 3.0}, {"repetitions": 1}, {"no_speech_probability": 2.0}])
def test_a_number_out_of_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Guards(**wrong)  # type: ignore[arg-type]
