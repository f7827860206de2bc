# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Word errors: known answers, and decibels gained between curves of known distance."""

import numpy as np
import pytest

from nemo_noise.evaluation.scoring.text_normalization import normalize_text
from nemo_noise.evaluation.scoring.wer import count_errors, measure_db_gained, sum_errors

SNR_DB = [20, 15, 10, 5, 0, -5]


def sigmoid_curve(shift_db: float) -> np.ndarray:
    """A WER curve that bears `shift_db` more noise, on the grid."""
    return 1 / (1 + np.exp((np.array(SNR_DB) + shift_db - 5) / 4))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("one two three", "one two three", (0, 0, 0, 3)),
        ("one two three", "one six three", (1, 0, 0, 3)),
        ("one two three", "one three", (0, 1, 0, 3)),
        ("one two three", "one two two three", (0, 0, 1, 3)),
        ("one two three", "", (0, 3, 0, 3)),
        ("", "one two", (0, 0, 2, 0)),
        ("  one   two ", "one two", (0, 0, 0, 2)),
        ("one two three", "nine two three four", (1, 0, 1, 3)),
    ],
)
def test_word_errors_have_the_known_split(reference: str, hypothesis: str, expected: tuple[int, ...]) -> None:
    assert count_errors(reference, hypothesis)[:4] == expected


def test_character_errors_count_blanks() -> None:
    counts = count_errors("ab cd", "abcd")
    assert (counts.character_errors, counts.characters) == (1, 5)


def test_rates_of_a_sum_weigh_every_word_equally() -> None:
    total = sum_errors([count_errors("one", "two"), count_errors("one two three", "one two three")])
    assert total.wer == 0.25
    assert np.isnan(sum_errors([]).wer)


def test_db_gained_of_linear_curves_equals_their_shift() -> None:
    curve = 0.5 - 0.02 * np.array(SNR_DB)
    gained = measure_db_gained(SNR_DB, curve - 0.02 * 3.7, curve)
    assert gained == pytest.approx(3.7, abs=0.01)


def test_db_gained_of_a_curve_shifted_by_a_grid_step_equals_that_step() -> None:
    model, baseline = sigmoid_curve(5.0), sigmoid_curve(0.0)
    assert measure_db_gained(SNR_DB, model, baseline) == pytest.approx(5.0, abs=0.3)


def test_db_gained_turns_its_sign_when_the_models_swap() -> None:
    model, baseline = sigmoid_curve(2.0), sigmoid_curve(0.0) + np.array([0, 0.05, 0, 0, 0.05, 0])
    forward, backward = measure_db_gained(SNR_DB, model, baseline), measure_db_gained(SNR_DB, baseline, model)
    assert forward == pytest.approx(-backward)


def test_equal_curves_gain_nothing_even_with_plateaus() -> None:
    curve = np.array([0.1, 0.1, 0.1, 0.5, 1.0, 1.0])
    assert measure_db_gained(SNR_DB, curve, curve) == pytest.approx(0.0, abs=1e-6)


def test_curves_that_share_no_wer_give_no_gain() -> None:
    assert np.isnan(measure_db_gained(SNR_DB, np.linspace(0.0, 0.1, 6), np.linspace(0.5, 0.9, 6)))


def test_db_gained_needs_two_snrs() -> None:
    with pytest.raises(ValueError, match="snr_db needs two"):
        measure_db_gained([5], np.array([0.1]), np.array([0.2]))


def test_normalisation_does_only_what_is_asked() -> None:
    text = "It's Nine, O’Clock -- well-known!"
    assert normalize_text(text, ()) == text
    assert normalize_text(text, ("lower", "strip_punctuation")) == "it's nine o'clock well known"
    said, heard = (normalize_text(side, ("letters",)) for side in ("one  two", "ane to"))
    assert said == "o n e _ t w o"
    assert count_errors(said, heard).wer == count_errors("one two", "ane to").cer == pytest.approx(2 / 7)
    with pytest.raises(ValueError, match=r"unknown step 'upper'.*lower"):
        normalize_text(text, ("upper",))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "steps"),
    [
        ("caf\u00e9", "cafe\u0301", ()),
        ("coopera\u00adtion on\u200be", "cooperation one", ()),
        ("\ufeffone \u200etwo\u2060", "one two", ()),
        ("one\u200d two", "one two", ()),
        ("one\u00a0two", "one two", ()),
        ("\uac00", "\u1100\u1161", ()),
        ("\u0130stanbul", "istanbul", ("lower",)),
        ("I\u015e\u0131K \u0130", "\u0131\u015f\u0131k i", ("lower_turkish",)),
        ("\uff34\uff37\uff2f \ufb01ne", "TWO fine", ("nfkc",)),
    ],
    ids=["accent", "hyphen", "marks", "joiner", "blank", "hangul", "dotted", "turkish", "wide"],
)
def test_what_looks_alike_is_no_error(reference: str, hypothesis: str, steps: tuple[str, ...]) -> None:
    assert count_errors(normalize_text(reference, steps), normalize_text(hypothesis, steps)).errors == 0
    if not steps:
        assert count_errors(reference, hypothesis).errors == 0


@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645"),
        ("\uff34\uff37\uff2f", "TWO"),
        ("cafe", "caf\u00e9"),
        ("\u0131", "i"),
    ],
    ids=["Persian joiner", "wide", "accent", "dotless"],
)
def test_what_looks_different_stays_an_error(reference: str, hypothesis: str) -> None:
    assert count_errors(normalize_text(reference, ()), normalize_text(hypothesis, ())).errors == 1
