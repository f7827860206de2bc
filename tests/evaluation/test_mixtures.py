# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fixed mixtures: the same for every SNR, model and machine, and clear words about bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from nemo_noise.data.manifest import ManifestError
from nemo_noise.evaluation.mixtures.plan import MixturePlan, NoiseOnlyOptions, load_plan
from nemo_noise.evaluation.scoring.hypotheses import Condition
from tests.evaluation.tiny_models import SAMPLE_RATE, write_lines, write_noise, write_speech


def plan_of(folder: Path, seed: int = 0, snr_db: tuple[float | str, ...] = ("clean", 10, 0)) -> MixturePlan:
    """A plan of three utterances, one list with two noises, two crops."""
    speech, noise = write_speech(folder / "speech"), write_noise(folder / "noise")
    only = NoiseOnlyOptions(crops=2, crop_s=0.5, silence_s=(0.5, 1.0))
    return load_plan(SAMPLE_RATE, speech, {"unseen": noise}, snr_db, seed, only)


def hashes(plan: MixturePlan) -> list[str]:
    return [plan.listen(trial).sha256 for trial in plan.trials]


def test_equal_seeds_give_equal_mixtures_in_any_folder_and_order(tmp_path: Path) -> None:
    here, there = plan_of(tmp_path / "a"), plan_of(tmp_path / "b" / "c")
    backwards = [there.listen(trial).sha256 for trial in reversed(there.trials)][::-1]
    assert hashes(here) == backwards
    assert [trial.trial_id for trial in here.trials] == [trial.trial_id for trial in there.trials]
    assert hashes(plan_of(tmp_path / "a", seed=1)) != hashes(here)


def test_every_snr_mixes_the_same_piece_of_noise(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    for utterance in ("utt0", "utt1", "utt2"):
        of = {t.snr_db: plan.listen(t) for t in plan.trials if t.utterance_id == utterance}
        assert of[10.0].noise_file == of[0.0].noise_file
        assert of[10.0].noise_offset_s == of[0.0].noise_offset_s
        louder, softer = (of[snr].samples - of[None].samples for snr in (0.0, 10.0))
        assert np.allclose(louder, softer * 10 ** (10 / 20), atol=1e-5)


def test_the_plan_holds_every_cell_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    conditions = [trial.condition for trial in plan.trials]
    assert [conditions.count(each) for each in Condition] == [3, 6, 2, 2]
    assert len({trial.trial_id for trial in plan.trials}) == len(plan.trials)
    noise_only = [plan.listen(t) for t in plan.trials if t.condition is Condition.NOISE_ONLY]
    assert {len(mixture.samples) for mixture in noise_only} == {SAMPLE_RATE // 2}
    silence = [plan.listen(t).samples for t in plan.trials if t.condition is Condition.SILENCE]
    assert [(len(samples), samples.any()) for samples in silence] == [(SAMPLE_RATE // 2, False), (SAMPLE_RATE, False)]


def test_another_noise_list_of_the_same_name_is_another_task(tmp_path: Path) -> None:
    before = plan_of(tmp_path)
    write_noise(tmp_path / "noise2", ("rain", "dog", "siren"))
    after = load_plan(SAMPLE_RATE, tmp_path / "speech/speech.json", {"unseen": tmp_path / "noise2/noise.json"}, [10])
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
        load_plan(SAMPLE_RATE, tmp_path / "nowhere.json", {"unseen": noise}, [10])
    with pytest.raises(ManifestError, match="nowhere.json"):
        load_plan(SAMPLE_RATE, speech, {"unseen": tmp_path / "nowhere.json"}, [10])
    gone = write_lines(tmp_path / "speech/gone.json", [{"audio_filepath": "gone.wav", "text": "one"}])
    with pytest.raises(ManifestError, match="gone.json:1"):
        load_plan(SAMPLE_RATE, gone, {"unseen": noise}, [10])
    line = json.loads(speech.read_text().splitlines()[0])
    twice = write_lines(tmp_path / "speech/twice.json", [{**line, "utterance_id": "u"}] * 2)
    with pytest.raises(ValueError, match=r"twice.json:2: utterance 'u' is also in .*twice.json:1"):
        load_plan(SAMPLE_RATE, twice, {"unseen": noise}, [10])


@pytest.mark.parametrize("name", ["clean", "comparison", "with.dot", "with blank", ""])
def test_a_list_name_that_gates_could_not_address_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="noise_lists holds the name"):
        load_plan(SAMPLE_RATE, write_speech(tmp_path), {name: write_noise(tmp_path)}, [10])


def test_silent_speech_names_its_line(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "silent.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    speech = write_lines(tmp_path / "silent.json", [{"audio_filepath": "silent.wav", "text": "one"}])
    plan = load_plan(SAMPLE_RATE, speech, {"unseen": write_noise(tmp_path / "noise")}, [10])
    with pytest.raises(ValueError, match=r"silent.json:1.*silent"):
        plan.listen(plan.trials[0])


def test_lines_that_share_a_file_are_told_apart_by_their_offset(tmp_path: Path) -> None:
    write_speech(tmp_path)
    lines = [{"audio_filepath": "utt0.wav", "offset": at, "duration": 0.4, "text": "one"} for at in (0.0, 0.5)]
    plan = load_plan(SAMPLE_RATE, write_lines(tmp_path / "parts.json", lines), {}, ["clean"])
    assert [trial.utterance_id for trial in plan.trials] == ["utt0@0s", "utt0@0.5s"]
