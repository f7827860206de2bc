# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Schedules are the equations of docs/curriculum.md."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from nemo_noise.data.curriculum.band_weights import BAND_WEIGHTS
from nemo_noise.data.curriculum.schedule import read_schedule
from nemo_noise.data.curriculum.snr_schedule import WeightedBands, read_snr_schedule

NUMBERS = st.floats(-40, 40)
TIMES = st.integers(0, 400)


@given(first=NUMBERS, last=NUMBERS, begin=st.integers(0, 100), length=st.integers(1, 200), time=TIMES)
def test_linear_and_cosine_run_between_their_ends(first, last, begin, length, time) -> None:
    config = {"from": first, "to": last, "begin": begin, "until": begin + length}
    course = np.interp(time, [begin, begin + length], [0, 1])
    linear = read_schedule({"schedule": "linear", **config}, "knob").at(time)
    cosine = read_schedule({"schedule": "cosine", **config}, "knob").at(time)
    assert linear == pytest.approx(first + (last - first) * course, abs=1e-9)
    assert cosine == pytest.approx(first + (last - first) * np.sin(np.pi * course / 2) ** 2, abs=1e-9)
    if time <= begin:
        assert linear == cosine == first
    if time >= begin + length:
        assert linear == cosine == last


@given(times=st.sets(st.integers(1, 300), max_size=5), time=TIMES)
def test_stepwise_keeps_its_value_until_the_next_step(times, time) -> None:
    steps = [{"at": at, "value": 2 * at} for at in [0, *sorted(times)]]
    expected = [step["value"] for step in steps if step["at"] <= time][-1]
    config = OmegaConf.create({"schedule": "stepwise", "steps": steps})
    assert read_schedule(config, "knob").at(time) == expected


def test_a_plain_number_stays() -> None:
    assert {read_schedule(0.5, "knob").at(time) for time in range(50)} == {0.5}


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("noisy_to_clean", [{0}, {0}, {0, 5}, {0, 5}, {0, 5, 10}]), ("clean_to_noisy", [{10}, {10}, {10, 5}, {10, 5}])],
)
def test_the_accordion_opens_by_one_rung_at_a_time(direction: str, expected: list[set]) -> None:
    config = {"schedule": "accan", "ladder_db": [0, 5, 10], "every": 2, "direction": direction}
    schedule, rng = read_snr_schedule(config, "snr_db"), np.random.default_rng(0)
    for time, rungs in enumerate(expected):
        drawn = Counter(schedule.at(time).draw(rng) for _ in range(300))
        assert set(drawn) == rungs
        assert schedule.range_db(time) == (min(rungs), max(rungs))
        assert min(drawn.values()) > 300 / len(rungs) * 0.7, "all rungs are as likely"
    assert schedule.range_db(1e6) == (0, 10)


def test_bands_are_drawn_by_weight_and_evenly_within() -> None:
    bands, rng = WeightedBands([-5, 0, 10, 20], [1, 0, 3]), np.random.default_rng(0)
    drawn = np.array([bands.draw(rng) for _ in range(4000)])
    assert np.mean(drawn < 0) == pytest.approx(0.25, abs=0.03)
    assert not np.any((drawn > 0) & (drawn < 10))
    assert np.mean(drawn[drawn >= 10]) == pytest.approx(15, abs=0.4)


def test_bands_are_as_likely_until_somebody_measures_and_only_the_measured_ones_fit() -> None:
    schedule = read_snr_schedule({"schedule": "difficulty", "bands_db": [0, 10, 20]}, "snr_db")
    assert BAND_WEIGHTS.of((0, 10, 20)) == (1, 1)
    assert schedule.range_db(0) == (0, 20)
    BAND_WEIGHTS.set([0, 10, 20], [0, 2])
    assert schedule.range_db(0) == (10, 20)
    with pytest.raises(ValueError, match=r"bands_db: are \[0, 5, 20\], but \[0.0, 10.0, 20.0\] were measured"):
        BAND_WEIGHTS.of([0, 5, 20])


LATE_STEP = {"schedule": "stepwise", "steps": [{"at": 0, "value": 5}, {"at": 10000, "value": 0}]}
FALLING = {"schedule": "linear", "from": 20, "to": 4.99, "until": 10000}  # below 5 from step 9994 on
LINEAR = {"schedule": "linear", "from": 0, "to": 1, "until": 5}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({**LINEAR, "schedule": "quadratic"}, "knob.schedule: is 'quadratic', expected one of"),
        ({**LINEAR, "schedule": ["linear"]}, r"knob.schedule: is \['linear'\], expected one of"),
        ({**LINEAR, "schedule": None}, "knob.schedule: is None, expected one of"),
        ({**LINEAR, "steps": 3}, "knob: has the keys .*'steps'.*expected"),
        ({**LINEAR, "begin": 5}, "knob: begin is 5 and until 5, expected 0 <= begin < until"),
        ("high", "knob: is 'high', expected a finite number"),
        ({"schedule": "stepwise", "steps": []}, "knob.steps: is \\[\\], expected a list"),
        ({"schedule": "stepwise", "steps": [{"at": 1, "value": 0}]}, "knob.steps: the times are \\[1.0\\]"),
        ({"schedule": "stepwise", "steps": [{"at": 0}]}, r"knob.steps\[0\]: is {'at': 0}, expected exactly"),
    ],
)
def test_a_bad_schedule_is_named(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_schedule(value, "knob")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0, 5], r"snr: is \[0, 5\], expected {min, max}"),
        ({"min": LINEAR, "max": 0.5}, "snr: at 2.5.*, min is 0.5.* above max, 0.5"),
        ({"min": LATE_STEP, "max": FALLING}, "snr: just before 10000, min is 5 and above max, 4.99"),
        ({"schedule": "accan", "ladder_db": [5, 0], "every": 1}, "snr.ladder_db: is .*expected rising"),
        ({"schedule": "accan", "ladder_db": [0], "every": 0}, "snr.every: is 0, expected epochs or steps above 0"),
        ({"schedule": "accan", "ladder_db": [0], "every": 1, "direction": "up"}, "snr.direction: is 'up', expected"),
        ({"schedule": "difficulty", "bands_db": [3]}, r"snr.bands_db: is \[3.0\], expected 2 to 65 rising"),
        ({"schedule": "difficulty", "bands_db": 3}, "snr.bands_db: is 3, expected a list"),
    ],
)
def test_a_bad_snr_schedule_is_named(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_snr_schedule(value, "snr")


def test_ends_that_touch_just_before_a_step_are_a_range() -> None:
    until = {**FALLING, "to": 5}
    schedule = read_snr_schedule({"min": LATE_STEP, "max": until}, "snr")
    assert schedule.range_db(9999) == (5, pytest.approx(5.0015)) and schedule.range_db(10000) == (0, 5)
