# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One training from a config, as the scripts of `examples/asr` run it: start, fit, save, test."""

from collections.abc import Callable, Sequence

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import ASRModel
from nemo.core.classes import ModelPT
from nemo.utils import logging
from nemo.utils.exp_manager import exp_manager
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.models.checked_start import start_from_checkpoints
from nemo_noise.models.checked_training import check_training
from nemo_noise.recogniser.model_file import save_model

__all__ = ["fit", "run_training"]


def run_training(model_class: type[ModelPT], cfg: DictConfig) -> None:
    """Build a model from a script's whole config, train it, and save and test it as the config sets it."""
    check_training(cfg)

    def build(trainer: pl.Trainer) -> ModelPT:
        model = model_class(cfg=cfg.model, trainer=trainer)
        start_from_checkpoints(model, cfg)  # NeMo's init_from_...: a loss is an error
        return model

    model = fit(build, cfg)
    if cfg.get("save_to"):
        save_model(model, cfg.save_to)
    has_test = isinstance(model, ASRModel) and (cfg.model.get("test_ds") or {}).get("manifest_filepath") is not None
    if has_test and model.prepare_test(model.trainer):  # a pretraining has no test
        model.trainer.test(model)


def fit(build: Callable[[pl.Trainer], ModelPT], cfg: DictConfig, callbacks: Sequence[pl.Callback] = ()) -> ModelPT:
    """Train a model as a script's whole config sets it: seed, trainer, experiment manager, fit.

    Args:
        build: makes the model for a trainer.
        cfg: with the blocks `trainer` and `exp_manager`, and `seed`.
        callbacks: behind those of the config.
    """
    logging.info(f"Hydra config:\n{OmegaConf.to_yaml(cfg)}")
    if cfg.get("seed") is not None:
        pl.seed_everything(cfg.seed, workers=True)
    settings = resolve_trainer_cfg(cfg.trainer)
    if callbacks:
        settings["callbacks"] = [*(settings.get("callbacks") or []), *callbacks]
    trainer = pl.Trainer(**settings)
    exp_manager(trainer, cfg.get("exp_manager"))
    model = build(trainer)
    trainer.fit(model)
    return model
