# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the jobs of an experiment side by side, each as a process of its own, and goes on where it was stopped.

A job is done when the file that it promises exists and is whole. So an experiment resumes by being started again, and
a job is repeated by deleting its file.
"""

import json
import os
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import FrameType

from tqdm import tqdm

from nemo.utils import logging

from nemo_noise.child_processes import KEEPS_MEMORY, JobProcesses, only_runner

__all__ = ["ExperimentError", "Job", "check_jobs", "is_done", "run_jobs"]

POLL_S = 0.5
LOG_TAIL_LINES = 25
WEIGHTS_FILE = "model_weights.ckpt"  # NeMo packs it into every .nemo


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


Running = dict[Job, subprocess.Popen[bytes]]


def run_jobs(jobs: Sequence[Job], log_directory: Path, *, max_parallel: int, num_threads: int = 1) -> None:
    """Run all jobs that are not done, those whose needs are met first come first served.

    Args:
        jobs: the experiment.
        log_directory: gets one log per job.
        max_parallel: processes at a time.
        num_threads: threads of each process.

    Raises:
        ValueError: if two jobs have one name, a need is produced by nobody, or ``max_parallel`` is below 1.
        ExperimentError: if a job fails or does not leave its file; what runs beside it is stopped.
        RunnerError: if another process runs jobs with the same `log_directory`.
    """
    if max_parallel < 1:
        raise ValueError(f"max_parallel={max_parallel} must be at least 1.")
    check_jobs(jobs)
    threads = {"OMP_NUM_THREADS": str(num_threads), "MKL_NUM_THREADS": str(num_threads)}
    environment = KEEPS_MEMORY | os.environ | threads
    with _leaving_on_sigterm(), only_runner(log_directory) as processes:
        waiting = [job for job in jobs if not is_done(job)]
        logging.info(f"{len(jobs) - len(waiting)} of {len(jobs)} jobs are done; logs are in {log_directory}.")
        running: Running = {}
        with (
            _forgotten_on_error(running, processes),
            tqdm(total=len(jobs), initial=len(jobs) - len(waiting), unit="job") as bar,
        ):
            while waiting or running:
                _start_some(
                    waiting,
                    running,
                    processes,
                    log_directory=log_directory,
                    environment=environment,
                    max_parallel=max_parallel,
                )
                bar.set_postfix_str(", ".join(job.name for job in running), refresh=True)
                time.sleep(POLL_S)
                for job in _finished(running, log_directory):
                    del running[job]
                    bar.update()


def _start_some(
    waiting: list[Job],
    running: Running,
    processes: JobProcesses,
    *,
    log_directory: Path,
    environment: dict[str, str],
    max_parallel: int,
) -> None:
    startable = [job for job in waiting if all(need.exists() for need in job.needs)]
    if not (startable or running):
        names = ", ".join(job.name for job in waiting)
        raise ExperimentError(f"jobs: {names} wait for each other, or for a file that was removed.")
    for job in startable[: max(0, max_parallel - len(running))]:
        waiting.remove(job)
        job.produces.parent.mkdir(parents=True, exist_ok=True)
        with _log_path(job, log_directory).open("wb") as log:
            running[job] = processes.start(job.command, log, environment)


def is_done(job: Job) -> bool:
    """Whether the file of a job is there; one that is cut off is removed, with a warning."""
    if not job.produces.exists():
        return False
    defect = _defect(job.produces)
    if defect:
        logging.warning(f"{job.name}: {job.produces} is not whole ({defect}); it is removed and made again.")
        job.produces.unlink()
    return not defect


def _defect(path: Path) -> str:
    """What a file lacks that a killed job of an older version, which wrote in place, had begun; nothing if whole."""
    try:
        if path.suffix == ".nemo":
            with tarfile.open(path) as archive:
                names = {PurePosixPath(name).name for name in archive.getnames()}
            return "" if WEIGHTS_FILE in names else f"has no {WEIGHTS_FILE}"
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".html":
            return "" if path.read_text(encoding="utf-8").rstrip().endswith("</html>") else "has no end"
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def check_jobs(jobs: Sequence[Job]) -> None:
    """Refuse an experiment that cannot end.

    Raises:
        ValueError: if two jobs have one name, or a need is neither there nor produced.
    """
    names = [job.name for job in jobs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"jobs: the names {repeated} stand more than once; each job needs a name of its own.")
    produced = {job.produces for job in jobs}
    for job in jobs:
        for need in job.needs:
            if need not in produced and not need.exists():
                raise ValueError(f"jobs: {job.name} needs {need}, which does not exist and no job produces.")


def _finished(running: Running, log_directory: Path) -> list[Job]:
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
def _leaving_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as a key would, so that what was started is ended."""
    in_main_thread = threading.current_thread() is threading.main_thread()  # only there signals can be caught
    before = signal.signal(signal.SIGTERM, _leave) if in_main_thread else None
    try:
        yield
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _forgotten_on_error(running: Running, processes: JobProcesses) -> Iterator[None]:
    """Ends what still runs at the end, by an error, a key or SIGTERM, and removes what it may have half written."""
    try:
        yield
    finally:
        processes.end()
        for job, process in running.items():
            if process.wait() != 0:
                job.produces.unlink(missing_ok=True)


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that what was started is stopped."""
    raise SystemExit(128 + number)
