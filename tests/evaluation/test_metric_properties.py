# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What must hold for the metrics whatever the texts are, and independent implementations beside them."""

import random
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import BinaryCalibrationError

from nemo_noise.evaluation import ScoringOptions, summarize
from nemo_noise.evaluation.questions.models.calibration import calibration_error
from nemo_noise.evaluation.scoring.alignment import align_words
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.wer import count_errors, measure_area, sum_errors
from tests.evaluation.rows import synthetic_rows

TEXTS = st.lists(st.sampled_from(["a", "b", "cc", "d"]), max_size=7).map(" ".join)
SPOKEN = TEXTS.filter(bool)
RATES = st.floats(0, 2, allow_nan=False)
FAST = ScoringOptions(replications=50)
quickly = settings(max_examples=100, deadline=None)


def edit_distance(said: tuple[str, ...], heard: tuple[str, ...]) -> int:
    """The textbook recursion, with nothing of jiwer in it."""

    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(
            distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (said[i - 1] != heard[j - 1])
        )

    return distance(len(said), len(heard))


@quickly
@given(TEXTS, TEXTS)
def test_errors_are_the_edit_distance_and_swap_with_the_texts(said: str, heard: str) -> None:
    forward, backward = count_errors(said, heard), count_errors(heard, said)
    assert forward.errors == backward.errors == edit_distance(tuple(said.split()), tuple(heard.split()))
    assert forward.insertions - forward.deletions == backward.deletions - backward.insertions
    assert forward.insertions - forward.deletions == len(heard.split()) - len(said.split())
    assert count_errors(said, said).errors == 0
    assert 0 <= forward.edge_insertions <= forward.insertions


@quickly
@given(TEXTS, TEXTS)
def test_an_alignment_holds_both_texts_in_order(said: str, heard: str) -> None:
    alignment = align_words(said, heard)
    assert list(alignment.reference) == said.split()
    rebuilt = list(alignment.inserted[0])
    for word, gap in zip(alignment.written, alignment.inserted[1:], strict=True):
        rebuilt += [] if word is None else [word]
        rebuilt += gap
    assert rebuilt == heard.split()
    assert sum(alignment.is_correct) == sum(
        a == b for a, b in zip(alignment.reference, alignment.written, strict=True)
    )


@quickly
@given(st.lists(st.tuples(SPOKEN, TEXTS), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_utterances_does_not_change_rates(texts: list[tuple[str, str]], chance: random.Random) -> None:
    counts = [count_errors(said, heard) for said, heard in texts]
    shuffled = chance.sample(counts, len(counts))
    assert sum_errors(counts) == sum_errors(shuffled)
    assert sum_errors([*counts, *counts]).wer == pytest.approx(sum_errors(counts).wer)


def test_the_order_of_rows_does_not_change_a_summary() -> None:
    rows = synthetic_rows("a", 0.1, utterances=12)
    shuffled = random.Random(3).sample(rows, len(rows))
    one, other = summarize(rows, FAST), summarize(shuffled, FAST)
    for name in ("seen", "unseen"):
        assert one["lists"][name] == other["lists"][name]
    assert (one["clean"], one["analytics"], one["groups"]) == (other["clean"], other["analytics"], other["groups"])


@pytest.mark.parametrize(
    ("said", "heard", "at_edges"),
    [
        ("a b", "x a b", 1),
        ("a b", "a b x y", 2),
        ("a b", "a x b", 0),
        ("a b", "x a y b z", 2),
        ("", "x y", 2),
        ("a", "", 0),
    ],
)
def test_insertions_at_the_edges_are_those_before_and_after_all_words(said: str, heard: str, at_edges: int) -> None:
    assert count_errors(said, heard).edge_insertions == at_edges


@quickly
@given(st.lists(RATES, min_size=2, max_size=7), st.floats(-20, 20), RATES)
def test_the_area_is_the_mean_height_of_the_curve(wer: list[float], start_db: float, height: float) -> None:
    snr_db = [start_db + 5 * index for index in range(len(wer))]
    area = float(measure_area(snr_db, np.array(wer)))
    dense = np.linspace(snr_db[0], snr_db[-1], 50 * (len(wer) - 1) + 1)
    between = np.interp(dense, snr_db, wer)
    assert area == pytest.approx(float((between[:-1] + between[1:]).mean() / 2), abs=1e-9)
    assert measure_area(snr_db[::-1], np.array(wer[::-1])) == pytest.approx(area, abs=1e-12)
    assert measure_area(snr_db, np.full(len(wer), height)) == pytest.approx(height, abs=1e-12)


def test_an_area_needs_two_different_snrs() -> None:
    assert measure_area([0, 10], np.array([[0.4, 0.2], [1.0, 0.0]])).tolist() == pytest.approx([0.3, 0.5])
    with pytest.raises(ValueError, match="snr_db needs two"):
        measure_area([5, 5], np.array([0.1, 0.2]))


@quickly
@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_agrees_with_torchmetrics(judged: list[tuple[float, bool]]) -> None:
    judged = [
        (confidence, right) for confidence, right in judged if abs(confidence * 10 - round(confidence * 10)) > 1e-3
    ]
    if not judged:
        return
    theirs = BinaryCalibrationError(n_bins=10, norm="l1")
    confidence, right = zip(*judged, strict=True)
    # torchmetrics turns p < 0.5 into "sure of the other class"; two classes with p for "right" leave it as it is.
    expected = theirs(torch.tensor(confidence, dtype=torch.float64), torch.tensor(right).int()).item()
    assert calibration_error(judged) == pytest.approx(expected, abs=1e-5)


def test_a_model_that_is_right_as_often_as_it_says_has_no_calibration_error() -> None:
    assert calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == pytest.approx(0.0)
    assert calibration_error([(1.0, False)]) == 1.0


@quickly
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float | None]) -> None:
    adjusted = holm_adjusted(p_values)
    pairs = [(p, a) for p, a in zip(p_values, adjusted, strict=True) if p is not None]
    assert all(p <= a <= 1 for p, a in pairs)
    assert [a for _, a in sorted(pairs)] == sorted(a for _, a in pairs)
    assert [p is None for p in p_values] == [a is None for a in adjusted]
