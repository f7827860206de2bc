# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The recipes of wav2vec 2.0, made tiny, learn for two steps; a recogniser starts from a pretrained encoder."""

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import EncDecCTCModel
from nemo.core.classes.common import Serialization

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.configuration import config_directory
from nemo_noise.models import Wav2Vec2PretrainingModel
from tests.wav2vecs import TOKENS

TINY = [
    "model.encoder.d_model=32",
    "model.encoder.n_layers=1",
    "model.encoder.n_heads=4",
    "model.encoder.conv_dims=16",
    "model.train_ds.num_workers=0",
    "model.train_ds.batch_size=2",
    "model.validation_ds.num_workers=0",
    "model.validation_ds.batch_size=2",
    "model.optim.sched.warmup_steps=1",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances of two seconds, two noises."""
    folder = tmp_path_factory.mktemp("recipes")
    rng = np.random.default_rng(0)
    for name, count, text in (("speech", 4, "one two three"), ("noise", 2, "")):
        lines = []
        for index in range(count):
            envelope = np.repeat(rng.random(20), 1600)
            soundfile.write(folder / f"{name}{index}.wav", 0.1 * envelope * rng.standard_normal(32000), 16000)
            line = {"audio_filepath": str(folder / f"{name}{index}.wav"), "duration": 2.0, "text": text}
            lines.append(json.dumps(line))
        (folder / f"{name}_list.json").write_text("\n".join(lines))
    return folder


def _compose(recipe: str, corpus: Path, *further: str) -> DictConfig:
    overrides = [f"model.{part}.manifest_filepath={corpus}/speech_list.json" for part in ("train_ds", "validation_ds")]
    if recipe.startswith("noise_aware"):
        overrides.append(f"model.train_ds.augmentor.noise_mix.manifest_path={corpus}/noise_list.json")
    with initialize_config_dir(str(config_directory() / "recipes" / "wav2vec"), version_base="1.1"):
        return compose(recipe, [*overrides, *TINY, *further])


def _trainer(**options: Any) -> pl.Trainer:
    arguments = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False, "max_steps": 2}
    return pl.Trainer(**(arguments | {"enable_progress_bar": False, "num_sanity_val_steps": 0} | options))


def _changed(model: torch.nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    after = model.state_dict()
    assert all(value.isfinite().all() for value in after.values() if value.is_floating_point())
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("recipe", ["wav2vec2_ctc_char", "noise_aware_wav2vec2_ctc_char"])
def test_a_recogniser_learns_and_its_frozen_front_end_stays(recipe: str, corpus: Path) -> None:
    config, trainer = _compose(recipe, corpus), _trainer(limit_val_batches=0)
    model = EncDecCTCModel(cfg=config.model, trainer=trainer)
    assert list(model.decoder.vocabulary) == [token.lower().replace("|", " ") for token in TOKENS[1:]]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model)
    changed = _changed(model, before)
    parts = ["encoder.layers.0.", "encoder.feature_projection.", "decoder."]
    if recipe.startswith("noise_aware"):
        parts += ["encoder.fusions.pre_encode.", "encoder.fusions.0.", "encoder.context_encoder."]
    assert all(any(name.startswith(part) for name in changed) for part in parts)
    assert not any(name.startswith("encoder.feature_extractor.") for name in changed)


@pytest.mark.parametrize("use_lhotse", [False, True])
def test_pretraining_in_noise_learns_with_both_of_nemo_s_loaders(
    use_lhotse: bool, corpus: Path, tmp_path: Path
) -> None:
    mix = "model.train_ds.augmentor.noise_mix"
    noise = [f"+noise@{mix}=noise_mix", f"{mix}.manifest_path={corpus}/noise_list.json", f"{mix}.snr_db=[5]"]
    changes = [f"model.train_ds.use_lhotse={use_lhotse}", "model.quantizer.num_codes=8", "model.masking.span=5"]
    config = _compose("wav2vec2_pretraining", corpus, *noise, *changes)
    trainer = _trainer(default_root_dir=str(tmp_path))
    model = Wav2Vec2PretrainingModel(cfg=config.model, trainer=trainer)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model)
    changed = _changed(model, before)
    front_end = "encoder.feature_extractor.conv_layers.0.conv.weight"
    assert {front_end, "encoder.masked_spec_embed", "contrast.quantizer.vars"} <= changed
    assert {"val_loss", "val_accuracy", "train_contrastive", "train_code_perplexity"} <= set(trainer.logged_metrics)
    assert model.contrast.quantizer.curr_temp == 2.0 * 0.999995  # of the second step, the last


def test_a_pretrained_model_comes_back_from_disk_and_a_recogniser_takes_its_encoder(
    corpus: Path, tmp_path: Path
) -> None:
    model = Wav2Vec2PretrainingModel(cfg=_compose("wav2vec2_pretraining", corpus).model)
    model.save_to(str(tmp_path / "pretrained.nemo"))
    restored = Wav2Vec2PretrainingModel.restore_from(str(tmp_path / "pretrained.nemo"), map_location="cpu")
    assert all(torch.equal(value, restored.state_dict()[name]) for name, value in model.state_dict().items())
    recogniser = EncDecCTCModel(cfg=_compose("wav2vec2_ctc_char", corpus).model)
    start = {"wav2vec": {"path": str(tmp_path / "pretrained.nemo"), "include": ["encoder"]}}
    recogniser.maybe_init_from_pretrained_checkpoint(OmegaConf.create({"init_from_nemo_model": start}))
    taken = model.encoder.state_dict()
    assert all(torch.equal(value, taken[name]) for name, value in recogniser.encoder.state_dict().items())


@pytest.mark.parametrize(("size", "millions"), [("small_7m", 7.3), ("base_94m", 94.4), ("large_315m", 315.4)])
def test_the_sizes_have_the_parameters_that_they_say(size: str, millions: float) -> None:
    with initialize_config_dir(str(config_directory()), version_base="1.1"):
        config = compose("wav2vec/wav2vec2_ctc_char", [f"wav2vec_size@model.encoder={size}"])
    encoder = OmegaConf.to_container(config.model.encoder, resolve=True)
    counts = []
    for shallow in (1, 2):  # layers are equal: the whole need not be built
        with torch.device("meta"):
            built = Serialization.from_config_dict(OmegaConf.create(encoder | {"n_layers": shallow}))
        counts.append(sum(parameter.numel() for parameter in built.parameters()))
    total = counts[0] + (encoder["n_layers"] - 1) * (counts[1] - counts[0])
    assert total / 1e6 == pytest.approx(millions, rel=0.005)
