# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The bootstrap against an independent implementation, and its symmetries."""

import numpy as np
import pytest
import scipy.stats

from nemo_noise.evaluation.scoring.bootstrap import (
    draw_weights,
    holm_adjusted,
    percentile_interval,
    probability_below_zero,
    resample_rates,
)


def counts(units: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors and words of utterances with a known true error rate. [U, 1] each"""
    generator = np.random.default_rng(seed)
    words = generator.integers(3, 12, size=(units, 1))
    return generator.binomial(words, rate), words


def test_interval_agrees_with_scipy_on_the_same_ratio() -> None:
    errors, words = counts(80, 0.2, seed=0)
    ours = percentile_interval(resample_rates(draw_weights(80, 20000, seed=1), errors, words)[:, 0])
    theirs = scipy.stats.bootstrap(
        (errors[:, 0], words[:, 0]),
        lambda e, w, axis=-1: e.sum(axis=axis) / w.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.002)
    assert ours.high == pytest.approx(theirs.high, abs=0.002)


def test_interval_covers_the_true_rate_about_as_often_as_it_says() -> None:
    covered = 0
    for trial in range(200):
        errors, words = counts(100, 0.25, seed=trial)
        low, high = percentile_interval(resample_rates(draw_weights(100, 400, seed=trial), errors, words)[:, 0])
        assert low is not None
        assert high is not None
        covered += low <= 0.25 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_interval_is_about_symmetric_around_the_estimate() -> None:
    errors, words = counts(400, 0.3, seed=3)
    low, high = percentile_interval(resample_rates(draw_weights(400, 5000, seed=0), errors, words)[:, 0])
    estimate = errors.sum() / words.sum()
    assert high - estimate == pytest.approx(estimate - low, rel=0.15)


def test_equal_seeds_draw_equal_units() -> None:
    assert np.array_equal(draw_weights(10, 5, seed=4), draw_weights(10, 5, seed=4))
    assert not draw_weights(10, 5, seed=4).flags.writeable  # equal calls share it
    assert draw_weights(10, 5, seed=4).sum(axis=1).tolist() == [10] * 5


def test_probability_of_improvement_counts_ties_half() -> None:
    assert probability_below_zero(np.array([-1.0, 0.0, 0.0, 1.0])) == 0.5
    assert probability_below_zero(np.array([np.nan])) is None


def test_holm_keeps_the_order_and_never_falls() -> None:
    assert holm_adjusted([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])


def test_cells_without_words_in_a_draw_are_undefined_and_left_out() -> None:
    rates = resample_rates(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[0], [1]]), np.array([[0], [4]]))
    assert np.isnan(rates[0, 0])
    assert rates[1, 0] == 0.25
