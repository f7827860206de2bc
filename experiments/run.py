# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One question, many trainings: train every arm with every seed, evaluate on unseen noise, write one table.

    python experiments/run.py --config-name=digits/digits         # <question>/<file> of this folder
    python experiments/run.py --config-name=digits/digits max_parallel=4 'seeds=[0,1,2,3,4]' '~arms.constant'

An arm is a name and Hydra overrides of the recogniser's recipe; `grid` makes arms of all combinations. Resumes where
it stopped: what is done is a file, and deleting it repeats the job. The table and the figure end up in `output_dir`,
the report of every model in its folder there.

With a launcher of Hydra the jobs run where it puts them, in place of beside each other on this machine:

    python experiments/run.py --config-name=digits/digits --multirun hydra/launcher=submitit_slurm
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from pathlib import Path

import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from experiments.jobs import run_jobs
from experiments.plan import jobs_of, table_of


@hydra_runner(config_path=".", config_name="digits/digits")
def main(cfg: DictConfig) -> None:
    """Run what is missing, then tabulate; with `job` that job alone."""
    jobs, logs = jobs_of(cfg), Path(cfg.output_dir) / "logs"
    print(f"GPU: {torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none, training on the CPU'}")
    if cfg.job is not None:  # a launcher runs it; the others have logs and a lock of their own
        jobs, logs = [job for job in jobs if job.name == cfg.job], logs / cfg.job
    run_jobs(jobs, logs, max_parallel=cfg.max_parallel, num_threads=cfg.num_threads)
    if cfg.job is None:
        print(table_of(cfg))


if __name__ == "__main__":
    main()
