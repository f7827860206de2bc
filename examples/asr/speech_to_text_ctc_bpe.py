# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Train or fine-tune a noise-aware CTC model with a subword tokenizer.

NeMo's own script of this name does the same, unmodified.

    python examples/asr/speech_to_text_ctc_bpe.py \
        model.train_ds.manifest_filepath=train.json model.validation_ds.manifest_filepath=dev.json \
        model.train_ds.augmentor.noise_mix.manifest_path=noise.json \
        model.tokenizer.dir=tokenizer model.tokenizer.type=bpe \
        trainer.devices=1 trainer.max_epochs=50

From a pretrained checkpoint and a pretrained noise context (before training the output is exactly the checkpoint's):

    python examples/asr/speech_to_text_ctc_bpe.py ... \
        '+init_from_nemo_model={asr: {path: plain.nemo}, context: {path: context.nemo, include: [context_encoder]}}'
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig

from nemo.collections.asr.models import EncDecCTCModelBPE
from nemo.core.config import hydra_runner

from nemo_noise.models.training_run import run_training


@hydra_runner(config_path="../../conf/recipes/fastconformer", config_name="noise_aware_fast-conformer_ctc_bpe")
def main(cfg: DictConfig) -> None:
    run_training(EncDecCTCModelBPE, cfg)


if __name__ == "__main__":
    main()
