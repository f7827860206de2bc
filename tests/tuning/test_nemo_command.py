# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's own command trains what a tuning trains: Hydra reads the same config out of it, and the weights are equal."""

import shlex
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file

from nemo.collections.asr.models import ASRModel
from nemo.utils.exp_manager import exp_manager
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.tuning import tune
from nemo_noise.tuning.nemo_command import _hydra
from tests.recognisers import build_recogniser
from tests.tuning.corpus import short, write_corpus

# The keys of NeMo's own config of its script that a tuning must set, with values that would train otherwise.
SCRIPT = """
name: Speech_To_Text_Finetuning
init_from_nemo_model: null
model:
  sample_rate: 16000
  train_ds: {manifest_filepath: '???', sample_rate: 16000, batch_size: 9, shuffle: true, num_workers: 8}
  validation_ds: {manifest_filepath: '???', sample_rate: 16000, batch_size: 9, shuffle: false, num_workers: 8}
  optim: {name: novograd, lr: 1.0, betas: [0.1, 0.1], weight_decay: 0.5, sched: {name: Other, warmup_steps: 7}}
trainer: {devices: -1, max_epochs: 50, max_steps: -1, val_check_interval: 1.0, accelerator: auto, precision: 16}
exp_manager: {exp_dir: null, name: a, checkpoint_callback_params: {monitor: val_loss, save_top_k: 5}}
"""


def composed(command: Path, folder: Path) -> DictConfig:
    """The config that NeMo's script gets by a command."""
    (folder / "script.yaml").write_text(SCRIPT)
    lines = [line for line in command.read_text().splitlines() if not line.startswith("#")]
    words = shlex.split(" ".join(line.rstrip("\\") for line in lines))
    with initialize_config_dir(str(folder), version_base=None):
        return compose("script", overrides=words[2:])


def plain(config: Any) -> Any:
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


@pytest.mark.parametrize(
    "value",
    [
        "/a b/it's.json",
        'a "quoted" word',
        "back\\slash",
        "null",
        "true",
        "3",
        "{step}",
        "a,b",
        "",
        "ä=1",
        "$x",
        'x\\"',
    ],
)
def test_hydra_reads_the_text_that_was_written(value: str, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("a: 1\n")
    with initialize_config_dir(str(tmp_path), version_base=None):
        read = compose("one", overrides=[f"++a={_hydra(value)}", f"++b={_hydra({'c': [value, None, 1e-6, True]})}"])
    assert OmegaConf.to_container(read, resolve=False)["a"] == value.replace("${", "\\${")
    assert plain(read.b) == {"c": [value, None, 1e-6, True]}


@pytest.mark.slow
@pytest.mark.usefixtures("gains")
def test_the_command_trains_the_same(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    torch.manual_seed(1)
    build_recogniser("ctc", tmp_path).save_to(str(tmp_path / "start.nemo"))
    tune(tmp_path / "start.nemo", **short(corpus, tmp_path / "tuned.nemo", noise_alone=0.1, rooms="microphones"))
    ours = OmegaConf.load(tmp_path / "tuned.run" / "training.yaml")
    theirs = composed(tmp_path / "tuned.txt", tmp_path)
    for block in ("model.train_ds", "model.validation_ds", "model.optim", "trainer"):
        wanted, found = plain(OmegaConf.select(ours, block)), plain(OmegaConf.select(theirs, block))
        assert {key: found.get(key) for key in wanted if key not in ("callbacks", "sched")} == {
            key: value for key, value in wanted.items() if key not in ("callbacks", "sched")
        }, block
    assert theirs.init_from_nemo_model == str(tmp_path / "start.nemo")
    model = run_script(theirs, seed=int(ours.seed))
    kept = load_file(Path(theirs.exp_manager.explicit_log_dir) / "kept.safetensors")
    mine = load_file(tmp_path / "tuned.run" / "kept.safetensors")
    assert all(torch.equal(mine[name], kept[name]) for name in mine)
    assert model.trainer.global_step == ours.trainer.max_steps


def run_script(config: DictConfig, seed: int) -> Any:
    """The calls of NeMo's fine-tuning script in their order, with a seed before."""
    pl.seed_everything(seed, workers=True)
    trainer = pl.Trainer(**resolve_trainer_cfg(config.trainer))
    exp_manager(trainer, config.get("exp_manager"))
    model = ASRModel.restore_from(config.init_from_nemo_model)
    model.set_trainer(trainer)
    model.setup_training_data(config.model.train_ds)
    model.setup_multiple_validation_data(config.model.validation_ds)
    model.setup_optimization(config.model.optim)
    trainer.fit(model)
    return model
