# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A training that starts from checkpoints loses no weight in silence, and says what changes the output before it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import ASRModel, EncDecCTCModel
from nemo.utils import logging

from nemo_noise.models import NoiseContextPretrainingModel, start_from_checkpoints
from tests.models.test_families import outputs
from tests.recipe_runs import on_a_cpu, write_corpus
from tests.recognisers import WIDTH, build_recogniser, noise_aware

CONTEXT = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "feat_in": WIDTH, "d_context": 16}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> EncDecCTCModel:
    """An untrained stock CTC model, saved as `plain.nemo` in its `folder`."""
    folder = tmp_path_factory.mktemp("plain")
    torch.manual_seed(1)
    model = build_recogniser("ctc", folder)
    model.save_to(str(folder / "plain.nemo"))
    model.__dict__["folder"] = folder
    return model


def _recipe(plain: EncDecCTCModel, is_noise_aware: bool = True, **encoder: Any) -> EncDecCTCModel:
    """A model of another config, as a script builds it from a recipe."""
    config = OmegaConf.create(OmegaConf.to_container(plain.cfg))
    added = (
        noise_aware(config) | {"_target_": "nemo_noise.modules.NoiseAwareConformerEncoder"} if is_noise_aware else {}
    )
    config.encoder = OmegaConf.merge(config.encoder, added, encoder)
    return EncDecCTCModel(cfg=config)


def _start(model: ASRModel, *sources: Any, **options: Any) -> None:
    named = {f"source{number}": source for number, source in enumerate(sources)}
    start = sources[0] if isinstance(sources[0], str) else named
    start_from_checkpoints(model, OmegaConf.create({"init_from_nemo_model": start, **options}))


def _plain_path(plain: EncDecCTCModel) -> str:
    return str(plain.__dict__["folder"] / "plain.nemo")


def _warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *_, **__: said.append(str(message)))
    return said


def test_a_noise_aware_recipe_of_the_same_sizes_starts_with_the_output_of_the_checkpoint(
    plain: EncDecCTCModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, said = _recipe(plain), _warnings(monkeypatch)
    _start(model, _plain_path(plain))
    assert torch.equal(outputs(model), outputs(plain))
    assert not [text for text in said if "init_from" in text]
    assert "load_state_dict" not in model.__dict__ and "restore_from" not in model.__dict__


@pytest.mark.parametrize("source", ["whole", "part"])
def test_layers_that_the_recipe_lacks_are_named_with_the_remedy(source: str, plain: EncDecCTCModel) -> None:
    model = _recipe(plain, is_noise_aware=False, n_layers=1)
    start: Any = _plain_path(plain) if source == "whole" else {"path": _plain_path(plain), "include": ["encoder"]}
    with pytest.raises(
        ValueError, match=r"encoder\.layers\.1\.\* \(\d+ tensors\) of the checkpoint is not in"
    ) as told:
        _start(model, start)
    assert "model.encoder.n_layers is 2 in the checkpoint and 1 here" in str(told.value)
    assert "add_noise_context" in str(told.value) and "init_allow_partial=true" in str(told.value)
    assert len(str(told.value)) < 1000


def test_a_checkpoint_of_lightning_is_checked_as_well(plain: EncDecCTCModel, tmp_path: Path) -> None:
    torch.save({"state_dict": plain.state_dict()}, tmp_path / "plain.ckpt")
    start = {"init_from_ptl_ckpt": str(tmp_path / "plain.ckpt")}
    model = _recipe(plain)
    start_from_checkpoints(model, OmegaConf.create(start))
    assert torch.equal(outputs(model), outputs(plain))
    with pytest.raises(ValueError, match=r"encoder\.layers\.1\.\*"):
        start_from_checkpoints(_recipe(plain, is_noise_aware=False, n_layers=1), OmegaConf.create(start))


def test_layers_that_the_checkpoint_lacks_are_named(plain: EncDecCTCModel) -> None:
    with pytest.raises(ValueError, match=r"encoder\.layers\.2\.\* \(\d+ tensors\) of this recipe is not in the check"):
        _start(_recipe(plain, n_layers=3), _plain_path(plain))


def test_other_widths_are_named_before_torch_lists_them(plain: EncDecCTCModel) -> None:
    model = _recipe(plain, is_noise_aware=False, d_model=48)
    with pytest.raises(ValueError, match=r"\[32\], here \[48\].* and \d+ more of the checkpoint have another") as told:
        _start(model, _plain_path(plain))
    assert "model.encoder.d_model is 32 in the checkpoint and 48 here" in str(told.value)


def test_a_part_that_is_lost_can_be_accepted_and_is_said(
    plain: EncDecCTCModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, said = _recipe(plain, is_noise_aware=False, n_layers=1), _warnings(monkeypatch)
    _start(model, _plain_path(plain), init_allow_partial=True)
    assert any("encoder.layers.1.*" in text and "init_allow_partial=true" in text for text in said)
    name = "encoder.layers.0.norm_out.weight"
    assert torch.equal(model.state_dict()[name], plain.state_dict()[name])


def test_include_and_exclude_are_nemo_s_and_what_they_leave_out_is_no_loss(plain: EncDecCTCModel) -> None:
    model = _recipe(plain)
    before = model.decoder.decoder_layers[0].weight.clone()
    _start(model, {"path": _plain_path(plain), "exclude": ["decoder"]})
    assert torch.equal(model.decoder.decoder_layers[0].weight, before)
    name = "encoder.layers.1.norm_out.weight"
    assert torch.equal(model.state_dict()[name], plain.state_dict()[name])
    with pytest.raises(ValueError, match=r"include=\['encodr'\] and exclude=\[\] leave nothing"):
        _start(model, {"path": _plain_path(plain), "include": ["encodr"]})


def test_a_pretrained_context_gives_the_context_alone_also_as_a_whole_checkpoint(
    plain: EncDecCTCModel, pretraining_config: DictConfig, tmp_path: Path
) -> None:
    config = OmegaConf.create(OmegaConf.to_container(pretraining_config, resolve=True))
    config.preprocessor.features = WIDTH
    config.encoder.context_encoder = CONTEXT
    pretrained = NoiseContextPretrainingModel(config)
    pretrained.save_to(str(tmp_path / "context.nemo"))
    context = {"path": str(tmp_path / "context.nemo"), "include": ["context_encoder"]}
    for sources in ([str(tmp_path / "context.nemo")], [{"path": _plain_path(plain)}, context]):
        model = _recipe(plain)
        _start(model, *sources)
        for name, value in pretrained.encoder.context_encoder.state_dict().items():
            assert torch.equal(model.encoder.context_encoder.state_dict()[name], value)
    assert torch.equal(outputs(model), outputs(plain))
    config.encoder.context_encoder.d_context = 8
    NoiseContextPretrainingModel(config).save_to(str(tmp_path / "narrow.nemo"))
    with pytest.raises(ValueError, match=r"context_encoder\.\S+ \[8.*\], here \[16"):
        _start(_recipe(plain), str(tmp_path / "narrow.nemo"))


def test_what_changes_the_output_and_no_weight_is_said_before_training(
    plain: EncDecCTCModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _recipe(plain, is_noise_aware=False, att_context_size=[-1, -1]).save_to(str(tmp_path / "all.nemo"))
    said = _warnings(monkeypatch)
    model = _recipe(plain, feature_normalization="running", att_context_size=[16, 16])
    model.cfg.preprocessor.normalize = "NA"
    _start(model, str(tmp_path / "all.nemo"))
    assert any("the normalisation per_feature, this recipe has running" in text for text in said)
    assert any("model.encoder.feature_normalization=per_feature" in text for text in said)
    assert any("model.encoder.att_context_size is [-1, -1] in the checkpoint and [16, 16]" in text for text in said)


@pytest.mark.slow
def test_a_script_says_it_in_one_error_before_it_trains(
    plain: EncDecCTCModel, tmp_path: Path, repository: Path
) -> None:
    corpus = write_corpus(tmp_path)
    overrides = ["model.encoder.n_layers=1", "model.encoder.d_model=32"]
    overrides += ["model.encoder.n_heads=4", "model.encoder.subsampling_conv_channels=16"]
    overrides += ["model.encoder.subsampling_factor=8", "model.preprocessor.features=32", *on_a_cpu(tmp_path)]
    overrides += [
        f"model.{part}.manifest_filepath={corpus}/speech_list.json" for part in ("train_ds", "validation_ds")
    ]
    overrides += [f"model.train_ds.augmentor.noise_mix.manifest_path={corpus}/noise_list.json"]
    script = repository / "examples/asr/speech_to_text_ctc.py"
    start = f"+init_from_nemo_model={_plain_path(plain)}"
    environment = os.environ | {"PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, str(script), *overrides, start],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert told.returncode != 0
    assert "encoder.layers.1.* (" in told.stderr and "add_noise_context" in told.stderr
