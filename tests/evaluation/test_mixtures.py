# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fixed mixtures: the same for every SNR, model and machine, and clear words about bad input."""

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile

from nemo_noise.data.manifests.given import noise_manifests
from nemo_noise.data.manifests.manifest import ManifestError, read_manifest
from nemo_noise.evaluation.hypothesis import Condition, Place
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.mixtures.seen import parse_noise_lists
from nemo_noise.evaluation.questions.texts.speech import describe_speech
from tests.evaluation.tiny_models import SAMPLE_RATE, write_lines, write_noise, write_speech


def plan_of(folder: Path, seed: int = 0, snr_db: tuple[float | str, ...] = ("clean", 10, 0)) -> MixturePlan:
    """A plan of three utterances, one list with two noises, two crops."""
    speech, noise = write_speech(folder / "speech"), write_noise(folder / "noise")
    only = NoiseOnlyOptions(crops=2, crop_s=0.5, silence_s=(0.5, 1.0))
    return load_plan(SAMPLE_RATE, speech, {"unseen": noise}, snr_db=snr_db, seed=seed, noise_only=only)


def hashes(plan: MixturePlan) -> list[str]:
    return [plan.render(trial).sha256 for trial in plan.trials]


def test_equal_seeds_give_equal_mixtures_in_any_folder_and_order(tmp_path: Path) -> None:
    here, there = plan_of(tmp_path / "a"), plan_of(tmp_path / "b" / "c")
    backwards = [there.render(trial).sha256 for trial in reversed(there.trials)][::-1]
    assert hashes(here) == backwards
    assert [trial.trial_id for trial in here.trials] == [trial.trial_id for trial in there.trials]
    assert hashes(plan_of(tmp_path / "a", seed=1)) != hashes(here)


def test_every_snr_mixes_the_same_piece_of_noise(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    for utterance in ("utt0", "utt1", "utt2"):
        of = {t.snr_db: plan.render(t) for t in plan.trials if t.utterance_id == utterance}
        assert of[10.0].noise_file == of[0.0].noise_file
        assert of[10.0].noise_offset_s == of[0.0].noise_offset_s
        louder, softer = (of[snr].samples - of[None].samples for snr in (0.0, 10.0))
        assert np.allclose(louder, softer * 10 ** (10 / 20), atol=1e-5)


def test_the_plan_holds_every_cell_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    conditions = [trial.condition for trial in plan.trials]
    assert [conditions.count(each) for each in Condition] == [3, 6, 2, 2]
    assert len({trial.trial_id for trial in plan.trials}) == len(plan.trials)
    noise_only = [plan.render(t) for t in plan.trials if t.condition is Condition.NOISE_ONLY]
    assert {len(mixture.samples) for mixture in noise_only} == {SAMPLE_RATE // 2}
    silence = [plan.render(t).samples for t in plan.trials if t.condition is Condition.SILENCE]
    assert [(len(samples), samples.any()) for samples in silence] == [(SAMPLE_RATE // 2, False), (SAMPLE_RATE, False)]


def test_another_noise_list_of_the_same_name_is_another_task(tmp_path: Path) -> None:
    before = plan_of(tmp_path)
    write_noise(tmp_path / "noise2", ("rain", "dog", "siren"))
    after = load_plan(
        SAMPLE_RATE, tmp_path / "speech/speech.json", {"unseen": tmp_path / "noise2/noise.json"}, snr_db=[10]
    )
    assert not {t.trial_id for t in before.trials} & {t.trial_id for t in after.trials}


@pytest.mark.parametrize(
    ("snr_db", "message"),
    [
        ([], "snr_db is empty"),
        ([10, "loud"], "snr_db holds 'loud'"),
        ([10, True], "snr_db holds True"),
        ([10, float("nan")], "snr_db holds nan"),
        ([10, 10.0], "snr_db holds 10.0 more than once"),
    ],
)
def test_a_bad_snr_is_named(tmp_path: Path, snr_db: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_of(tmp_path, snr_db=tuple(snr_db))


def test_bad_manifests_are_named_with_file_and_line(tmp_path: Path) -> None:
    speech, noise = write_speech(tmp_path / "speech"), write_noise(tmp_path / "noise")
    with pytest.raises(ManifestError, match="nowhere.json"):
        load_plan(SAMPLE_RATE, tmp_path / "nowhere.json", {"unseen": noise}, snr_db=[10])
    with pytest.raises(ManifestError, match="nowhere.json"):
        load_plan(SAMPLE_RATE, speech, {"unseen": tmp_path / "nowhere.json"}, snr_db=[10])
    gone = write_lines(tmp_path / "speech/gone.json", [{"audio_filepath": "gone.wav", "text": "one"}])
    with pytest.raises(ManifestError, match="gone.json:1"):
        load_plan(SAMPLE_RATE, gone, {"unseen": noise}, snr_db=[10])
    line = json.loads(speech.read_text().splitlines()[0])
    twice = write_lines(tmp_path / "speech/twice.json", [{**line, "utterance_id": "u"}] * 2)
    with pytest.raises(ValueError, match=r"twice.json:2: utterance 'u' is also in .*twice.json:1"):
        load_plan(SAMPLE_RATE, twice, {"unseen": noise}, snr_db=[10])


@pytest.mark.parametrize("name", ["clean", "comparison", "with.dot", "with blank", ""])
def test_a_list_name_that_gates_could_not_address_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="noise_lists holds the name"):
        load_plan(SAMPLE_RATE, write_speech(tmp_path), {name: write_noise(tmp_path)}, snr_db=[10])


def test_what_cannot_be_evaluated_is_left_out_with_its_line_and_reason(tmp_path: Path) -> None:
    write_speech(tmp_path, 1)
    sounds = {"silent": np.zeros(SAMPLE_RATE), "long": 0.1 * np.ones(3 * SAMPLE_RATE), "nan": np.full(100, np.nan)}
    for name, samples in {**sounds, "mute": sounds["silent"], "empty": np.zeros(0)}.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    (tmp_path / "torn.wav").write_bytes(b"RIFF")
    names = ["utt0", "silent", "mute", "long", "nan", "empty", "torn"]
    lines = [{"audio_filepath": f"{name}.wav", "text": "" if name == "mute" else "one"} for name in names]
    speech, noise = write_lines(tmp_path / "all.json", lines), {"unseen": write_noise(tmp_path / "noise")}
    plan = load_plan(
        SAMPLE_RATE, speech, noise, snr_db=["clean", 10], seed=0, noise_only=NoiseOnlyOptions(crops=0), longest_s=2.0
    )
    reasons = {one.name: f"{one.source.removeprefix(str(tmp_path))} {one.reason}" for one in plan.examined.left_out}
    words = {"silent": "silent", "mute": "silent", "long": "48000 samples (3.00 s)", "nan": "NaN"}
    words |= {"empty": "no samples", "torn": "cannot be read"}
    assert [name for name in words if words[name] not in reasons[name]] == []
    assert reasons["long"].startswith("/all.json:4 ") and len(reasons) == len(words)
    assert {trial.utterance_id for trial in plan.trials} == {"utt0"}
    assert all(plan.render(trial).samples.any() for trial in plan.trials)


def test_a_noise_that_cannot_be_used_is_left_out_of_the_plan_and_named(tmp_path: Path) -> None:
    noise = write_noise(tmp_path / "noise")
    soundfile.write(tmp_path / "noise" / "dog.wav", np.zeros(3 * SAMPLE_RATE), SAMPLE_RATE)
    plan = load_plan(SAMPLE_RATE, write_speech(tmp_path), {"unseen": noise}, snr_db=[10])
    assert len(plan.noise_lists["unseen"]) == 1
    (left_out,) = describe_speech(plan)["left_out_noises"]
    assert left_out["name"] == "unseen" and left_out["source"].endswith("noise.json:2")
    assert "silent" in left_out["reason"] and "noise.json" not in left_out["reason"]


def test_mixtures_whose_room_silences_the_speech_are_left_out_of_the_run(tmp_path: Path) -> None:
    rooms = {"dry": None, "gone": {"effects": {"packet_loss": {"loss_rate": 0.5}}}}
    acoustics = parse_acoustics(rooms, None)
    lists, few = {"unseen": write_noise(tmp_path / "noise")}, NoiseOnlyOptions(crops=0)
    plan = load_plan(
        SAMPLE_RATE, write_speech(tmp_path, 3), lists, snr_db=[10], seed=0, noise_only=few, acoustics=acoustics
    )
    silenced = plan.trials[1]

    def in_room(speech: np.ndarray, sample_rate: int, place: Place, seed: int, utterance_id: str) -> np.ndarray:
        is_gone = (place, utterance_id) == (silenced.place, silenced.utterance_id)
        return np.zeros_like(speech) if is_gone else speech

    plan.acoustics = Mock(wraps=acoustics, in_room=in_room)
    made = plan.mixtures_of(plan.trials)
    assert [trial for trial, _ in made] == [trial for trial in plan.trials if trial is not silenced]
    assert "silent" in plan.left_out[silenced.trial_id].reason
    assert describe_speech(plan)["left_out_mixtures"][0]["name"].startswith("utt0, unseen at 10 dB, gone/")


def test_speech_of_a_lower_rate_is_counted_and_several_manifests_are_one_set(tmp_path: Path) -> None:
    manifests = [write_speech(tmp_path / "a", 2), tmp_path / "b.json"]
    soundfile.write(tmp_path / "phone.wav", 0.1 * np.sin(np.arange(8000)), 8000)
    write_lines(manifests[1], [{"audio_filepath": "phone.wav", "text": "one"}])
    plan = load_plan(SAMPLE_RATE, manifests, {}, snr_db=["clean"])
    assert plan.examined.resampled == {8000: 1} and plan.examined.utterances == 3


def test_a_folder_is_a_noise_list_whose_subfolders_are_labels(tmp_path: Path) -> None:
    for name in ("rain/a.wav", "rain/b.WAV", "dog/c.flac", "d.wav"):
        (tmp_path / "my noise" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "my noise" / name, 0.1 * np.sin(np.arange(9000)), SAMPLE_RATE)
    (tmp_path / "my noise" / "notes.txt").write_text("no audio")
    lists = {name: one.manifests for name, one in parse_noise_lists(f"{tmp_path}/my noise/").items()}
    (path,) = noise_manifests(lists, tmp_path / "made")["my_noise"]
    assert [entry.fields["label"] for entry in read_manifest(path)] == ["my noise", "dog", "rain", "rain"]
    with pytest.raises(ValueError, match="noise_lists.made is .* a folder without audio"):
        noise_manifests({"made": tmp_path / "made"}, tmp_path)


def test_lines_that_share_a_file_are_told_apart_by_their_offset(tmp_path: Path) -> None:
    write_speech(tmp_path)
    lines = [{"audio_filepath": "utt0.wav", "offset": at, "duration": 0.4, "text": "one"} for at in (0.0, 0.5)]
    plan = load_plan(SAMPLE_RATE, write_lines(tmp_path / "parts.json", lines), {}, snr_db=["clean"])
    assert [trial.utterance_id for trial in plan.trials] == ["utt0@0s", "utt0@0.5s"]
