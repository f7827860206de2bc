# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Train or fine-tune a noise-aware attention encoder-decoder (Canary-style), or one with dual attention.

NeMo's own script of this name does the same, unmodified, but for recipes that name a model of ours as `target`.

    python examples/asr/speech_to_text_aed.py \
        model.train_ds.manifest_filepath=train.json model.validation_ds.manifest_filepath=dev.json \
        model.train_ds.augmentor.noise_mix.manifest_path=noise.json \
        model.tokenizer.langs.spl_tokens.dir=special model.tokenizer.langs.en.dir=tokenizer \
        trainer.devices=1 trainer.max_epochs=50

From a pretrained checkpoint and a pretrained noise context (before training the output is exactly the checkpoint's):

    python examples/asr/speech_to_text_aed.py ... \
        '+init_from_nemo_model={asr: {path: plain.nemo}, context: {path: context.nemo, include: [context_encoder]}}'

With a second attention to noise tokens: --config-name=dual_attention_fast-conformer_aed +training=dual_warm_start
Whisper: --config-path=../../conf/recipes/whisper --config-name=whisper, see docs/whisper.md.
"""

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.core.config import hydra_runner
from nemo.utils import logging
from nemo.utils.exp_manager import exp_manager
from nemo.utils.model_utils import import_class_by_path
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.models import start_from_checkpoints
from nemo_noise.recogniser.model_file import save_model


@hydra_runner(config_path="../../conf/recipes/speech_multitask", config_name="noise_aware_fast-conformer_aed")
def main(cfg: DictConfig) -> None:
    logging.info(f"Hydra config:\n{OmegaConf.to_yaml(cfg)}")
    if cfg.get("seed") is not None:
        pl.seed_everything(cfg.seed, workers=True)
    trainer = pl.Trainer(**resolve_trainer_cfg(cfg.trainer))
    exp_manager(trainer, cfg.get("exp_manager"))
    model_class = import_class_by_path(cfg.model.target) if cfg.model.get("target") else EncDecMultiTaskModel
    model = model_class(cfg=cfg.model, trainer=trainer)
    start_from_checkpoints(model, cfg)  # NeMo's init_from_...: what would be lost is an error
    trainer.fit(model)
    if cfg.get("save_to"):
        save_model(model, cfg.save_to)
    if (cfg.model.get("test_ds") or {}).get("manifest_filepath") is not None and model.prepare_test(trainer):
        trainer.test(model)


if __name__ == "__main__":
    main()
