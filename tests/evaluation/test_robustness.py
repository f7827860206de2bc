# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The run: resumes, composes batches, and leaves the model as it found it; once through with a real tiny model."""

import importlib.util
import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from nemo_noise.evaluation.hypothesis import read_hypotheses, write_hypotheses
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.batches import Kept, ring_batches, ring_of_unlike, rings_of
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, Trial, load_plan
from nemo_noise.evaluation.transcription.arms import Arm, arms_of
from nemo_noise.evaluation.transcription.model_names import name_models
from nemo_noise.evaluation.transcription.robustness import (
    RunOptions,
    run_arm,
    run_models,
    set_aside_other_rows,
)
from tests.evaluation.tiny_models import ENCODER, SAMPLE_RATE, tiny_ctc, write_noise, write_speech

ROOT = Path(__file__).parents[2]
LINE = '{"utterance_id": "a", "text": "one", "pred_text": "one"}'


class FakeModel(torch.nn.Module):
    """Counts what it is asked to transcribe."""

    def __init__(self, weight: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([weight]))
        self.cfg = DictConfig({"sample_rate": SAMPLE_RATE})
        self.batches: list[int] = []

    def transcribe(self, waveforms: list[np.ndarray], **_: object) -> list[str]:
        self.batches.append(len(waveforms))
        self.train()
        return [f"{len(waveform)} samples" for waveform in waveforms]


@pytest.fixture
def plan(tmp_path: Path) -> MixturePlan:
    lists = {"unseen": write_noise(tmp_path / "noise", ("rain", "dog", "car", "siren"))}
    speech = write_speech(tmp_path / "speech", count=4)
    return load_plan(
        SAMPLE_RATE,
        speech,
        lists,
        snr_db=["clean", 10, 5, 0],
        seed=0,
        noise_only=NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=(0.5,)),
    )


def test_a_finished_run_is_not_computed_again(plan: MixturePlan, tmp_path: Path) -> None:
    path, model = tmp_path / "hypotheses.jsonl", FakeModel()
    rows = run_arm(Arm("fake", model), plan, path, options=RunOptions(batch_size=4))
    assert sum(model.batches) == len(plan.trials) + 1  # one to warm up
    assert not model.training
    model.batches.clear()
    assert run_arm(Arm("fake", model), plan, path, options=RunOptions(batch_size=4)) == rows
    assert model.batches == []


def test_a_killed_run_resumes_after_its_unfinished_last_line(plan: MixturePlan, tmp_path: Path) -> None:
    path, model = tmp_path / "hypotheses.jsonl", FakeModel()
    rows = run_arm(Arm("fake", model), plan, path, options=RunOptions(batch_size=4))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:9]) + lines[9][:40])
    model.batches.clear()
    again = run_arm(Arm("fake", model), plan, path, options=RunOptions(batch_size=4))
    assert sum(model.batches) == len(plan.trials) - 9 + 1
    assert [row.pred_text for row in again] == [row.pred_text for row in rows]
    assert len(read_hypotheses(path)) == len(plan.trials)


def test_other_weights_are_another_model_and_old_rows_are_set_aside(plan: MixturePlan, tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.jsonl"
    run_arm(Arm("fake", FakeModel()), plan, path, options=RunOptions())
    other = FakeModel(weight=1.0)
    rows = run_arm(Arm("fake", other), plan, path, options=RunOptions())
    assert sum(other.batches) == len(plan.trials) + 1
    set_aside_other_rows(path, rows)
    assert read_hypotheses(path) == rows
    assert len(read_hypotheses(tmp_path / "hypotheses.other.jsonl")) == len(plan.trials)


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.jsonl"
    path.write_text(f'{LINE}\n{{"text": \n{LINE}\n')
    with pytest.raises(ValueError, match=r"hypotheses.jsonl:2: not JSON"):
        read_hypotheses(path)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('"condition": "loud"', "condition is 'loud' in the row of utterance a, should be one of .*noisy"),
        ('"snr_db": 5', "noise_list is missing in the row of utterance a, which is noisy"),
        ('"snr_db": "low", "noise_list": "n"', "snr_db is 'low' in the row of utterance a, should be a number"),
        ('"duration": "long"', "duration is 'long' in the row of utterance a, should be a number"),
        ('"pred_text": null', "pred_text is missing in the row of utterance a, cell clean"),
        ('"word_confidence": 0.5', "word_confidence is 0.5 in the row of utterance a, should be a list"),
        ('"utterance_id": null', "a row needs utterance_id or audio_filepath, got only the fields"),
    ],
)
def test_a_wrong_field_is_an_error_that_names_file_and_line(tmp_path: Path, field: str, message: str) -> None:
    path = tmp_path / "hypotheses.jsonl"
    path.write_text(f"{LINE}\n{LINE[:-1]}, {field}}}\n")
    with pytest.raises(ValueError, match=f"hypotheses.jsonl:2: {message}"):
        read_hypotheses(path)


def test_a_line_of_an_older_version_is_written_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.jsonl"
    line = (
        '{"audio_filepath": "a.wav", "pred_text": "ä", "speaker": 7, "seed": null, "snr_db": 5, "noise_list": "n"}\n'
    )
    path.write_text(line)
    (row,) = read_hypotheses(path)
    assert (row.utterance, row.model, row.seed, str(row.cell), row.value("speaker")) == (
        "a.wav",
        "model",
        "",
        "n@5",
        "7",
    )
    write_hypotheses(path, [row])
    assert path.read_text() == line


def test_rows_are_the_manifest_line_again(plan: MixturePlan, tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.jsonl"
    rows = run_arm(Arm("fake", FakeModel()), plan, path, options=RunOptions(training_seed=7))
    row = next(row for row in rows if row.cell.snr_db == 5.0).fields
    assert (row["audio_filepath"], row["text"], row["speaker"]) == ("utt0.wav", "zero one two", "s0")
    assert (row["model"], row["noise_list"], row["seed"], row["condition"]) == ("fake", "unseen", 7, "noisy")
    assert row["noise_label"] in ("rain", "dog", "car", "siren")
    assert row["transcribe_s"] > 0


def test_in_a_control_the_trial_before_differs_in_noise_and_snr(plan: MixturePlan) -> None:
    trials = [trial for trial in plan.trials if trial.snr_db is not None]
    ring = ring_of_unlike(trials, plan)
    assert {trial.trial_id for trial in ring} == {trial.trial_id for trial in trials}
    pairs = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    alike = [a for a, b in pairs if a.snr_db == b.snr_db or a.utterance_id == b.utterance_id]
    assert len(alike) <= len(pairs) // 4
    assert ring_of_unlike(trials, plan) == ring


def test_batches_of_a_control_begin_with_the_trial_before_and_hold_no_more_than_they_may(plan: MixturePlan) -> None:
    ring = ring_of_unlike([trial for trial in plan.trials if trial.snr_db is not None], plan)
    names = [trial.trial_id for trial in ring]
    for wanted in (set(names), set(names[:1]), set(names[3:5] + names[7:]), set()):
        for batch_size in (2, 3, 5, 100):
            batches = [[trial.trial_id for trial in batch] for batch in ring_batches(ring, wanted, batch_size)]
            assert [name for batch in batches for name in batch[1:]] == [name for name in names if name in wanted]
            assert all(2 <= len(batch) <= batch_size for batch in batches)
            before = {name: names[place - 1] for place, name in enumerate(names)}
            assert all(before[b] == a for batch in batches for a, b in zip(batch, batch[1:], strict=False))
    with pytest.raises(ValueError, match="batch_size is 1"):
        ring_batches(ring, set(names), 1)


def test_a_swap_of_the_noise_keeps_the_talker_and_one_of_the_talker_keeps_the_noise(plan: MixturePlan) -> None:
    trials = [trial for trial in plan.trials if trial.entry is not None]
    for kept in (Kept.TALKER, Kept.NOISE):
        rings = rings_of(trials, plan, kept)
        assert sum(map(len, rings)) > len(trials) // 4
        for ring in rings:
            for giver, trial in zip([ring[-1], *ring[:-1]], ring, strict=True):
                talkers = [one.entry and one.entry.fields["speaker"] for one in (giver, trial)]
                noises = [(one.noise_list, plan.noise_label(one), one.snr_db, one.place) for one in (giver, trial)]
                assert (talkers if kept is Kept.TALKER else noises)[0] == (talkers if kept is Kept.TALKER else noises)[
                    1
                ]
                assert giver.trial_id != trial.trial_id
        others = [
            talker != next_talker
            for ring in rings
            for talker, next_talker in zip(*(_talkers(each) for each in (ring, [*ring[1:], ring[0]])), strict=True)
        ]
        if kept is Kept.NOISE:
            assert np.mean(others) > 0.6


def _talkers(trials: list[Trial]) -> list[object]:
    return [trial.entry.fields["speaker"] for trial in trials if trial.entry is not None]


def test_a_swap_of_the_noise_changes_label_and_snr_where_the_talker_has_others(plan: MixturePlan) -> None:
    rings = rings_of([trial for trial in plan.trials if trial.snr_db is not None], plan, Kept.TALKER)
    pairs = [pair for ring in rings for pair in zip(ring, [*ring[1:], ring[0]], strict=True)]
    assert np.mean([a.snr_db != b.snr_db for a, b in pairs]) > 0.7


def test_a_swap_is_left_out_where_a_line_names_no_talker(plan: MixturePlan) -> None:
    assert rings_of(plan.trials, plan, Kept.TALKER, talker_field="nobody") == []
    arm = Arm("fake+swapped_noise", NeighbourModel(), nullcontext, kept=Kept.TALKER)
    assert run_arm(arm, plan, Path("unused.jsonl"), options=RunOptions(talker_field="nobody")) == []


class NeighbourModel(FakeModel):
    """Writes whose context it got, as a model with a shuffled context does."""

    def transcribe(self, waveforms: list[np.ndarray], **_: object) -> list[str]:
        super().transcribe(waveforms)
        sums = [f"{float(np.abs(waveform).sum()):.6f}" for waveform in waveforms]
        return [f"{own} in the context of {sums[place - 1]}" for place, own in enumerate(sums)]


@pytest.mark.parametrize("which", list(Kept))
@pytest.mark.parametrize("batch_size", [2, 3, 16])
def test_a_control_has_one_value_after_kills_and_with_any_batch_size(
    plan: MixturePlan, tmp_path: Path, batch_size: int, which: Kept
) -> None:
    arm = Arm("fake+shuffled_context", NeighbourModel(), nullcontext, kept=which)
    whole = run_arm(arm, plan, tmp_path / "whole.jsonl", options=RunOptions(batch_size=4))
    assert all(row.is_spoken for row in whole)
    texts = [row.pred_text for row in whole]
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    for name, kept in {"none": [], "half": lines[: len(lines) // 2], "one": lines[:-1], "holes": lines[::3]}.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(kept))
        rows = run_arm(arm, plan, path, options=RunOptions(batch_size=batch_size))
        assert [row.pred_text for row in rows] == texts, name
        assert len(read_hypotheses(path)) == len(texts), name


def test_a_model_without_a_context_has_no_control() -> None:
    assert [arm.name for arm in arms_of("fake", FakeModel(), ["shuffled_context"])] == ["fake"]
    with pytest.raises(ValueError, match="controls holds 'shuffle'"):
        arms_of("fake", FakeModel(), ["shuffle"])


def test_models_are_named_by_file_then_folder_and_never_alike() -> None:
    assert list(name_models("a/x.nemo", None, model_name=None, baseline_name=None)) == ["x"]
    assert list(name_models("a/x.nemo", "b/x.nemo", model_name=None, baseline_name=None)) == ["a/x", "b/x"]
    with pytest.raises(ValueError, match="both named 'same'"):
        name_models("a/x.nemo", "b/x.nemo", model_name="same", baseline_name="same")


def test_models_of_different_sample_rates_are_not_compared(plan: MixturePlan, tmp_path: Path) -> None:
    for name, rate in (("a", SAMPLE_RATE), ("b", 8000)):
        tiny_ctc(sample_rate=rate).save_to(str(tmp_path / f"{name}.nemo"))
    models = {name: str(tmp_path / f"{name}.nemo") for name in "ab"}
    with pytest.raises(ValueError, match="'b' wants 8000 Hz, the first one 16000 Hz"):
        run_models(
            models, lambda _: plan, tmp_path / "h.jsonl", controls=[], options=RunOptions(), device=torch.device("cpu")
        )


def test_the_script_evaluates_two_models_writes_all_files_and_sets_the_exit_status(tmp_path: Path) -> None:
    context = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "feat_in": 16, "d_context": 8}
    fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 32, "d_context": 8}}
    noise_aware = {**ENCODER, "_target_": "nemo_noise.modules.NoiseAwareConformerEncoder"}
    tiny_ctc({**noise_aware, "context": context, "fusion": fusion}).save_to(str(tmp_path / "context.nemo"))
    tiny_ctc(seed=1).save_to(str(tmp_path / "plain.nemo"))
    config = OmegaConf.load(ROOT / "conf/scripts/noise_robustness.yaml")
    config.update(model=str(tmp_path / "context.nemo"), baseline=str(tmp_path / "plain.nemo"), device="cpu")
    config.update(speech=str(write_speech(tmp_path / "speech")), snr_db=["clean", 10, 0], batch_size=4)
    config.update(
        noise_lists={"unseen": str(write_noise(tmp_path / "noise"))},
        noise_only={"crops": 1, "crop_s": 1.0, "silence_s": [1.0]},
    )
    config.update(output_dir=str(tmp_path / "out"), replications=50, fail_if=["unseen.mean_wer > -1"])
    config.update(confidence={"method_cfg": {"name": "max_prob"}}, latency_utterances=2, audio_clips=2)
    script = _load_script("evaluate_noise_robustness")
    with pytest.raises(SystemExit, match="1"):
        script.main(config)
    results = json.loads((tmp_path / "out/summary.json").read_text())
    assert list(results["models"]) == ["context", "plain", "context+shuffled_context"]
    assert list(results["controls"]) == ["shuffled_context"]
    assert results["comparison"]["pairs"] == 9
    assert results["models"]["context"]["mixture_set_sha256"] == results["models"]["plain"]["mixture_set_sha256"]
    assert len(read_hypotheses(tmp_path / "out/hypotheses.jsonl")) == 11 + 9 + 11
    page = (tmp_path / "out/report.html").read_text()
    assert "plain" in page
    assert page.count("<audio") == 2
    assert len(page) < 2_000_000
    assert "model-index" in (tmp_path / "out/README.md").read_text()
    summary = results["models"]["context"]
    assert summary["calibration"]["unit"] == "word" and 0 <= summary["calibration"]["ece"] <= 1
    assert summary["speed"]["latency_utterances"] == 2 and summary["speed"]["latency_ms_median"] > 0
    assert summary["speed"]["parameters"] > 1000
    assert summary["silence"]["pieces"] == 1

    rebuilt = {"from_hypotheses": [str(tmp_path / "out/hypotheses.jsonl")], "baseline_name": "plain", "fail_if": []}
    with pytest.raises(SystemExit, match="0"):
        script.main(OmegaConf.merge(config, rebuilt, {"output_dir": str(tmp_path / "rebuilt")}))
    again = json.loads((tmp_path / "rebuilt/summary.json").read_text())
    assert again["models"] == results["models"]


def test_the_script_exports_mixtures_and_compares_a_model_with_transcripts_of_them(tmp_path: Path) -> None:
    tiny_ctc().save_to(str(tmp_path / "plain.nemo"))
    config = OmegaConf.load(ROOT / "conf/scripts/noise_robustness.yaml")
    config.update(
        speech=str(write_speech(tmp_path / "speech")), snr_db=["clean", 0], noise_only={"crops": 0}, device="cpu"
    )
    config.update(noise_lists={"unseen": str(write_noise(tmp_path / "noise"))}, output_dir=str(tmp_path / "out"))
    config.update(replications=20, latency_utterances=0)
    script = _load_script("evaluate_noise_robustness")
    with pytest.raises(SystemExit, match="0"):
        script.main(OmegaConf.merge(config, {"export_mixtures": str(tmp_path / "mixtures")}))
    lines = [json.loads(line) for line in (tmp_path / "mixtures/manifest.jsonl").read_text().splitlines()]
    other = tmp_path / "other.csv"
    other.write_text("id,text\n" + "".join(f"{line['mixture_id']},{line['text']}\n" for line in lines))
    with pytest.raises(SystemExit, match="0"):
        script.main(OmegaConf.merge(config, {"model": str(tmp_path / "plain.nemo"), "baseline": str(other)}))
    results = json.loads((tmp_path / "out/summary.json").read_text())
    exported = json.loads((tmp_path / "mixtures/mixtures.json").read_text())["mixture_set_sha256"]
    assert {summary["mixture_set_sha256"] for summary in results["models"].values()} == {exported}
    assert results["models"]["other"]["lists"]["unseen"]["mean_wer"] == 0.0
    assert results["comparison"]["pairs"] == 6
    with pytest.raises(SystemExit, match="0"):  # transcripts alone need no model at all
        script.main(OmegaConf.merge(config, {"model": str(other), "output_dir": str(tmp_path / "alone")}))
    assert "<audio" not in (tmp_path / "alone/report.html").read_text()  # no errors, no worst utterances


def test_utterances_alone_are_timed_and_chosen_across_the_plan(plan: MixturePlan, tmp_path: Path) -> None:
    model = FakeModel()
    rows = run_arm(
        Arm("fake", model), plan, tmp_path / "h.jsonl", options=RunOptions(batch_size=4, latency_utterances=3)
    )
    timed = [row for row in rows if row.latency_s is not None]
    assert len({row.utterance for row in timed}) == len(timed) == 3
    assert all(row.latency_s > 0 and row.is_spoken for row in timed)
    assert model.batches.count(1) == 1 + 3  # the warm-up, and the timed ones (no batch of the plan holds one trial)
    assert {row.parameters for row in rows} == {1}
    with pytest.raises(ValueError, match="latency_utterances is -1"):
        RunOptions(latency_utterances=-1)


def test_what_a_config_leaves_out_is_named() -> None:
    config = OmegaConf.load(ROOT / "conf/scripts/noise_robustness.yaml")
    with pytest.raises(ValueError, match="model is missing"):
        Instrument(config).run()
    with pytest.raises(ValueError, match="speech is missing"):
        Instrument(OmegaConf.merge(config, {"model": "other.csv"})).run()


def _load_script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"examples/asr/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script
