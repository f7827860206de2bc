# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Masked prediction across modalities: hidden sensors are told from the audio, by the pretraining model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import DictConfig, open_dict

from nemo_noise.data.pairs.context_pairs import collate_context_pairs
from nemo_noise.models import NoiseContextPretrainingModel
from nemo_noise.models.pretraining.codes import RandomCodes
from nemo_noise.models.pretraining.masked_sensors import MaskedSensors
from nemo_noise.modules import SensorStream
from tests.models.conftest import task

RATE_HZ = 100


@pytest.fixture
def model(pretraining_config: DictConfig, corpus, tmp_path: Path) -> NoiseContextPretrainingModel:
    """Every noise but the last has a stream that shakes at a frequency of its own."""
    lines = [json.loads(line) for line in Path(corpus.noise).read_text().splitlines()]
    for number, line in enumerate(lines):
        line["audio_filepath"] = str(Path(corpus.noise).parent / line["audio_filepath"])
        if number < len(lines) - 1:
            seconds = soundfile.info(line["audio_filepath"]).duration
            time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
            np.save(tmp_path / f"{number}.npy", np.sin(2 * np.pi * 6 * (number + 1) * time) + 0.001 * time)
            line["sensors"] = {"shaking": {"file": f"{number}.npy", "rate_hz": RATE_HZ}}
    (tmp_path / "noise.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    stream = {"_target_": "nemo_noise.modules.SensorTokens", "channels": 1, "rate_hz": RATE_HZ, "d_hidden": 16}
    with open_dict(pretraining_config):
        pretraining_config.train_ds.noise_manifest = str(tmp_path / "noise.json")
        pretraining_config.encoder.context_encoder = {
            "_target_": "nemo_noise.modules.MultimodalContextEncoder", "feat_in": 16, "d_context": 8, "d_hidden": 16,
            "num_layers": 1, "num_tokens": 2, "feature_mean": -8.0, "feature_std": 4.0, "stream_dropout": 0.0,
            "streams": {"shaking": stream | {"token_s": 0.2}},
        }  # fmt: skip
        small = {"num_codes": 16, "code_dim": 4, "d_hidden": 16}
        pretraining_config.tasks = {
            "masked": task("MaskedSpans", weight=0.5, **small),
            "contrastive": task("EnvironmentContrast"),
            "sensors": task("MaskedSensors", **small),
        }
    torch.manual_seed(0)
    return NoiseContextPretrainingModel(pretraining_config)


def batch_of(model: NoiseContextPretrainingModel):
    return collate_context_pairs([model._train_dl.dataset[index] for index in range(16)])


def test_a_view_brings_the_sensors_of_its_own_piece_of_noise(model: NoiseContextPretrainingModel) -> None:
    batch = batch_of(model)
    stream = batch["sensors"]["shaking"]
    environment = torch.cat([batch["environment"], batch["environment"]])  # first views first
    length_s = torch.cat([batch["audio_length"][:, 0], batch["audio_length"][:, 1]]) / 16000
    assert len(stream.length) == 32
    for row in range(32):
        number = int(environment[row])
        if number in (-1, 5):  # clean speech, and the noise without a sensor
            assert stream.length[row] == 0
            continue
        length = int(stream.length[row])
        assert abs(length - float(length_s[row]) * RATE_HZ) <= 2
        # The ramp under the sine tells the time: fit both to what the view has.
        time = np.arange(length) / RATE_HZ
        values = stream.values[row, :length, 0].numpy()
        angle = 2 * np.pi * 6 * (number + 1) * time
        basis = np.stack([np.sin(angle), np.cos(angle), np.ones(length), time], axis=1)
        *_, offset, slope = np.linalg.lstsq(basis, values, rcond=None)[0]
        assert slope == pytest.approx(0.001, rel=0.05) and 0.0 <= offset / 0.001 <= 3.0
    assert (stream.length > 0).sum() > 16


def test_hidden_streams_do_not_reach_the_context_and_shown_ones_do(model: NoiseContextPretrainingModel) -> None:
    batch, task = batch_of(model), model.tasks["sensors"]
    sensors = {name: SensorStream(*stream) for name, stream in batch["sensors"].items()}
    views = replace(model._views(batch), sensors=sensors)
    torch.manual_seed(0)
    views = task.hide(views)
    left, is_hidden = views.sensors, views.hidden_sensors
    hidden, measured = is_hidden["shaking"], sensors["shaking"].length > 0
    assert 0.2 < hidden.float().mean() < 0.8
    assert (left["shaking"].length[hidden] == 0).all()
    assert torch.equal(left["shaking"].length[~hidden], sensors["shaking"].length[~hidden])
    streams = model.encoder["context_encoder"].streams
    scores, codes = task.scores(torch.randn(32, 8), streams, sensors=sensors, hidden=is_hidden)
    _, pieces = streams["shaking"].features(sensors["shaking"])
    assert scores.shape == (int((pieces & hidden[:, None]).sum()), 16) and codes.shape == scores.shape[:1]
    assert (hidden & measured).any()


def test_codes_are_the_nearest_of_the_codebook_and_settle_after_the_first_batches() -> None:
    torch.manual_seed(0)
    codes = RandomCodes(num_features=5, code_dim=4, num_codes=32)
    for _ in range(25):
        vectors = 3.0 + 2.0 * torch.randn(40, 5)
        found = codes(vectors)
    mean = codes.mean.clone()
    codes(vectors + 100.0)
    assert torch.equal(codes.mean, mean)
    standard = (vectors - codes.mean) / (codes.variance + 1e-6).sqrt()
    projected = torch.nn.functional.normalize(standard @ codes.quantizer.proj.weight.T, dim=-1)
    assert torch.equal(found, torch.cdist(projected, codes.quantizer.codebooks[0].float()).argmin(dim=1))
    assert codes.mean.mean().item() == pytest.approx(3.0, abs=0.2)


def test_hidden_sensors_are_learned_from_the_audio_and_every_parameter_is_reached(
    model: NoiseContextPretrainingModel, tmp_path: Path
) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = batch_of(model)
    model.train()
    values = []
    for _ in range(15):
        torch.manual_seed(0)
        optimizer.zero_grad()
        losses = model._losses(batch)
        losses["loss"].backward()
        optimizer.step()
        values.append(losses["sensors"].item())
    assert values[-1] < 0.7 * values[0], values
    trainable = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in trainable.values())
    assert model.encoder["context_encoder"].side_inputs.sensors is None
    model.zero_grad()
    batch.pop("sensors")
    model._losses(batch)["loss"].backward()  # a batch of noises without sensors
    assert all(weight.grad is not None for weight in trainable.values())


def test_what_does_not_fit_is_named(model: NoiseContextPretrainingModel, pretraining_config: DictConfig) -> None:
    with pytest.raises(ValueError, match="share=1.5 must lie between 0 and 1"):
        MaskedSensors(model.encoder["context_encoder"], model.masking, share=1.5)
    pretraining_config.encoder.context_encoder = {
        "_target_": "nemo_noise.modules.AttentiveContextEncoder", "feat_in": 16, "d_context": 8,
    }  # fmt: skip
    with open_dict(pretraining_config):
        pretraining_config.tasks.sensors = task("MaskedSensors")
    with pytest.raises(ValueError, match="the context encoder has no streams"):
        NoiseContextPretrainingModel(pretraining_config)
