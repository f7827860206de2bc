# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The tasks of the demo, run as a process of their own: `python -m nemo_noise.demo.job FOLDER SIZE SEED TASK...`."""

import sys
import time
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf, open_dict

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported
from nemo.collections.asr.models import EncDecCTCModelBPE
from nemo.utils import logging

from nemo_noise.configuration import config_directory
from nemo_noise.demo.places import Places
from nemo_noise.demo.recordings import make_recordings
from nemo_noise.demo.sizes import ARMS, RECORDINGS, SIZES, Size
from nemo_noise.models.training_run import run_training

__all__ = ["arm_config", "main"]

RECIPE = "demo_digits"


def main(arguments: list[str]) -> None:
    """Runs tasks one after the other, those left out that have their result."""
    folder, size, seed, *tasks = arguments
    places = Places(Path(folder))
    logging.info(f"the imports took {time.process_time():.1f} s of CPU time")
    for task in tasks:
        if places.result(task).exists():
            continue
        began, cpu = time.monotonic(), time.process_time()
        if task == RECORDINGS:
            make_recordings(places.data, SIZES[size], int(seed))
        else:
            run_training(EncDecCTCModelBPE, arm_config(places, SIZES[size], seed=int(seed), arm=task))
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        logging.info(f"{task} took {took:.1f} s, {cpu:.1f} s of CPU time")


def arm_config(places: Places, size: Size, *, seed: int, arm: str) -> DictConfig:
    """The whole config of one training."""
    overrides = [*ARMS[arm], *size.training, f"trainer.max_steps={size.steps}"]
    with initialize_config_dir(str(config_directory() / "recipes" / "demo"), version_base=None):
        cfg = compose(RECIPE, overrides=overrides)
    with open_dict(cfg):
        cfg.update(
            data=str(places.data), step_log=str(places.step_log(arm)), save_to=str(places.result(arm)), seed=seed
        )
    OmegaConf.update(cfg, "model.train_ds.augmentor.noise_mix.seed", seed)
    if cfg.exp_manager is not None:
        cfg.exp_manager.exp_dir = str(places.checkpoints(arm))
    return cfg


if __name__ == "__main__":
    main(sys.argv[1:])
