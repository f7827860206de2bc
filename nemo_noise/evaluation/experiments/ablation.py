# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the jobs of an experiment side by side, each as a process of its own, and goes on where it was stopped.

A job is done when the file that it promises exists. So an experiment resumes by being started again, and a job is
repeated by deleting its file.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from nemo.utils import logging

__all__ = ["ExperimentError", "Job", "run_jobs"]

# glibc maps every large block anew and gives it back, and each page faults again: a fifth of the CPU time of a
# wav2vec 2.0 training (docs/training.md). Where it is told otherwise, or is another C library, nothing changes.
KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
POLL_S = 0.5
LOG_TAIL_LINES = 25


class ExperimentError(RuntimeError):
    """A job failed; the message holds the end of its log."""


@dataclass(frozen=True)
class Job:
    """One process of an experiment.

    Args:
        name: what the progress bar shows; names its log file.
        command: program and arguments; no shell sees them.
        produces: the file that exists when, and only when, the job is done.
        needs: files that other jobs produce and that this one reads.
    """

    name: str
    command: tuple[str, ...]
    produces: Path
    needs: tuple[Path, ...] = ()


def run_jobs(jobs: Sequence[Job], log_directory: Path, max_parallel: int, num_threads: int = 1) -> None:
    """Run all jobs that are not done, those whose needs are met first come first served.

    Args:
        jobs: the experiment.
        log_directory: gets one log per job.
        max_parallel: processes at a time.
        num_threads: threads of each process.

    Raises:
        ValueError: if two jobs have one name, a need is produced by nobody, or ``max_parallel`` is below 1.
        ExperimentError: if a job fails or does not leave its file; what runs beside it is stopped.
    """
    _check(jobs, max_parallel)
    log_directory.mkdir(parents=True, exist_ok=True)
    waiting = [job for job in jobs if not job.produces.exists()]
    logging.info(f"{len(jobs) - len(waiting)} of {len(jobs)} jobs are done; logs are in {log_directory}.")
    threads = {"OMP_NUM_THREADS": str(num_threads), "MKL_NUM_THREADS": str(num_threads)}
    environment = KEEPS_MEMORY | os.environ | threads
    with _stopped_on_error() as running, tqdm(total=len(jobs), initial=len(jobs) - len(waiting), unit="job") as bar:
        while waiting or running:
            startable = [job for job in waiting if all(need.exists() for need in job.needs)]
            if not (startable or running):
                names = ", ".join(job.name for job in waiting)
                raise ExperimentError(f"jobs: {names} wait for each other, or for a file that was removed.")
            for job in startable:
                if len(running) >= max_parallel:
                    break
                waiting.remove(job)
                running[job] = _start(job, log_directory, environment)
            bar.set_postfix_str(", ".join(job.name for job in running), refresh=True)
            time.sleep(POLL_S)
            for job in _finished(running, log_directory):
                del running[job]
                bar.update()


def _check(jobs: Sequence[Job], max_parallel: int) -> None:
    """Refuse an experiment that cannot end."""
    if max_parallel < 1:
        raise ValueError(f"max_parallel={max_parallel} must be at least 1.")
    names = [job.name for job in jobs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"jobs: the names {repeated} stand more than once; each job needs a name of its own.")
    produced = {job.produces for job in jobs}
    for job in jobs:
        for need in job.needs:
            if need not in produced and not need.exists():
                raise ValueError(f"jobs: {job.name} needs {need}, which does not exist and no job produces.")


def _start(job: Job, log_directory: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a job with its output in its log."""
    job.produces.parent.mkdir(parents=True, exist_ok=True)
    with _log_path(job, log_directory).open("wb") as log:
        return subprocess.Popen(
            list(job.command), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )


def _finished(running: dict[Job, subprocess.Popen[bytes]], log_directory: Path) -> list[Job]:
    """Jobs that have ended well; one that has not raises."""
    ended = [job for job, process in running.items() if process.poll() is not None]
    for job in ended:
        code = running[job].returncode
        if code != 0 or not job.produces.exists():
            lines = _log_path(job, log_directory).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            reason = f"exit status {code}" if code else f"no {job.produces}"
            raise ExperimentError(f"{job.name} failed ({reason}); the end of its log:\n" + "\n".join(lines))
    return ended


def _log_path(job: Job, log_directory: Path) -> Path:
    return log_directory / f"{job.name.replace('/', '_')}.log"


@contextmanager
def _stopped_on_error() -> Iterator[dict[Job, subprocess.Popen[bytes]]]:
    """The running processes; what still runs at the end, by an error, a key or SIGTERM, is stopped and waited for."""
    running: dict[Job, subprocess.Popen[bytes]] = {}
    in_main_thread = threading.current_thread() is threading.main_thread()  # only there signals can be caught
    before = signal.signal(signal.SIGTERM, _leave) if in_main_thread else None
    try:
        yield running
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)
        for process in running.values():
            process.terminate()
        for job, process in running.items():
            if process.wait() != 0:
                job.produces.unlink(missing_ok=True)  # it may be half written


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that what was started is stopped."""
    raise SystemExit(128 + number)
