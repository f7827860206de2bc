# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sensors through NeMo's own CTC model, data set and trainer, and through the robustness evaluation."""

import json
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import EncDecCTCModel

from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import load_plan
from nemo_noise.evaluation.transcription.arms import Arm, arms_of
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.modules import MultimodalContextEncoder
from tests.evaluation.tiny_models import ENCODER, SAMPLE_RATE, tiny_ctc, write_noise, write_speech

CONTEXT = {
    "_target_": "nemo_noise.modules.MultimodalContextEncoder",
    "feat_in": 16,
    "d_context": 8,
    "d_hidden": 16,
    "streams": {
        "shaking": {"_target_": "nemo_noise.modules.SensorTokens", "channels": 1, "rate_hz": 100, "d_hidden": 16}
    },
}
NOISE_AWARE = ENCODER | {
    "_target_": "nemo_noise.modules.NoiseAwareConformerEncoder",
    "context": CONTEXT,
    "fusion": {"0": {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 32, "d_context": 8}},
}


class Ear:
    """Keeps the sensors that a model's context encoder has at each forward, and whether it trains."""

    def __init__(self, model: EncDecCTCModel) -> None:
        self.heard: list[tuple[bool, dict]] = []
        context = model.encoder.context_encoder
        assert isinstance(context, MultimodalContextEncoder)
        context.register_forward_pre_hook(lambda module, _: self.note(module))

    def note(self, module: MultimodalContextEncoder) -> None:
        self.heard.append((module.training, dict(module.side_inputs.sensors or {})))


def add_sensors(manifest: Path, numbers: list[int]) -> Path:
    """Give the lines with these numbers a stream whose every sample is 10 times the number plus 5."""
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for number in numbers:
        np.save(manifest.parent / f"shaking_{number}.npy", np.full(400, 10.0 * number + 5.0))
        lines[number]["sensors"] = {"shaking": {"file": f"shaking_{number}.npy", "rate_hz": 100}}
    path = manifest.with_name(f"with_{manifest.name}")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("encoder", "precision"),
    [(NOISE_AWARE, "32-true"), (ENCODER, "32-true"), (NOISE_AWARE, "64-true")],
    ids=["reads_sensors", "plain", "float64"],
)
def test_training_and_validation_of_a_stock_model_hear_the_sensors(
    encoder: dict, precision: str, tmp_path: Path
) -> None:
    manifest = add_sensors(write_speech(tmp_path / "speech", count=4), [0, 2])
    model = tiny_ctc(encoder).train()
    ear = Ear(model) if encoder is NOISE_AWARE else None
    assert type(model) is EncDecCTCModel
    loader = {
        "manifest_filepath": str(manifest), "sample_rate": SAMPLE_RATE, "batch_size": 2, "labels": model.cfg.labels,
        "shuffle": False, "num_workers": 0, "trim_silence": False,
    }  # fmt: skip
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", precision=precision, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=tmp_path,
    )  # fmt: skip
    model.set_trainer(trainer)
    model.setup_training_data(OmegaConf.create(loader))
    model.setup_multiple_validation_data(OmegaConf.create(loader))
    model.setup_optimization(DictConfig({"name": "sgd", "lr": 0.01}))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    trainer.fit(model)
    moved = [name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])]
    assert any("layers" in name for name in moved)
    if ear is None:
        return
    assert [is_training for is_training, _ in ear.heard] == [True, True, False, False]
    for start, (_, heard) in zip((0, 2, 0, 2), ear.heard, strict=True):
        stream = heard["shaking"]
        assert stream.length.gt(0).tolist() == [True, False]
        assert stream.values[0, 0, 0] == 10.0 * start + 5.0
    assert model.encoder.context_encoder.side_inputs.sensors is None


def test_the_robustness_evaluation_gives_speech_and_noise_their_sensors(tmp_path: Path) -> None:
    speech = add_sensors(write_speech(tmp_path / "speech", count=3), [1])
    noise = add_sensors(write_noise(tmp_path / "noise", ("rain", "car")), [0])  # rain: 5.0
    plan = load_plan(
        SAMPLE_RATE,
        speech,
        {"seen": noise},
        snr_db=["clean", 0],
        seed=0,
        noise_only=NoiseOnlyOptions(crops=1, crop_s=1.0),
    )
    model = tiny_ctc(NOISE_AWARE)
    ear = Ear(model)
    rows = run_arm(Arm("model", model), plan, tmp_path / "rows.jsonl", options=RunOptions(batch_size=3))
    assert len(rows) == len(plan.trials)
    values = {}
    for trial in plan.trials:
        stream = plan.sensors(trial).get("shaking")
        values[trial.utterance_id, trial.snr_db] = None if stream is None else float(stream.values[0, 0])
        is_rain = plan.noise_label(trial) == "rain"
        expected = 5.0 if is_rain else 15.0 if trial.utterance_id == "utt1" else None
        assert values[trial.utterance_id, trial.snr_db] == expected
    assert 5.0 in values.values(), "no trial has rain"
    first, *batches = ear.heard
    assert first == (False, {}), "the call that warms up hears no sensors"
    heard = [stream["shaking"] for _, stream in batches if stream]
    assert sum(int(stream.length.gt(0).sum()) for stream in heard) == sum(v is not None for v in values.values())
    assert {float(row[0]) for stream in heard for row in stream.values if row[0] > 0} == {5.0, 15.0}


def test_the_control_with_shuffled_sensors_runs_for_a_model_that_reads_them_only(tmp_path: Path) -> None:
    names = [arm.name for arm in arms_of("m", tiny_ctc(NOISE_AWARE), ["shuffled_context", "shuffled_sensors"])]
    assert names == ["m", "m+shuffled_context", "m+shuffled_sensors"]
    assert [arm.name for arm in arms_of("m", tiny_ctc(), ["shuffled_sensors"])] == ["m"]
    speech = add_sensors(write_speech(tmp_path / "speech", count=3), [0, 1, 2])
    noise = write_noise(tmp_path / "noise")
    plan = load_plan(
        SAMPLE_RATE, speech, {"seen": noise}, snr_db=[10, 0], seed=0, noise_only=NoiseOnlyOptions(crops=0)
    )
    model = tiny_ctc(NOISE_AWARE)
    control = arms_of("m", model, ["shuffled_sensors"])[1]
    rows = run_arm(control, plan, tmp_path / "rows.jsonl", options=RunOptions(batch_size=3))
    assert len(rows) == 6 and {row.model for row in rows} == {"m+shuffled_sensors"}
    assert not model.encoder.context_encoder.side_inputs.shuffles_sensors


def test_an_exported_model_keeps_the_inputs_of_audio(tmp_path: Path) -> None:
    import onnxruntime

    model = tiny_ctc(NOISE_AWARE)
    model.export(str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["audio_signal", "length"]
