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

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise.models import NoiseContextPretrainingModel
from nemo_noise.models.training_run import run_training


@hydra_runner(config_path="../../conf/recipes/noise_context", config_name="noise_context_pretraining")
def main(cfg: DictConfig) -> None:
    """Train as the config says."""
    run_training(NoiseContextPretrainingModel, cfg)


if __name__ == "__main__":
    main()
