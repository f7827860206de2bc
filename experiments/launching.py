# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""An experiment whose jobs run elsewhere: a launcher of Hydra gets them, at a time all whose needs are met."""

from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig

from nemo.utils import logging

from experiments.jobs import ExperimentError, check_jobs, is_done
from experiments.plan import jobs_of, table_of
from nemo_noise.child_processes import only_runner

__all__ = ["run_launched"]


def run_launched(cfg: DictConfig, launch: Callable[[Sequence[str]], None]) -> None:
    """Run what is missing, then tabulate. Like `run_jobs` it resumes, and has its folder for itself.

    Args:
        cfg: the experiment.
        launch: runs the jobs of these names and returns when all have ended.

    Raises:
        ExperimentError: if jobs wait for each other, or one ends without its file.
        RunnerError: if another process runs the experiment.
    """
    jobs = jobs_of(cfg)
    check_jobs(jobs)
    with only_runner(Path(cfg.output_dir) / "logs"):
        waiting = [job for job in jobs if not is_done(job)]
        while waiting:
            ready = [job for job in waiting if all(need.exists() for need in job.needs)]
            waiting = [job for job in waiting if job not in ready]
            logging.info(f"{len(ready)} jobs are launched, {len(waiting)} wait for what they make.")
            if not ready:
                raise ExperimentError(f"jobs: {', '.join(job.name for job in waiting)} wait for each other.")
            launch([job.name for job in ready])
            missing = [str(job.produces) for job in ready if not job.produces.exists()]
            if missing:
                raise ExperimentError(f"launched jobs ended without {', '.join(missing)}.")
        print(table_of(cfg))
