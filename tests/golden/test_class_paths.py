# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Class paths in configurations: old ones are read wherever NeMo builds, public ones alone are written."""

import importlib
import re
from pathlib import Path

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import ASRModel, EncDecCTCModel
from nemo.core.classes.common import Serialization
from nemo.core.classes.modelPT import ModelPT
from nemo.utils.model_utils import import_class_by_path

from nemo_noise.archive import read_config, trusted_checkpoints
from nemo_noise.archive.class_paths import OLD_PATHS, public_path, public_paths
from nemo_noise.models import NoiseContextPretrainingModel, WhisperModel
from nemo_noise.modules import FiLMFusion
from tests.archive.archives import CONFIG, files_of, with_config, write
from tests.golden.families import build, pretraining_config

CHECKPOINTS = Path(__file__).parent / "checkpoints"
OLD_FUSION = "nemo_noise.modules.fusion.FiLMFusion"
GONE = "nemo_noise.modules.gone.FiLMFusion"
ROOMS = ("nemo_noise.models", "nemo_noise.models.pretraining", "nemo_noise.modules")
PATH = re.compile(r"nemo_noise\.[\w.]+")


@pytest.fixture(params=[OLD_FUSION, GONE])
def old(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An old path of a fusion; the module of one of them does not exist."""
    monkeypatch.setitem(OLD_PATHS, GONE, "nemo_noise.modules.FiLMFusion")
    return request.param


def _set_fusion(path: str) -> object:
    def change(config: dict) -> None:
        config["encoder"]["fusion"]["features"]["_target_"] = path

    return change


@pytest.mark.parametrize("path", OLD_PATHS)
def test_every_old_path_has_a_public_one_that_is_there(path: str) -> None:
    public = OLD_PATHS[path]
    assert PATH.fullmatch(public) and public.count(".") == 2
    assert public_path(import_class_by_path(public)) == public


def test_an_old_path_in_an_archive_restores_and_its_configuration_is_public(old: str, tmp_path: Path) -> None:
    files = with_config(files_of(CHECKPOINTS / "noise_aware_ctc.nemo"), _set_fusion(old))
    path = write(tmp_path / "old.nemo", files)
    assert isinstance(ASRModel.restore_from(str(path), map_location="cpu").encoder.fusions["features"], FiLMFusion)
    for config in (ASRModel.restore_from(str(path), return_config=True), read_config(path)):
        assert config.encoder.fusion.features._target_ == "nemo_noise.modules.FiLMFusion"
    with trusted_checkpoints():
        assert isinstance(ASRModel.restore_from(str(path), map_location="cpu"), EncDecCTCModel)
        for config in (ASRModel.restore_from(str(path), return_config=True), read_config(path)):
            assert config.encoder.fusion.features._target_ == "nemo_noise.modules.FiLMFusion"


def test_an_old_path_in_a_configuration_is_built(old: str, tmp_path: Path) -> None:
    fusion = {"_target_": old, "d_model": 8, "d_context": "${d}"}
    config = OmegaConf.create({"d": 4, "fusion": fusion})
    built = Serialization.from_config_dict(config.fusion)
    assert isinstance(built, FiLMFusion) and config.fusion._target_ == old
    model = OmegaConf.to_container(read_config(CHECKPOINTS / "noise_aware_ctc.nemo"))
    model["encoder"]["fusion"]["features"]["_target_"] = old
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(model))
    model = EncDecCTCModel.from_config_file(str(tmp_path / "model.yaml"))
    assert isinstance(model.encoder.fusions["features"], FiLMFusion)


def test_a_trusted_old_checkpoint_of_a_model_of_ours_restores() -> None:
    with trusted_checkpoints():
        model = ASRModel.restore_from(str(CHECKPOINTS / "whisper.nemo"), map_location="cpu")
    assert type(model) is WhisperModel


def test_a_configuration_without_old_paths_stays_the_same_object() -> None:
    plain, config = {"target": "nemo_noise.models.WhisperModel"}, OmegaConf.create({"a": {"b": "${c}"}, "c": 1})
    assert public_paths(plain) is plain and public_paths(config) is config and public_paths(config.a) is config.a


@pytest.mark.parametrize("name", ["pretraining_spans", "wav2vec2_pretraining", "whisper", "dual_attention_whisper"])
def test_an_old_checkpoint_is_saved_with_public_paths_alone(name: str, tmp_path: Path) -> None:
    kind = ModelPT if "pretraining" in name else ASRModel
    kind.restore_from(str(CHECKPOINTS / f"{name}.nemo"), map_location="cpu").save_to(str(tmp_path / "new.nemo"))
    _check_paths(tmp_path / "new.nemo")


@pytest.mark.parametrize("name", ["pretraining_cells", "dual_attention_aed", "dual_attention_whisper", "ssm_ctc"])
def test_a_new_checkpoint_has_public_paths_alone(name: str, tmp_path: Path) -> None:
    build(name, tmp_path).save_to(str(tmp_path / "new.nemo"))
    _check_paths(tmp_path / "new.nemo")


def test_a_class_of_others_keeps_its_own_path() -> None:
    class Pretraining(NoiseContextPretrainingModel):
        pass

    config: DictConfig = pretraining_config("pretraining_cells")
    assert Pretraining(config).cfg.target == f"{__name__}.Pretraining"


def _check_paths(checkpoint: Path) -> None:
    found = set(PATH.findall(files_of(checkpoint)[CONFIG].decode()))
    assert found and all(_is_public(path) and import_class_by_path(path) for path in found), found


def _is_public(path: str) -> bool:
    """Whether a room, or the pretext tasks' package, exports the class."""
    package, _, name = path.rpartition(".")
    return package in ROOMS and name in importlib.import_module(package).__all__
