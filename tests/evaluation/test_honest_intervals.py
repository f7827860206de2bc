# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Intervals and tests on simulated recognisers, of which the truth is known: they cover it, and raise few alarms."""

import numpy as np
import pytest
import scipy.stats

from nemo_noise.evaluation.scoring.bootstrap import draw_weights, resample_rates
from nemo_noise.evaluation.scoring.comparison import relative_reduction
from nemo_noise.evaluation.scoring.resampled import Rates, Resampled, mean

REPLICATIONS = 500


def rates(errors: np.ndarray, words: np.ndarray, seed: int) -> Rates:
    """Rates of one cell, of errors by training seed and unit. [S, U]"""
    weights = draw_weights(errors.shape[1], REPLICATIONS, seed)
    return Rates(
        values=np.array([errors.sum() / words.sum()]),
        over_units=resample_rates(weights, errors.sum(axis=0)[:, None], words.sum(axis=0)[:, None]),
        by_seed=(errors.sum(axis=1) / words.sum(axis=1))[:, None],
        units=errors.shape[1],
    )


def reduction(first: Rates, second: Rates) -> Resampled:
    return first.statistic(lambda model, baseline: relative_reduction(mean(model), mean(baseline)), second)


@pytest.mark.parametrize("seeds", [3, 5])
def test_two_arms_of_one_recipe_seldom_differ(seeds: int) -> None:
    """A seed moves the error rate of an arm by 6 %: resampling the strings alone finds a difference in a quarter."""
    generator = np.random.default_rng(0)
    alarms, trials = 0, 400
    for trial in range(trials):
        words = np.tile(generator.integers(4, 9, size=240), (seeds, 1))
        difficulty = generator.gamma(2.0, 0.1, size=240)
        arms = []
        for _ in range(2):
            luck = 1 + 0.06 / np.sqrt(2) * generator.standard_normal((seeds, 1))
            arms.append(rates(generator.binomial(words, np.clip(difficulty * luck, 0, 1)), words, trial))
        low, high = reduction(*arms).interval()
        assert low is not None
        assert high is not None
        alarms += low > 0 or high < 0
    assert alarms / trials <= 0.06


@pytest.mark.parametrize("speakers", [8, 20])
def test_the_interval_covers_the_rate_of_other_speakers(speakers: int) -> None:
    """Speakers whose rates spread by 35 %, 20 utterances each."""
    generator = np.random.default_rng(1)
    covered, trials, truth = 0, 600, 0.2
    for trial in range(trials):
        words = generator.integers(80, 120, size=(1, speakers))
        own_rates = np.clip(truth * (1 + 0.35 * generator.standard_normal((1, speakers))), 0.0, 1.0)
        low, high = rates(generator.binomial(words, own_rates), words, trial).mean().interval()
        assert low is not None
        assert high is not None
        covered += low <= truth <= high
    assert covered / trials >= 0.92


def test_where_units_do_not_matter_it_is_the_t_interval_over_seeds() -> None:
    by_seed = np.array([0.143, 0.152, 0.019])
    found = Resampled(float(by_seed.mean()), np.full(200, by_seed.mean()), by_seed, units=240).interval()
    theirs = scipy.stats.t.interval(0.95, 2, by_seed.mean(), scipy.stats.sem(by_seed))
    assert found == pytest.approx(theirs)
    assert found == pytest.approx((-0.080, 0.289), abs=0.001)


def test_a_single_seed_leaves_the_interval_of_the_units_which_widens_for_few_of_them() -> None:
    draws = np.random.default_rng(2).standard_normal(100_000)
    many, few = (Resampled(0.0, draws, np.array([0.0]), units=units).interval() for units in (10_000, 8))
    assert many == pytest.approx((-1.96, 1.96), abs=0.03)
    expected = scipy.stats.t.ppf(0.975, 7) * np.sqrt(8 / 7)
    assert few == pytest.approx((-expected, expected), abs=0.1)


@pytest.mark.parametrize("shift", [0.5, 1.5, -1.8, 2.2, 3.0])
def test_the_p_value_is_below_a_level_just_where_that_interval_excludes_zero(shift: float) -> None:
    draws = shift + np.random.default_rng(3).standard_normal(4000)
    statistic = Resampled(shift, draws, shift + np.array([0.1, -0.2, 0.1]), units=60)
    p_value = statistic.p_value()
    assert p_value is not None
    for level in (0.3, 0.1, 0.05, 0.01):
        low, high = statistic.interval(1 - level)
        assert low is not None
        assert high is not None
        assert (p_value < level) == (low > 0 or high < 0)


def test_the_p_value_has_the_floor_of_its_draws() -> None:
    statistic = Resampled(5.0, 5 + 0.01 * np.random.default_rng(0).standard_normal(999), np.array([5.0]), units=50)
    assert statistic.p_value() == pytest.approx(2 / 1000)
    assert Resampled(0.0, np.zeros(100), np.array([0.0]), units=5).p_value() == 1.0
    assert Resampled(1.0, np.ones(100), np.array([1.0]), units=1).p_value() is None


def test_a_p_value_is_even_where_there_is_nothing_to_find() -> None:
    generator = np.random.default_rng(4)
    p_values = []
    for trial in range(300):
        words = np.full((1, 100), 7)
        arms = [rates(generator.binomial(words, 0.2), words, trial) for _ in range(2)]
        p_values.append(arms[0].mean(arms[1]).p_value())
    assert scipy.stats.kstest(p_values, "uniform").statistic < 0.1


def test_undefined_draws_are_counted_and_left_out() -> None:
    draws = np.concatenate([np.full(30, np.nan), np.linspace(0, 1, 70)])
    statistic = Resampled(0.5, draws, np.array([0.5]), units=40)
    assert statistic.undefined == 30
    low, high = statistic.interval()
    assert low is not None
    assert high is not None
    assert 0 <= low < 0.1 < 0.9 < high <= 1


def test_a_rate_has_no_interval_below_zero() -> None:
    by_seed = np.array([0.01, 0.05, 0.0])
    estimate = Resampled(0.02, np.full(50, 0.02), by_seed, units=9).estimate(lowest=0.0)
    assert estimate.low == 0.0
    assert estimate.high is not None
    assert estimate.high > 0.05
