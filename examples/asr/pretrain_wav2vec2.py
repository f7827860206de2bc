# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pretrain wav2vec 2.0 on speech without text.

python examples/asr/pretrain_wav2vec2.py \
    model.train_ds.manifest_filepath=speech.json model.validation_ds.manifest_filepath=dev.json \
    wav2vec_size@model.encoder=small_7m trainer.max_steps=1000 +save_to=wav2vec.nemo

All options: conf/recipes/wav2vec/wav2vec2_pretraining.yaml and what it names. A recogniser takes the encoder with
+init_from_nemo_model={wav2vec: {path: wav2vec.nemo, include: [encoder]}}.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise.models import Wav2Vec2PretrainingModel
from nemo_noise.models.training_run import run_training


@hydra_runner(config_path="../../conf/recipes/wav2vec", config_name="wav2vec2_pretraining")
def main(cfg: DictConfig) -> None:
    """Train as the config says."""
    run_training(Wav2Vec2PretrainingModel, cfg)


if __name__ == "__main__":
    main()
