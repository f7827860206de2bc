# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's tasks as child processes: started, watched, and shown as one progress."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from nemo_noise.child_processes import KEEPS_MEMORY, JobProcesses
from nemo_noise.demo.places import Places
from nemo_noise.demo.sizes import RECORDINGS, Size
from nemo_noise.progress import progress

__all__ = ["Job", "JobError", "last_lines", "start", "wait", "watch_trainings"]

POLL_S = 0.5
SHOWN_LINES = 15


class JobError(RuntimeError):
    """A task ended without its result."""


@dataclass(frozen=True)
class Job:
    """A process that works on tasks, one after the other.

    Attributes:
        tasks: their names.
        process: the child.
        log: what it prints.
        results: the files that must be there when it has ended.
    """

    tasks: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path
    results: tuple[Path, ...]

    def is_running(self) -> bool:
        """Whether it works.

        Raises:
            JobError: it has ended without its results; holds the last lines of its log.
        """
        if self.process.poll() is None:
            return True
        if self.process.returncode or not all(result.exists() for result in self.results):
            status = f"exit status {self.process.returncode}"
            raise JobError(
                f"{', '.join(self.tasks)} failed ({status}); the end of {self.log}:\n{last_lines(self.log)}"
            )
        return False


def start(processes: JobProcesses, places: Places, *, size: Size, seed: int, tasks: tuple[str, ...]) -> Job:
    """Starts tasks in one child with one thread, its output in a log named by the last of them."""
    places.logs.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        if task != RECORDINGS:
            places.step_log(task).unlink(missing_ok=True)  # of a training that was stopped
    log = places.logs / f"{tasks[-1]}.log"
    command = [sys.executable, "-m", "nemo_noise.demo.job", str(places.folder), size.name, str(seed), *tasks]
    environment = KEEPS_MEMORY | os.environ | {"OMP_NUM_THREADS": "1"}
    with log.open("ab") as output:
        process = processes.start(command, output, environment)
    return Job(tasks, process, log, tuple(places.result(task) for task in tasks))


def wait(job: Job) -> None:
    """Waits for a job; a JobError where it fails."""
    while job.is_running():
        time.sleep(POLL_S)


def watch_trainings(jobs: list[Job], places: Places, *, steps: int, what: str) -> None:
    """Waits for trainings, and shows their steps and losses together; a JobError where one fails.

    Args:
        jobs: the last task of each is an arm.
        places: where their step logs are.
        steps: optimiser steps of each.
        what: name of the work.
    """
    from nemo_noise.training.step_log import read_last_step

    logs = [places.step_log(job.tasks[-1]) for job in jobs]
    with progress(steps * len(jobs), what, unit="steps") as shown:
        done = 0
        while True:
            running = [job.is_running() for job in jobs]
            states = [state for log in logs if (state := read_last_step(log)) is not None]
            now = sum(state.step for state in states) if any(running) else steps * len(jobs)
            shown.set_postfix_str("loss " + ", ".join(f"{state.loss:.2f}" for state in states))
            shown.update(now - done)
            done = now
            if not any(running):
                return
            time.sleep(POLL_S)


def last_lines(log: Path) -> str:
    """The last lines of a log, without progress bars and colours."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line.rpartition("\r")[2]).rstrip() for line in text.split("\n")]
    return "\n".join([line for line in lines if line and "it/s" not in line][-SHOWN_LINES:])
