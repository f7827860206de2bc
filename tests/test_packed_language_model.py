# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The language model in a `.nemo` that is restored, changed and saved again by NeMo's own `save_to`."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel, EncDecCTCModel
from nemo.core.classes.modelPT import ModelPT

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.inference.decoding.ngram_training import Estimator, train_ngram
from nemo_noise.inference.decoding.search import (
    GREEDY,
    SearchSetting,
    apply_setting,
    fast_language_model,
    save_with_setting,
)
from nemo_noise.nemo_patches import packed_language_model
from nemo_noise.nemo_patches.table import install
from tests.recognisers import build_recogniser

KEY = "decoding.beam.ngram_lm_model"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.manual_seed(3)
    return build_recogniser("ctc", tmp_path_factory.mktemp("ctc"))


@pytest.fixture(scope="module")
def arpas(model: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two language models, both in files called lm.arpa."""
    made = []
    for text in ("one two three\n", "four five six\nfour six five\n"):
        folder = tmp_path_factory.mktemp("arpa")
        (folder / "text.txt").write_text(text)
        train_ngram(model, [folder / "text.txt"], folder / "lm.arpa", order=2, estimator=Estimator.OURS)
        made.append(folder / "lm.arpa")
    return made


def beam(path: Path | str) -> SearchSetting:
    return SearchSetting("beam_batch", 2, 0.5, 0.0, str(path))


def restore(path: Path) -> Any:
    return ASRModel.restore_from(str(path), map_location="cpu").eval()


@pytest.fixture
def restored(model: Any, arpas: list[Path], tmp_path: Path) -> Any:
    """A model with the first language model inside, from its archive."""
    save_with_setting(model, beam(arpas[0]), tmp_path / "tuned.nemo")
    return restore(tmp_path / "tuned.nemo")


def language_models_in(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return [name.removeprefix("./") for name in archive.getnames() if name.endswith("lm.arpa")]


def test_a_restored_model_packs_the_language_model_that_it_searches_with_now(
    restored: Any, arpas: list[Path], tmp_path: Path
) -> None:
    decoding = OmegaConf.create(OmegaConf.to_container(restored.cfg.decoding))
    decoding.beam.ngram_lm_model = str(arpas[1])
    restored.change_decoding_strategy(decoding, verbose=False)
    restored.save_to(str(tmp_path / "other.nemo"))
    other = restore(tmp_path / "other.nemo")
    assert Path(OmegaConf.select(other.cfg, KEY)).read_bytes() == arpas[1].read_bytes() != arpas[0].read_bytes()
    assert len(language_models_in(tmp_path / "other.nemo")) == 1


@pytest.mark.parametrize("is_greedy", [False, True])
def test_a_restored_model_packs_none_when_it_searches_without(is_greedy: bool, restored: Any, tmp_path: Path) -> None:
    if is_greedy:
        apply_setting(restored, GREEDY)
    else:
        decoding = OmegaConf.create(OmegaConf.to_container(restored.cfg.decoding))
        decoding.beam.ngram_lm_model = None
        restored.change_decoding_strategy(decoding, verbose=False)
    restored.save_to(str(tmp_path / "without.nemo"))
    assert language_models_in(tmp_path / "without.nemo") == []
    assert OmegaConf.select(restore(tmp_path / "without.nemo").cfg, KEY) is None


def test_what_no_archive_can_hold_stays_a_path(restored: Any, arpas: list[Path], tmp_path: Path) -> None:
    fast = fast_language_model(restored, arpas[1], tmp_path)
    apply_setting(restored, beam(fast))
    restored.save_to(str(tmp_path / "named.nemo"))
    assert language_models_in(tmp_path / "named.nemo") == []
    assert OmegaConf.select(restore(tmp_path / "named.nemo").cfg, KEY) == fast


def test_a_name_of_the_archive_stands_for_what_came_with_it(restored: Any, arpas: list[Path], tmp_path: Path) -> None:
    inside = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), return_config=True)
    inside.decoding.strategy = "greedy_batch"  # which does not open what the beam names
    restored.change_decoding_strategy(inside.decoding, verbose=False)
    restored.save_to(str(tmp_path / "again.nemo"))
    again = restore(tmp_path / "again.nemo")
    assert Path(OmegaConf.select(again.cfg, KEY)).read_bytes() == arpas[0].read_bytes()


def test_a_plain_save_packs_nothing_that_was_not_packed_before(model: Any, arpas: list[Path], tmp_path: Path) -> None:
    config = OmegaConf.create(OmegaConf.to_container(model.cfg))
    config.decoding.beam.ngram_lm_model = None
    plain = EncDecCTCModel(config).eval()
    apply_setting(plain, beam(arpas[0]))
    plain.save_to(str(tmp_path / "plain.nemo"))
    assert language_models_in(tmp_path / "plain.nemo") == []
    assert OmegaConf.select(restore(tmp_path / "plain.nemo").cfg, KEY) == str(arpas[0])


def test_the_name_of_the_file_does_not_grow_with_the_generations(
    model: Any, arpas: list[Path], tmp_path: Path
) -> None:
    old = tmp_path / (6 * (2 * "0123456789abcdef" + "_") + "lm.arpa")
    old.write_bytes(arpas[0].read_bytes())
    save_with_setting(model, beam(old), tmp_path / "first.nemo")
    for before, after in (("first", "second"), ("second", "third")):
        restore(tmp_path / f"{before}.nemo").save_to(str(tmp_path / f"{after}.nemo"))
        (name,) = language_models_in(tmp_path / f"{after}.nemo")
        assert re.fullmatch("[0-9a-f]{32}_lm.arpa", name)


def test_files_of_one_name_do_not_overwrite_each_other(model: Any, arpas: list[Path], tmp_path: Path) -> None:
    for number, arpa in enumerate(arpas):
        save_with_setting(model, beam(arpa), tmp_path / f"{number}.nemo")
    together = [restore(tmp_path / f"{number}.nemo") for number in range(2)]
    for restored, arpa in zip(together, arpas, strict=True):
        assert Path(OmegaConf.select(restored.cfg, KEY)).read_bytes() == arpa.read_bytes()


def write_checkpoint(model: Any, path: Path) -> None:
    """Let Lightning do it."""
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.strategy.connect(model)
    trainer.save_checkpoint(path, weights_only=True)


def test_a_checkpoint_whose_language_model_is_gone_is_loaded_with_a_configuration(
    restored: Any, arpas: list[Path], tmp_path: Path
) -> None:
    with torch.no_grad():
        next(restored.decoder.parameters()).add_(1.0)  # as training does
    write_checkpoint(restored, tmp_path / "last.ckpt")
    shutil.rmtree(Path(OmegaConf.select(restored.cfg, KEY)).parent)  # as the end of the process does
    with pytest.raises(FileNotFoundError, match="nemo_noise_language_models_"):
        EncDecCTCModel.load_from_checkpoint(tmp_path / "last.ckpt", map_location="cpu")
    config = OmegaConf.create(OmegaConf.to_container(restored.cfg))
    for path in (None, str(arpas[0])):
        OmegaConf.update(config, KEY, path)
        loaded = EncDecCTCModel.load_from_checkpoint(tmp_path / "last.ckpt", map_location="cpu", cfg=config)
        assert OmegaConf.select(loaded.cfg, KEY) == path
    first = restore(tmp_path / "tuned.nemo")
    first.load_state_dict(loaded.state_dict())
    first.save_to(str(tmp_path / "trained.nemo"))
    trained = restore(tmp_path / "trained.nemo")
    assert Path(OmegaConf.select(trained.cfg, KEY)).read_bytes() == arpas[0].read_bytes()
    assert torch.equal(next(trained.decoder.parameters()), next(restored.decoder.parameters()))


def test_a_checkpoint_names_the_file_that_a_configuration_named(
    restored: Any, arpas: list[Path], tmp_path: Path
) -> None:
    config = OmegaConf.create(OmegaConf.to_container(restored.cfg))
    OmegaConf.update(config, KEY, str(arpas[1]))
    model = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), override_config_path=config, map_location="cpu")
    write_checkpoint(model, tmp_path / "last.ckpt")
    loaded = EncDecCTCModel.load_from_checkpoint(tmp_path / "last.ckpt", map_location="cpu")
    assert OmegaConf.select(loaded.cfg, KEY) == str(arpas[1])
    model.save_to(str(tmp_path / "named.nemo"))
    assert language_models_in(tmp_path / "named.nemo") == []


def test_registering_again_does_not_wrap_again() -> None:
    once = [ModelPT.__init__, ModelPT.save_to]
    install()
    for before, after in zip(once, [ModelPT.__init__, ModelPT.save_to], strict=True):
        assert after.__wrapped__ is before.__wrapped__ and not hasattr(before.__wrapped__, "__wrapped__")


def test_copies_of_killed_processes_are_removed_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    begin = f"nemo_noise_language_models_{platform.node()}-"
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    kept = [f"{begin}{os.getppid()}_a", "nemo_noise_language_models_elsewhere-99999999_a", f"{begin}x_a", "other"]
    for name in (f"{begin}{killed.pid}_a", *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.arpa").touch()
    own = packed_language_model._folder.__wrapped__()
    assert {path.name for path in tmp_path.iterdir()} == {*kept, own.name}
