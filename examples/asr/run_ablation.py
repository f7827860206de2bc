# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One question, many trainings: train every arm with every seed, evaluate on unseen noise, write one table.

    python examples/asr/run_ablation.py --config-name=digits        # a file of conf/ablations
    python examples/asr/run_ablation.py --config-name=digits max_parallel=4 'seeds=[0,1,2,3,4]' '~arms.constant'

An arm is a name and Hydra overrides of the recogniser's recipe; `grid` makes arms of all combinations. Resumes where
it stopped: what is done is a file, and deleting it repeats the job. The table and the figure end up in `output_dir`,
the report of every model in its folder there.
"""

from pathlib import Path

import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise.evaluation.experiments.ablation import run_jobs
from nemo_noise.evaluation.experiments.experiment import experiment_jobs, tabulate

SCRIPTS = Path(__file__).resolve().parents[1]


@hydra_runner(config_path="../../conf/ablations", config_name="digits")
def main(cfg: DictConfig) -> None:
    """Run what is missing, then tabulate."""
    Path(cfg.output_dir).mkdir(parents=True, exist_ok=True)
    print(f"GPU: {torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none, training on the CPU'}")
    run_jobs(experiment_jobs(cfg, SCRIPTS), Path(cfg.output_dir) / "logs", cfg.max_parallel, cfg.num_threads)
    print(tabulate(cfg))


if __name__ == "__main__":
    main()
