# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms: the RT60 that was asked is measured, the direct sound stays in its place, the ratio is the asked one."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.acoustics import MovingTalker, RecordedRooms, Reverberation, SimulatedRooms
from nemo_noise.data.acoustics.impulse_response import (
    direct_sample,
    direct_to_reverberant_db,
    no_impulse_response,
    reverberation_time_s,
    split_direct,
    with_direct_to_reverberant_db,
)
from nemo_noise.data.acoustics.rooms import RoomResponse
from nemo_noise.data.manifests.manifest import ManifestError, read_manifest
from nemo_noise.data.manifests.usable import find_unusable

RATE = 16000


def decaying_noise(rt60_s: float, seed: int = 0, seconds: float = 1.0, direct: int = 80) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE)) / RATE
    response = 0.05 * np.random.default_rng(seed).standard_normal(len(time_s)) * 10.0 ** (-3.0 * time_s / rt60_s)
    response = np.concatenate([np.zeros(direct), response])
    response[direct] = 1.0
    return response


class OneRoom:
    def __init__(self, response: np.ndarray) -> None:
        self.response = response

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        return RoomResponse(self.response, direct_sample(self.response, sample_rate), {})


@pytest.mark.parametrize("rt60_s", [0.15, 0.4, 0.8])
def test_the_rt60_of_an_exponential_decay_is_measured(rt60_s: float) -> None:
    tail = decaying_noise(rt60_s, seconds=1.5)
    tail[80] = 0.05
    assert reverberation_time_s(tail, RATE) == pytest.approx(rt60_s, rel=0.05)


def test_a_response_that_does_not_decay_has_no_rt60() -> None:
    with pytest.raises(ValueError, match="RT60 needs 25 dB"):
        reverberation_time_s(np.ones(100), RATE)


def test_a_louder_reflection_is_not_the_direct_sound() -> None:
    response = np.zeros(1000)
    response[50], response[300] = 0.4, 1.0
    assert direct_sample(response, RATE) == 50


def test_the_ratio_of_two_pulses_is_that_of_their_squares() -> None:
    response = np.zeros(1000)
    response[50], response[300] = 1.0, 0.1
    assert direct_to_reverberant_db(response, RATE) == pytest.approx(20.0)
    response[300] = 0.0
    assert direct_to_reverberant_db(response, RATE) == np.inf


@pytest.mark.parametrize("ratio_db", [-10.0, 0.0, 15.0])
def test_a_ratio_that_is_set_is_measured(ratio_db: float) -> None:
    changed = with_direct_to_reverberant_db(decaying_noise(0.4), RATE, ratio_db)
    assert direct_to_reverberant_db(changed, RATE) == pytest.approx(ratio_db, abs=1e-6)


def test_the_two_parts_make_the_whole() -> None:
    response = decaying_noise(0.3)
    direct, rest = split_direct(response, RATE)
    np.testing.assert_array_equal(direct + rest, response)


def test_a_room_of_one_pulse_changes_nothing(speech: np.ndarray, rng: np.random.Generator) -> None:
    response = np.zeros(500)
    response[123] = -0.3
    changed, _ = Reverberation(OneRoom(-response)).apply(speech, RATE, rng)
    np.testing.assert_allclose(changed, speech, atol=1e-6)


def test_the_level_and_the_place_of_the_direct_sound_stay(rng: np.random.Generator) -> None:
    clicks = np.zeros(RATE, np.float32)
    clicks[[2000, 9000]] = 0.5
    changed, settings = Reverberation(OneRoom(decaying_noise(0.3)), drr_db=5.0).apply(clicks, RATE, rng)
    assert np.argmax(np.abs(changed[:5000])) == 2000
    assert 5000 + np.argmax(np.abs(changed[5000:])) == 9000
    assert np.sqrt(np.mean(changed**2)) == pytest.approx(np.sqrt(np.mean(clicks**2)), rel=1e-5)
    assert settings["drr_db"] == 5.0


def test_a_moving_talker_has_the_asked_ratio_at_both_ends(rng: np.random.Generator) -> None:
    clicks = np.zeros(5 * RATE, np.float32)
    clicks[[100, 4 * RATE - 100]] = 0.5
    room = OneRoom(decaying_noise(0.2, seconds=0.6))
    changed, settings = MovingTalker(room, start_drr_db=10.0, end_drr_db=-5.0).apply(clicks, RATE, rng)
    ends = [changed[start : start + 9500].astype(float) for start in (50, 4 * RATE - 150)]
    measured = [direct_to_reverberant_db(response, RATE) for response in ends]
    assert measured[0] == pytest.approx(10.0, abs=0.2)
    assert measured[1] == pytest.approx(10.0 - 15.0 * 4 / 5, abs=0.2)
    assert settings == {"drr_db": 10.0, "end_drr_db": -5.0}
    reverberation = [np.sum(split_direct(response, RATE)[1] ** 2) for response in ends]
    assert reverberation[0] == pytest.approx(reverberation[1], rel=1e-4)  # the reverberant field stays


def test_a_talker_who_stands_still_is_a_talker_in_a_room(speech: np.ndarray) -> None:
    room = OneRoom(decaying_noise(0.3))
    still = MovingTalker(room, 3.0, 3.0).apply(speech, RATE, np.random.default_rng(0)).samples
    plain = Reverberation(room, 3.0).apply(speech, RATE, np.random.default_rng(0)).samples
    np.testing.assert_allclose(still, plain, atol=1e-6)


def write_responses(folder: Path, responses: dict[str, np.ndarray], rate: int = RATE) -> Path:
    lines = []
    for name, response in responses.items():
        soundfile.write(folder / f"{name}.wav", response, rate, subtype="FLOAT")
        lines.append(json.dumps({"audio_filepath": f"{name}.wav", "rt60": 0.3}))
    (folder / "rir.json").write_text("\n".join(lines) + "\n")
    return folder / "rir.json"


def test_recorded_rooms_are_read_with_what_the_manifest_knows(tmp_path: Path, rng: np.random.Generator) -> None:
    rooms = RecordedRooms(str(write_responses(tmp_path, {"a": decaying_noise(0.3), "b": decaying_noise(0.3, 1)})))
    drawn = [rooms.draw(RATE, rng) for _ in range(20)]
    assert len({one.settings["room"] for one in drawn}) == 2
    assert drawn[0].direct == 80
    assert drawn[0].settings["rt60_s"] == 0.3
    resampled = rooms.response(0, 8000)
    assert resampled.direct == pytest.approx(40, abs=1)
    assert reverberation_time_s(resampled.response, 8000) == pytest.approx(0.3, rel=0.15)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (np.zeros(100), r"rir\.json:1: .*a\.wav: is silent"),
        (np.eye(400, 2), r"rir\.json:1: .*a\.wav: has 2 channels"),
    ],
)
def test_a_file_that_is_no_response_is_named(tmp_path: Path, response: np.ndarray, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        RecordedRooms(str(write_responses(tmp_path, {"a": response})))


def test_what_is_no_response_is_never_drawn_and_changes_no_other_draw(tmp_path: Path) -> None:
    good = {name: decaying_noise(0.3, seed) for seed, name in enumerate("acd")}
    babble = decaying_noise(0.3) + 0.2 * np.roll(decaying_noise(0.1), 9000)  # rises again
    mixed = {"a": good["a"], "b": babble, "c": good["c"], "d": good["d"]}
    rooms = RecordedRooms(str(write_responses(tmp_path, mixed)))
    (unusable,) = rooms.left_out
    assert re.search(r"rir.json:2: .*b.wav: rises again by \d+ dB, expected", unusable.message)
    rooms = copy.deepcopy(rooms)  # as a spawned worker gets them
    drawn = [str(rooms.draw(RATE, np.random.default_rng(seed)).settings["room"])[-1] for seed in range(40)]
    assert set(drawn) == {"1", "3", "4"}
    as_ever = [int(np.random.default_rng(seed).integers(4)) + 1 for seed in range(40)]
    assert [one for one, ever in zip(drawn, as_ever, strict=True) if ever != 2] == [
        str(ever) for ever in as_ever if ever != 2
    ]


def test_speech_and_noise_are_no_responses_and_recorded_rooms_are(speech_directory: Path) -> None:
    taken = {}
    for name in ("rir", "kathleen", "noise_noisex"):
        manifest = speech_directory / f"{name}.json"
        if not manifest.is_file():
            pytest.skip(f"no {name}.json in {speech_directory}")
        entries = read_manifest(manifest)[:112]
        taken[name] = 1.0 - len(find_unusable(entries, no_impulse_response)) / len(entries)
    assert taken["rir"] > 0.95  # two of the artificial ones do not die away
    assert taken["kathleen"] == taken["noise_noisex"] == 0.0


class TestAskedReverberation:
    """Rooms whose simulation is replaced by decays of a given RT60."""

    @staticmethod
    def rooms(monkeypatch: pytest.MonkeyPatch, *ratios: float) -> SimulatedRooms:
        """Attempt by attempt, the decay lasts so many times what was asked."""
        left = list(ratios)
        monkeypatch.setattr(
            "nemo_noise.data.acoustics.rooms.simulate_response",
            lambda room, rate: decaying_noise(room.rt60_s * left.pop(0), direct=0)[: rate // 2],
        )
        return SimulatedRooms(0.3, num_rooms=1)

    def test_a_room_that_misses_its_rt60_is_drawn_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = self.rooms(monkeypatch, 1.6, 0.5, 1.0).response(0, RATE).settings
        assert settings["rt60_s"] == pytest.approx(0.3, rel=0.25)

    def test_the_first_attempt_that_fits_stays_as_it_ever_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rooms = self.rooms(monkeypatch, 1.1)
        assert rooms.response(0, RATE).settings["distance_m"] == rooms.room(0).distance_m

    def test_rooms_that_cannot_have_it_are_named_with_what_they_had(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ValueError, match=r"rt60_s: room 0 cannot have it, 12 rooms .* instead of 0.30 s .*longer"):
            self.rooms(monkeypatch, *[2.0] * 12).response(0, RATE)


def test_measured_responses_have_the_rt60_that_their_list_says(speech_directory: Path) -> None:
    manifest = speech_directory / "rir.json"
    if not manifest.is_file():
        pytest.skip(f"no recorded impulse responses in {speech_directory}")
    rooms = RecordedRooms(str(manifest))
    errors = []
    for index, entry in list(enumerate(read_manifest(manifest)))[::8]:
        measured = reverberation_time_s(rooms.response(index, RATE).response, RATE)
        errors.append(abs(measured / float(entry.fields["rt60"]) - 1.0))
    assert np.median(errors) < 0.1


class TestSimulatedRooms:
    @pytest.fixture(autouse=True)
    def _package(self) -> None:
        pytest.importorskip("pyroomacoustics", reason="pyroomacoustics is not installed: the extra rooms")

    @pytest.mark.parametrize("rt60_s", [0.2, 0.35, 0.6])
    def test_the_asked_rt60_is_measured(self, rt60_s: float) -> None:
        rooms = SimulatedRooms(rt60_s, length_m={"min": 4, "max": 8}, num_rooms=3, seed=2)
        for index in range(3):
            assert rooms.response(index, RATE).settings["rt60_s"] == pytest.approx(rt60_s, rel=0.15)

    def test_the_rt60_agrees_with_the_measurement_of_the_package(self) -> None:
        from pyroomacoustics.experimental import measure_rt60

        rooms = SimulatedRooms({"min": 0.15, "max": 0.4}, num_rooms=4)
        for index in range(4):
            response, direct, settings = rooms.response(index, RATE)
            theirs = measure_rt60(response[direct:], RATE, decay_db=20)
            assert settings["rt60_s"] == pytest.approx(theirs, rel=0.1)

    def test_the_direct_sound_comes_after_its_way_and_has_its_level(self) -> None:
        import pyroomacoustics

        rooms = SimulatedRooms(0.2, distance_m=1.5, num_rooms=1)
        _, direct, settings = rooms.response(0, RATE)
        assert settings["distance_m"] == pytest.approx(1.5, abs=1e-6)
        filter_delay = pyroomacoustics.constants.get("frac_delay_length") // 2
        assert direct - filter_delay == pytest.approx(1.5 / 343.0 * RATE, abs=1.0)

    def test_rooms_depend_on_the_seed_and_on_nothing_else(self) -> None:
        sizes = {"rt60_s": 0.15, "length_m": {"min": 4, "max": 8}, "num_rooms": 4}
        some, same, other = SimulatedRooms(**sizes), SimulatedRooms(**sizes), SimulatedRooms(**sizes, seed=1)
        some.response(3, RATE)
        np.testing.assert_array_equal(some.response(1, RATE).response, same.response(1, RATE).response)
        assert some.room(1) != other.room(1)

    def test_a_nearer_talker_has_a_higher_ratio(self) -> None:
        ratios = [
            np.mean(
                [
                    float(SimulatedRooms(0.3, distance_m=distance, num_rooms=3).response(i, RATE).settings["drr_db"])
                    for i in range(3)
                ]
            )
            for distance in (0.5, 2.0)
        ]
        assert ratios[0] > ratios[1] + 6.0


def test_a_room_that_needs_too_many_images_is_named() -> None:
    with pytest.raises(ValueError, match="rt60_s: 2 s in the smallest room .* reflections"):
        SimulatedRooms(2.0, length_m=3.0, width_m=3.0, height_m=2.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_rooms": 0}, "num_rooms: is 0"), ({"seed": -1}, "seed: is -1"), ({"height_m": 0}, "height_m: is 0")],
)
def test_an_unusable_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulatedRooms(0.3, **options)


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(ImportError, match=r"pip install 'nemo-noise\[rooms\]'"):
        SimulatedRooms(0.2, num_rooms=1).response(0, RATE)
