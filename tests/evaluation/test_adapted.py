# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A model that adapts to each utterance beside itself: its rows, its gain and cost, and who is left out."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.evaluation import ScoringOptions, collect_results, read_results
from nemo_noise.evaluation.gates import gate_values
from nemo_noise.evaluation.hypothesis import Hypothesis, read_hypotheses, write_hypotheses
from nemo_noise.evaluation.mixtures.batches import check_stream_fields
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import load_plan
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.text_table import summary_table
from nemo_noise.evaluation.results import write_results
from nemo_noise.evaluation.transcription.adapted import AdaptedTranscription
from nemo_noise.evaluation.transcription.arms import arms_of
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm, run_models
from nemo_noise.inference import AdaptationConfig, adapt_along_streams, adapt_and_transcribe
from tests.evaluation.rows import synthetic_rows
from tests.evaluation.tiny_models import SAMPLE_RATE, write_noise, write_speech
from tests.inference.listening import LevelMeter, listening_ctc

OPTIONS = ScoringOptions(replications=20)
METER = AdaptationConfig(parameters=["encoder.bias"], min_spoken_frames=0, max_steps=2)
FREE: dict[str, Any] = {"min_spoken_frames": 1, "max_spoken_change": 1.0, "max_length_ratio": 1e9}
FREE |= {"max_steps": 2, "learning_rate": 0.003, "min_improvement": 0.0}


def adapted_rows() -> list[Hypothesis]:
    """Rows of a model, and of itself adapted to every other utterance at six times the cost."""
    plain = synthetic_rows("a", 0.1, utterances=8)
    costs = {"transcribe_s": 0.6, "plain_transcribe_s": 0.1}
    adapted = [
        row.changed(is_adapted=number % 2 == 0, adaptation_steps=3 * (number % 2 == 0), **costs)
        for number, row in enumerate(synthetic_rows("a+adapted", 0.05, utterances=8))
    ]
    return plain + adapted


def test_the_gain_is_the_adapted_model_against_itself_and_the_cost_stands_beside_it() -> None:
    rows = adapted_rows()
    gain = collect_results(rows, "a", options=OPTIONS)["adaptation"]
    assert gain is not None
    assert (gain["comparison"]["model"], gain["comparison"]["baseline"]) == ("a+adapted", "a")
    assert gain["comparison"]["pairs"] == gain["utterances"] == 2 * gain["adapted"] == len(rows) // 2
    assert (gain["share_adapted"], gain["steps"]) == (0.5, 1.5)
    assert gain["times_as_long"] == pytest.approx(6.0)
    assert gain["comparison"]["lists"]["unseen"]["relative_reduction"] > 0
    untimed = [row.changed(transcribe_s=None) for row in rows]
    gain = collect_results(untimed, "a", options=OPTIONS)["adaptation"]
    assert gain is not None and gain["times_as_long"] is gain["transcribe_s"] is None


def test_page_table_and_gates_show_the_adapted_model() -> None:
    rows = adapted_rows()
    results = collect_results(rows, "a", options=OPTIONS)
    table = summary_table(results)
    assert any(line.startswith("a+adapted") for line in table.splitlines())
    assert "a+adapted adapted to 36 of 72 utterances (50.0\N{NO-BREAK SPACE}%), 1.5 steps each on average, " in table
    assert "at 6.0 times the plain time, one by one." in table and "errors than a (95 % interval" in table
    page = render_report(results, rows)
    assert "a adapted to each utterance, against itself" in page and "36 of 72" in page
    assert 'class="curve adapted"' in page
    values = gate_values(results)
    assert values["adaptation.share_adapted"] == 0.5 and "adaptation.unseen.relative_reduction_low" in values
    rows += [row.changed(model="a+adapted_stream") for row in rows if row.model == "a+adapted"]
    results = collect_results(rows, "a", options=OPTIONS)
    assert "a+adapted_stream adapted to 36 of 72 utterances" in summary_table(results)
    page = render_report(results, rows)
    assert "a adapted along streams, against itself" in page and 'class="curve adapted stream"' in page
    assert gate_values(results)["stream_adaptation.share_adapted"] == 0.5
    without = collect_results(synthetic_rows("a", 0.1, utterances=8), "a", options=OPTIONS)
    assert without["adaptation"] is None and "against itself" not in render_report(without, [])


def test_results_that_were_written_before_there_was_adaptation_are_read(tmp_path: Path) -> None:
    results = collect_results(synthetic_rows("a", 0.1, utterances=8), "a", options=OPTIONS)
    old = {name: value for name, value in results.items() if name not in ("adaptation", "stream_adaptation")}
    write_results(tmp_path / "summary.json", old)
    assert read_results(tmp_path / "summary.json") == results


def test_a_model_that_cannot_adapt_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    deaf = torch.nn.Linear(1, 1)
    assert [arm.name for arm in arms_of("deaf", deaf, [], adaptation=METER)] == ["deaf"]
    meter = LevelMeter()
    assert [arm.name for arm in arms_of("meter", meter, [], adaptation=AdaptationConfig())] == [
        "meter"
    ]  # it has no norms
    assert [arm.name for arm in arms_of("meter", meter, [])] == ["meter"]
    assert "adaptation left out: deaf: Linear cannot be adapted" in caplog.text
    assert "adaptation left out: meter: parameters='norms' names no parameter" in caplog.text


def test_it_hears_utterances_one_by_one_and_rows_of_other_settings_are_not_its_own(tmp_path: Path) -> None:
    lists, speech = {"unseen": write_noise(tmp_path / "noise")}, write_speech(tmp_path / "speech", count=2)
    plan = load_plan(
        SAMPLE_RATE,
        speech,
        lists,
        snr_db=["clean", 0],
        seed=0,
        noise_only=NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=()),
    )
    model, path = LevelMeter(), tmp_path / "hypotheses.jsonl"
    plain, adapted = arms_of("meter", model, [], adaptation=METER)
    options = RunOptions(batch_size=4, latency_utterances=1)
    rows = {arm.name: run_arm(arm, plan, path, options=options) for arm in (plain, adapted)}
    assert list(rows) == ["meter", "meter+adapted"] and adapted.batch_size == 1
    told = {"is_adapted", "adaptation_steps", "adaptation_reason", "plain_transcribe_s"}
    assert all(set(row.fields) >= told and row.plain_transcribe_s > 0 for row in rows["meter+adapted"])
    assert not any(set(row.fields) & told for row in rows["meter"])
    assert len({row.transcribe_s for row in rows["meter+adapted"]}) > 1  # each its own, no share of a batch
    written = len(read_hypotheses(path))
    assert (
        run_arm(adapted, plan, path, options=options) == rows["meter+adapted"]
        and len(read_hypotheses(path)) == written
    )
    (_, other) = arms_of("meter", model, [], adaptation=replace(METER, max_steps=3))
    run_arm(other, plan, path, options=options)
    assert len(read_hypotheses(path)) == written + len(plan.trials)


def test_a_part_of_the_trials_is_whole_utterances_with_speech(tmp_path: Path) -> None:
    lists, speech = {"unseen": write_noise(tmp_path / "noise")}, write_speech(tmp_path / "speech", count=4)
    plan = load_plan(
        SAMPLE_RATE,
        speech,
        lists,
        snr_db=["clean", 0],
        seed=0,
        noise_only=NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=()),
    )
    (_, adapted) = arms_of("meter", LevelMeter(), [], adaptation=METER, adaptation_trials=5)
    rows = run_arm(adapted, plan, tmp_path / "hypotheses.jsonl", options=RunOptions())
    heard = [row.utterance for row in rows]
    assert len(rows) == 4 and len(set(heard)) == 2 and all(row.text for row in rows)
    with pytest.raises(ValueError, match="adaptation_trials is 0, should be 1 or more, or null for all"):
        RunOptions(adaptation_trials=0)


def test_along_streams_it_goes_on_from_what_it_has_learnt_and_a_cut_stream_is_heard_anew(tmp_path: Path) -> None:
    lists, speech = {"unseen": write_noise(tmp_path / "noise")}, write_speech(tmp_path / "speech", count=4)
    lines = [json.loads(line) for line in speech.read_text().splitlines()]
    lines = [json.dumps(line | {"speaker": speaker}) for line, speaker in zip(lines, "abab", strict=True)]
    speech.write_text("\n".join(lines))
    only = NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=())
    plan = load_plan(SAMPLE_RATE, speech, lists, snr_db=["clean", 0], seed=0, noise_only=only)
    model, how = listening_ctc(tmp_path), AdaptationConfig(**FREE)
    (_, alone, along) = arms_of("ctc", model, [], adaptation=how, adaptation_streams=["speaker"])
    assert (alone.name, along.name) == ("ctc+adapted", "ctc+adapted_stream")
    path, options = tmp_path / "hypotheses.jsonl", RunOptions()
    said = [row.pred_text for row in run_arm(along, plan, path, options=options)]
    keys = [t.trial_id if t.entry is None else (t.entry.fields["speaker"], t.snr_db) for t in plan.trials]
    assert len(set(keys)) == 5  # two speakers, clean and noisy, and noise alone
    heard = [plan.render(trial).samples for trial in plan.trials]
    expected = adapt_along_streams(model, lambda number: heard[number], keys, config=how)
    assert said == [result.text for result in expected]
    assert said != [row.pred_text for row in run_arm(alone, plan, path, options=options)]
    rows = read_hypotheses(path)
    cut = [row for row in rows if row.model == along.name][-2:-1]
    write_hypotheses(path, [row for row in rows if row not in cut])
    assert [row.pred_text for row in run_arm(along, plan, path, options=options)] == said
    written = len(read_hypotheses(path))
    assert (
        len(run_arm(replace(along, trials=4), plan, path, options=options)) == 4
    )  # another stream: nothing is taken over
    assert len(read_hypotheses(path)) == written + 4


def test_rows_keep_their_fingerprint_when_settings_are_added_that_change_nothing() -> None:
    fingerprint = AdaptedTranscription(AdaptationConfig()).fingerprint
    assert fingerprint == "2a031bac"
    assert AdaptedTranscription(AdaptationConfig(batch_statistics=0.5)).fingerprint != fingerprint


@pytest.mark.parametrize("what", ["sensors", "pre-roll"])
def test_streams_are_left_out_where_utterances_come_with_more_than_samples(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    speech = write_speech(tmp_path / "speech")
    if what == "sensors":
        lines = [json.loads(line) | {"sensors": {}} for line in speech.read_text().splitlines()]
        speech.write_text("\n".join(json.dumps(line) for line in lines))
    lists, only = {"unseen": write_noise(tmp_path / "noise")}, NoiseOnlyOptions(crops=0, silence_s=())
    before_s = 1.0 if what == "pre-roll" else 0.0
    plan = load_plan(SAMPLE_RATE, speech, lists, snr_db=["clean"], seed=0, noise_only=only, preroll_s=before_s)
    listening_ctc(tmp_path).save_to(str(tmp_path / "ctc.nemo"))
    options = RunOptions(adaptation=AdaptationConfig(**FREE), adaptation_streams=["speaker"])
    path, device = tmp_path / "hypotheses.jsonl", torch.device("cpu")
    rows = run_models(
        {"ctc": str(tmp_path / "ctc.nemo")}, lambda _: plan, path, controls=[], options=options, device=device
    )
    assert {row.model for row in rows} == {"ctc", "ctc+adapted"}
    assert "adaptation along streams left out: it reads neither sensors nor a pre-roll" in caplog.text


def test_streams_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    lists, speech = {"unseen": write_noise(tmp_path / "noise")}, write_speech(tmp_path / "speech")
    plan = load_plan(SAMPLE_RATE, speech, lists, snr_db=["clean"], seed=0, noise_only=NoiseOnlyOptions(crops=0))
    (_, _, along) = arms_of("meter", LevelMeter(), [], adaptation=METER, adaptation_streams=["place"])
    with pytest.raises(ManifestError, match=r"speech.*:1: place=None must be a text or a number in every line"):
        run_arm(along, plan, tmp_path / "hypotheses.jsonl", options=RunOptions())
    with pytest.raises(ManifestError, match="place=None"):
        check_stream_fields(plan.trials, ["speaker", "place"])
    with pytest.raises(ValueError, match="adaptation_streams is 'speaker', should be a list, as in"):
        RunOptions(adaptation=METER, adaptation_streams="speaker")
    with pytest.raises(ValueError, match="adaptation_streams is given without adaptation"):
        RunOptions(adaptation_streams=["speaker"])


def test_the_script_runs_the_model_once_more_adapted_to_each_utterance(tmp_path: Path, repository: Path) -> None:
    model = listening_ctc(tmp_path)
    model.save_to(str(tmp_path / "ctc.nemo"))
    config = OmegaConf.load(repository / "conf/scripts/noise_robustness.yaml")
    config.update(model=str(tmp_path / "ctc.nemo"), device="cpu", adaptation=FREE, latency_utterances=0)
    config.update(speech=str(write_speech(tmp_path / "speech")), snr_db=["clean", 5], batch_size=3)
    config.update(noise_lists={"unseen": str(write_noise(tmp_path / "noise"))}, noise_only={"crops": 0})
    config.update(output_dir=str(tmp_path / "out"), replications=20, audio_clips=0, adaptation_trials=4)
    config.update(adaptation_streams=["speaker"])
    script_path = repository / "examples/asr/evaluate_noise_robustness.py"
    spec = importlib.util.spec_from_file_location("evaluate_noise_robustness", script_path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with pytest.raises(SystemExit, match="0"):
        script.main(config)
    results = json.loads((tmp_path / "out/summary.json").read_text())
    assert list(results["models"]) == ["ctc", "ctc+adapted", "ctc+adapted_stream"]
    gain = results["adaptation"]
    assert gain["utterances"] == gain["comparison"]["pairs"] == 4 and 0 < gain["steps"] <= 2
    assert (
        0 < gain["adapted"] <= 4
        and "ctc adapted to each utterance, against itself" in (tmp_path / "out/report.html").read_text()
    )
    assert gain["transcribe_s"] > gain["plain_transcribe_s"] > 0
    assert results["stream_adaptation"]["utterances"] == 4
    assert gate_values(results)["stream_adaptation.steps"] > 0
    rows = [row for row in read_hypotheses(tmp_path / "out/hypotheses.jsonl") if row.model == "ctc+adapted"]
    plan = load_plan(
        SAMPLE_RATE,
        config.speech,
        dict(config.noise_lists),
        snr_db=["clean", 5],
        seed=0,
        noise_only=NoiseOnlyOptions(0, silence_s=(1, 5, 10, 30)),
    )
    by_trial = {row.trial_id: row for row in rows}
    trial = next(trial for trial in plan.trials if trial.snr_db == 5 and trial.trial_id in by_trial)
    samples = np.asarray(plan.render(trial).samples, dtype=np.float32)
    (expected,) = adapt_and_transcribe(model, [samples], AdaptationConfig(**FREE))
    assert by_trial[trial.trial_id].pred_text == expected.text
    assert by_trial[trial.trial_id].fields["adaptation_reason"] == expected.reason
