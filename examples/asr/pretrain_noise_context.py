# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pretrain a noise context from unlabelled speech and a list of noises.

python examples/asr/pretrain_noise_context.py \
    model.train_ds.manifest_filepath=<speech manifest, or [several]> \
    model.train_ds.noise_manifest=<noise manifest, or [several]> \
    model.encoder.context_encoder.d_context=64 \
    trainer.max_steps=500 trainer.accelerator=cpu \
    exp_manager.exp_dir=<folder for logs and checkpoints> \
    +save_to=context.nemo

All options: conf/recipes/noise_context/noise_context_pretraining.yaml. What it learned: examples/asr/probe_context.py.
A noise-aware recogniser takes it with +init_from_nemo_model=context.nemo.
"""

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner
from nemo.utils import logging
from nemo.utils.exp_manager import exp_manager
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.models import NoiseContextPretrainingModel, start_from_checkpoints
from nemo_noise.recogniser.model_file import save_model


@hydra_runner(config_path="../../conf/recipes/noise_context", config_name="noise_context_pretraining")
def main(cfg: DictConfig) -> None:
    """Train by the config."""
    logging.info(f"Hydra config: {OmegaConf.to_yaml(cfg)}")
    if cfg.get("seed") is not None:
        pl.seed_everything(cfg.seed, workers=True)
    trainer = pl.Trainer(**resolve_trainer_cfg(cfg.trainer))
    exp_manager(trainer, cfg.get("exp_manager", None))
    model = NoiseContextPretrainingModel(cfg=cfg.model, trainer=trainer)
    start_from_checkpoints(model, cfg)  # NeMo's init_from_...: what would be lost is an error
    trainer.fit(model)
    if cfg.get("save_to"):
        save_model(model, cfg.save_to)


if __name__ == "__main__":
    main()
