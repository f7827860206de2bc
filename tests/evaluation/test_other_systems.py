# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Recognisers that are no NeMo models, evaluated on the same mixtures: their rows, their cost, what is left out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from nemo.utils import logging

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.hypothesis import read_hypotheses
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import load_plan
from nemo_noise.evaluation.transcription import robustness
from nemo_noise.evaluation.transcription.arms import Arm, arms_of
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.systems import System
from nemo_noise.recogniser.transcription import Transcript
from tests.evaluation.tiny_models import SAMPLE_RATE, tiny_ctc, write_noise, write_speech
from tests.wav2vecs import write_wav2vec2


class ScriptedSystem(System):
    """The double: writes how many samples it was given, and counts its calls."""

    kind = "scripted system"
    sample_rate = SAMPLE_RATE
    fingerprint = "0123456789abcdef+00000000"
    parameter_count = 7
    device = torch.device("cpu")
    is_torch = False

    def __init__(self) -> None:
        self.name = "scripted"
        self.calls: list[int] = []

    def transcribe(self, waveforms: Sequence[np.ndarray]) -> list[Transcript]:
        self.calls.append(len(waveforms))
        return [Transcript(f"{len(waveform)} samples") for waveform in waveforms]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_ctc().save_to(str(folder / "ctc.nemo"))
    write_wav2vec2(folder / "wav2vec2-large.en", shape="large")
    return folder


@pytest.fixture
def config(folder: Path, tmp_path: Path) -> DictConfig:
    config = OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml")
    few = {"noise_only": {"crops": 1, "crop_s": 0.5, "silence_s": [0.5]}, "snr_db": ["clean", 5], "replications": 10}
    config.update(speech=str(write_speech(tmp_path / "speech")), device="cpu", latency_utterances=1, **few)
    config.update(noise_lists=str(write_noise(tmp_path / "noise")), output_dir=str(tmp_path / "out"), audio_clips=0)
    config.update(model=str(folder / "wav2vec2-large.en"), baseline=str(folder / "ctc.nemo"))
    return config


def test_rows_of_a_system_hold_its_texts_and_cost_and_a_killed_run_resumes(tmp_path: Path) -> None:
    speech, lists = write_speech(tmp_path / "speech"), {"unseen": write_noise(tmp_path / "noise")}
    silence = NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=(0.5,))
    plan = load_plan(SAMPLE_RATE, speech, lists, snr_db=["clean", 5], seed=0, noise_only=silence)
    system, path = ScriptedSystem(), tmp_path / "rows.jsonl"
    rows = run_arm(Arm("other", system), plan, path, options=RunOptions(batch_size=4))
    assert {row.pred_text for row in rows} == {f"{count} samples" for count in (8000, 16000, 19200, 22400)}
    assert {row.model_fingerprint for row in rows} == {system.fingerprint}
    assert {row.fields["parameters"] for row in rows} == {7}
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:5]) + lines[5][:30])
    system.calls.clear()
    assert len(run_arm(Arm("other", system), plan, path, options=RunOptions(batch_size=4))) == len(rows)
    assert sum(system.calls) == len(rows) - 5 + 1  # one to warm up
    assert len(read_hypotheses(path)) == len(rows)


def test_what_holds_for_nemo_models_alone_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", said.append)
    arms = arms_of("other", ScriptedSystem(), ["shuffled_context"], adaptation=AdaptationConfig())
    assert [arm.name for arm in arms] == ["other"]
    assert said == ["shuffled_context, adaptation left out: other is a scripted system, not a NeMo model"]


def test_a_hugging_face_folder_against_a_nemo_model_makes_a_report(config: DictConfig, folder: Path) -> None:
    instrument = Instrument(OmegaConf.merge(config, {"streaming_ms": [160], "context_snr": True}))
    run = instrument.run()
    results = instrument.report(run)
    assert list(results["models"])[:2] == ["wav2vec2-large.en", "ctc"]
    assert run.found["streaming"]["wav2vec2-large.en"].endswith("and this is a Hugging Face model")
    by_model = {name: [row for row in run.rows if row.model == name] for name in results["models"]}
    assert len(by_model["wav2vec2-large.en"]) == len(by_model["ctc"])
    assert "wav2vec2-large.en" in (Path(config.output_dir) / "report.html").read_text()


def test_a_changed_option_of_a_system_is_another_row(config: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[dict] = []
    true_open = robustness.open_system

    def counting(name: str, device: torch.device, options: dict) -> System:
        opened.append(dict(options))
        return true_open(name, device, options)

    monkeypatch.setattr(robustness, "open_system", counting)
    for options in ({}, {"dtype": "float32"}, {}):
        Instrument(OmegaConf.merge(config, {"baseline": None, "transcribe": options})).run()
    out = Path(config.output_dir)
    assert opened == [{}, {"dtype": "float32"}, {}]
    (plain,) = {row.model_fingerprint for row in read_hypotheses(out / "hypotheses.jsonl")}
    others = {row.model_fingerprint for row in read_hypotheses(out / "hypotheses.other.jsonl")}
    assert all(str(other).startswith(f"{plain}+") or other == plain for other in others) and len(others) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transcribe": {"beam_size": 5}}, "transcribe holds 'beam_size', which wav2vec2-large.en .Wav2Vec2ForCTC."),
        ({"baseline_transcribe": {"dtype": "float16"}}, "baseline_transcribe holds 'dtype', which ctc"),
        ({"model": "riva://localhost"}, "are not read"),
        ({"model": "nowhere/at/all"}, "does not exist"),
    ],
)
def test_what_does_not_fit_a_system_is_said_before_anything_runs(
    config: DictConfig, changes: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "open_system", lambda *_: pytest.fail("a system is opened"))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Instrument(OmegaConf.merge(config, changes)).run()
