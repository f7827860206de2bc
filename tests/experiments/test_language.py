# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The language experiment, small: its data, a step of pretraining without text, a step of tuning from its encoder."""

import json
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from nemo.collections.asr.models import EncDecCTCModelBPE

from experiments.arms import CONFIGS, RECIPES
from experiments.preparation.prepare_language import prepare
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.models import Wav2Vec2PretrainingModel

SENTENCES = [
    "Die Züge fahren ab.",
    "Es regnet, und wie!",
    "Straße und Tür",
    "Wer ruft dort?",
    "Heute nicht.",
    "Morgen früh",
]


def _speech(folder: Path, name: str, texts: Sequence[str | None]) -> None:
    rng = np.random.default_rng(len(texts))
    lines = []
    for number, text in enumerate(texts):
        path = folder / f"{name}_{number}.wav"
        soundfile.write(path, 0.1 * np.repeat(rng.random(20), 1600) * rng.standard_normal(32000), 16000)
        line = {"audio_filepath": path.name, "duration": 2.0, "label": name}
        lines.append(line if text is None else line | {"text": text})
    (folder / f"{name}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared data of six sentences, one of them twice, one with a digit, one without text."""
    folder = tmp_path_factory.mktemp("language")
    _speech(folder, "german", [*SENTENCES, "es regnet und wie", "Um 5 Uhr", None])
    _speech(folder, "english", [None, "one", "two", "three", "four"])
    for name in ("hum", "rain"):
        _speech(folder, name, ["", ""])
    names = [
        "speech_manifests=[german.json]",
        "other_speech=[english.json]",
        "noise_manifests=[hum.json,rain.json]",
    ]
    sizes = ["num_test=2", "num_dev=1"]
    overrides = [f"speech_dir={folder}", f"data_dir={folder}/data", *(f"data.{given}" for given in [*names, *sizes])]
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose("language/language", overrides)
    cfg.data.unseen_noises = {"rain": ["rain"]}
    prepare(cfg)
    return folder / "data"


def test_no_sentence_is_in_two_parts_and_other_signs_are_left_out(data: Path) -> None:
    parts = {name: read_manifest(data / name / f"{name}.json") for name in ("train", "dev", "test")}
    texts = sorted(str(entry.text) for part in parts.values() for entry in part)
    expected = [
        "die züge fahren ab",
        "es regnet und wie",
        "heute nicht",
        "morgen früh",
        "straße und tür",
        "wer ruft dort",
    ]
    assert texts == expected
    assert [len(part) for part in parts.values()] == [3, 1, 2]
    assert {entry.fields["group"] for entry in read_manifest(data / "test.json")} == {"german"}
    heard = [read_manifest(data / name / "heard.json") for name in ("other", "other_dev")]
    read = [read_manifest(data / name / "read.json") for name in ("other", "other_dev")]
    assert sorted(str(entry.text) for part in read for entry in part) == ["four", "one", "three", "two"]
    assert [len(part) for part in heard] == [4, 1] and not any(entry.text for part in heard for entry in part)


SMALL = ["model.encoder.d_model=32", "model.encoder.n_layers=1", "model.encoder.conv_dims=16"]


def _recipe(name: str, data: Path, *further: str) -> DictConfig:
    with initialize_config_dir(str(RECIPES), version_base="1.1"):
        return compose(
            name,
            [*further, *SMALL, f"data_dir={data}", "model.train_ds.batch_size=2", "model.optim.sched.warmup_steps=1"],
        )


def test_a_recogniser_is_tuned_from_what_was_pretrained_without_text(data: Path, tmp_path: Path) -> None:
    settings = {"max_steps": 1, "limit_val_batches": 1, "logger": False, "enable_checkpointing": False}
    settings |= {"enable_progress_bar": False, "accelerator": "cpu", "num_sanity_val_steps": 0}
    trainer = pl.Trainer(**settings)
    pretrained = Wav2Vec2PretrainingModel(cfg=_recipe("language_pretraining", data).model, trainer=trainer)
    trainer.fit(pretrained)
    pretrained.save_to(str(tmp_path / "pretrained.nemo"))
    start = f"+init_from_nemo_model.backbone={{path: {tmp_path}/pretrained.nemo, include: [encoder]}}"
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        experiment = compose("language/language")
    tuning = [*experiment.training_overrides, *experiment.arms.heard.overrides]
    cfg = _recipe(experiment.recogniser_config, data, *tuning, start)
    trainer = pl.Trainer(**settings)
    recogniser = EncDecCTCModelBPE(cfg=cfg.model, trainer=trainer)
    recogniser.maybe_init_from_pretrained_checkpoint(cfg)
    taken = recogniser.encoder.state_dict()
    assert all(torch.equal(value, pretrained.encoder.state_dict()[name]) for name, value in taken.items())
    trainer.fit(recogniser)
    assert trainer.global_step == 1


def test_a_recogniser_of_the_other_language_is_the_same_but_for_what_it_reads(data: Path) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        experiment = compose("language/language")
    read = _recipe("language_reading", data, *experiment.arms.read.backbone.overrides)
    tuning = [*experiment.training_overrides, *experiment.arms.read.overrides]
    tuned = _recipe(experiment.recogniser_config, data, *tuning)
    assert read.model.encoder == tuned.model.encoder and read.model.optim.lr == tuned.model.optim.lr
    assert read.model.train_ds.augmentor == tuned.model.train_ds.augmentor
    assert read.model.train_ds.manifest_filepath == f"{data}/other/read.json"
    assert tuned.model.train_ds.manifest_filepath == f"{data}/train/train.json"
