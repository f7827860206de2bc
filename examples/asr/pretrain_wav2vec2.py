# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pretrain wav2vec 2.0 on speech without text.

python examples/asr/pretrain_wav2vec2.py \
    model.train_ds.manifest_filepath=speech.json model.validation_ds.manifest_filepath=dev.json \
    wav2vec_size@model.encoder=small_7m trainer.max_steps=1000 +save_to=wav2vec.nemo

All options: conf/recipes/wav2vec/wav2vec2_pretraining.yaml and what it names. A recogniser takes the encoder with
+init_from_nemo_model={wav2vec: {path: wav2vec.nemo, include: [encoder]}}.
"""

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner
from nemo.utils import logging
from nemo.utils.exp_manager import exp_manager
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.models import Wav2Vec2PretrainingModel, start_from_checkpoints
from nemo_noise.recogniser.model_file import save_model


@hydra_runner(config_path="../../conf/recipes/wav2vec", config_name="wav2vec2_pretraining")
def main(cfg: DictConfig) -> None:
    """Train by the config."""
    logging.info(f"Hydra config:\n{OmegaConf.to_yaml(cfg)}")
    if cfg.get("seed") is not None:
        pl.seed_everything(cfg.seed, workers=True)
    trainer = pl.Trainer(**resolve_trainer_cfg(cfg.trainer))
    exp_manager(trainer, cfg.get("exp_manager"))
    model = Wav2Vec2PretrainingModel(cfg=cfg.model, trainer=trainer)
    start_from_checkpoints(model, cfg)  # NeMo's init_from_...: what would be lost is an error
    trainer.fit(model)
    if cfg.get("save_to"):
        save_model(model, cfg.save_to)


if __name__ == "__main__":
    main()
