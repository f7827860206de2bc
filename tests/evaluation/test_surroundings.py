# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise around the speech in the report: the same mixtures with their noise before and behind, and what that costs."""

import html
from pathlib import Path

import numpy as np
import pytest

from nemo_noise.data.manifests.manifest import load_entry
from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList
from nemo_noise.evaluation.hypothesis import Condition, read_hypotheses
from nemo_noise.evaluation.mixtures.choice import choose_trials
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.mixtures.surroundings import noise_around_crop
from nemo_noise.evaluation.questions.comparisons.surroundings import SurroundingsQuestion, summarize_surroundings
from nemo_noise.evaluation.questions.evidence import Subject
from nemo_noise.evaluation.report.template import render_section
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.arms import Arm
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.evaluation.transcription.surroundings import SurroundingsOptions, run_surrounded
from tests.contracts import randomize
from tests.evaluation.tiny_models import SAMPLE_RATE, tiny_ctc, write_noise, write_speech

OPTIONS = RunOptions(batch_size=4, latency_utterances=2)


@pytest.fixture
def plan(tmp_path: Path) -> MixturePlan:
    speech, noise = write_speech(tmp_path / "speech", count=4), write_noise(tmp_path / "noise")
    return load_plan(SAMPLE_RATE, speech, {"unseen": noise}, snr_db=["clean", 10, 0], seed=0)


def test_what_lies_between_is_the_mixture_bit_for_bit_and_the_noise_goes_on_as_in_its_recording(
    plan: MixturePlan,
) -> None:
    trials, side = choose_trials(plan.trials, None), round(0.1 * SAMPLE_RATE)
    surrounded = plan.surrounded(trials, 0.1)
    assert not {trial.trial_id for trial in trials} & {trial.trial_id for trial in surrounded.trials}
    recordings = {
        entry.fields["audio_filepath"]: load_entry(entry, SAMPLE_RATE) for entry in plan.noise_lists["unseen"].entries
    }
    went_on = 0
    for trial, other in zip(trials, surrounded.trials, strict=True):
        mixture, around = plan.render(trial), surrounded.render(other)
        assert len(around.samples) == len(mixture.samples) + 2 * side
        np.testing.assert_array_equal(around.samples[side:-side], mixture.samples)
        lead_in = around.samples[:side]
        if trial.condition is Condition.CLEAN:
            assert not lead_in.any()
            continue
        start = round(mixture.noise_offset_s * SAMPLE_RATE)
        recorded = recordings[mixture.noise_file][max(0, start - side) : start]
        part = lead_in[side - len(recorded) :]
        if len(recorded):
            gain = np.dot(part, recorded) / np.dot(recorded, recorded)
            np.testing.assert_allclose(part, gain * recorded, rtol=1e-3, atol=1e-6)
            went_on += 1
    assert went_on and plan.around_s == 0


def test_a_recording_that_ends_is_mirrored(tmp_path: Path) -> None:
    noises = NoiseList(write_noise(tmp_path / "noise"), SAMPLE_RATE)
    recording = noises.load(0)
    crop = NoiseCrop(recording[100:-50], noises.entries[0], 100 / SAMPLE_RATE)
    before, behind = noise_around_crop(noises, crop, 300)
    np.testing.assert_array_equal(before[200:], recording[:100])
    np.testing.assert_array_equal(before[:200], recording[:200][::-1])
    np.testing.assert_array_equal(behind[:50], recording[-50:])
    np.testing.assert_array_equal(behind[50:100], recording[-50:][::-1])
    looped = NoiseCrop(np.tile(recording, 2)[100:], noises.entries[0], 100 / SAMPLE_RATE)
    before, behind = noise_around_crop(noises, looped, 80)
    np.testing.assert_array_equal(before, recording[20:100])
    np.testing.assert_array_equal(behind, looped.samples[-80:][::-1])


def test_each_length_is_compared_with_the_same_mixtures_without_it(plan: MixturePlan, tmp_path: Path) -> None:
    model = tiny_ctc()
    randomize(model.encoder)
    randomize(model.decoder)
    plain = run_arm(Arm("tiny", model), plan, tmp_path / "hypotheses.jsonl", options=OPTIONS)
    path, asked = tmp_path / "surroundings.jsonl", SurroundingsOptions([0.1, 0.4])
    runs = run_surrounded("tiny", model, plan, path=path, surroundings=asked, options=OPTIONS)
    assert [run.around_s for run in runs] == [0.1, 0.4] and [len(run.rows) for run in runs] == [12, 12]
    assert {row.model for row in read_hypotheses(path)} == {"tiny+around_0.1s", "tiny+around_0.4s"}
    longer = {row.pair_key: row.duration_s for row in runs[1].rows}
    assert all(longer[row.pair_key] == pytest.approx(row.duration_s + 0.8, abs=1e-3) for row in plain if row.is_spoken)
    table = summarize_surroundings(runs, plain, ScoringOptions(replications=20))
    assert [row["around_s"] for row in table["rows"]] == [0, 0.1, 0.4] and table["mixtures"] == 12
    first, *others = table["rows"]
    assert first["clean"]["difference"] is None and set(first["lists"]) == {"unseen"}
    for row in others:
        assert row["clean"]["difference"] == pytest.approx(row["clean"]["wer"] - first["clean"]["wer"])
    page = html.unescape(
        render_section(SurroundingsQuestion().section({"tiny": table}, Subject("tiny", None, "10, 0 dB")))
    )
    assert "on each side" in page and "0.4 s" in page
    (sentence,) = SurroundingsQuestion().sentences({"tiny": table}, Subject("tiny", None, "10, 0 dB"))
    assert sentence.startswith("Noise around the speech of tiny, WER in points against none: 0.1 s ")
    again = run_surrounded("tiny", model, plan, path=path, surroundings=asked, options=OPTIONS)
    assert again[1].rows == runs[1].rows and len(read_hypotheses(path)) == 24  # a killed run goes on


def test_nothing_is_asked_by_default_and_0_s_is_what_all_are_compared_with() -> None:
    assert SurroundingsQuestion().given({"around_s": [], "around_trials": None}).asked_by is None
    question = SurroundingsQuestion().given({"around_s": [0.5, 0, 0.2, 0.5], "around_trials": 7})
    assert (question.asked_by, question.options) == ("around_s", SurroundingsOptions((0.2, 0.5), 7))


def test_a_model_that_takes_no_more_says_so(plan: MixturePlan, tmp_path: Path) -> None:
    model = tiny_ctc()
    model.preprocessor.num_samples, model.preprocessor._sample_rate = SAMPLE_RATE, SAMPLE_RATE
    asked = SurroundingsOptions([0.5])
    found = run_surrounded("tiny", model, plan, path=tmp_path / "s.jsonl", surroundings=asked, options=OPTIONS)
    assert found == "no utterance and 0.5 s around it are within 1 s"
    table = SurroundingsQuestion().sentences(
        {"tiny": {"mixtures": 0, "rows": [], "reason": found}}, Subject("tiny", None, "0 dB")
    )
    assert table == [f"Noise around the speech, tiny: none, {found}."]


def test_speech_of_the_plan_is_not_changed_by_its_surroundings(plan: MixturePlan) -> None:
    trial = plan.trials[0]
    before = plan.render(trial).sha256
    plan.surrounded([trial], 0.2).mixtures_of([trial])
    assert plan.render(trial).sha256 == before
