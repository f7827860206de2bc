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

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig

from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.core.config import hydra_runner
from nemo.utils.model_utils import import_class_by_path

from nemo_noise.models.training_run import run_training


@hydra_runner(config_path="../../conf/recipes/speech_multitask", config_name="noise_aware_fast-conformer_aed")
def main(cfg: DictConfig) -> None:
    model_class = import_class_by_path(cfg.model.target) if cfg.model.get("target") else EncDecMultiTaskModel
    run_training(model_class, cfg)


if __name__ == "__main__":
    main()
