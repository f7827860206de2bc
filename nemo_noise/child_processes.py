# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Child processes: one runner for a folder, jobs that end with it, and none that is left over.

On Linux the kernel ends a job when its runner dies, whatever kills that. What outlives it all the same (processes that
a job started, jobs on other systems) is found by the next runner and ended before anything starts.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from nemo_noise import whole_file

__all__ = ["KEEPS_MEMORY", "JobProcesses", "RunnerError", "only_runner"]

# glibc maps every large block anew and gives it back, and each page faults again: a fifth of the CPU time of a
# wav2vec 2.0 training (docs/training.md). Where it is told otherwise, or is another C library, nothing changes.
KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
_MARK = "NEMO_NOISE_JOB_OF"  # in the environment of every job: the folder of its runner
_LOCK, _LEDGER = "runner.lock", "running.json"
_GRACE_S = 20.0  # from SIGTERM to SIGKILL
# The job itself, once the kernel is set to end it with its parent (1: PR_SET_PDEATHSIG); if that is gone by then, the
# job does not begin. Not by `preexec_fn`, which can hang where threads run.
_BOUND = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the runner of this job has ended")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class RunnerError(RuntimeError):
    """Another runner works in the same folder."""


class JobProcesses:
    """Starts and ends the jobs of one runner.

    Args:
        folder: of the runner; marks its processes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str], log: IO[Any] | None, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Starts a job that ends with this process, in a group of its own.

        Args:
            command: program and arguments; no shell sees them.
            log: gets what it prints; None for where this process prints.
            environment: of the job.
        """
        bound = [sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid())] if sys.platform == "linux" else []
        process = subprocess.Popen(
            [*bound, *command],
            stdout=log,
            stderr=None if log is None else subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**environment, _MARK: str(self.folder)},
            start_new_session=True,
        )
        self._running = [one for one in self._running if one.poll() is None] + [process]
        ledger = [[one.pid, _began(one.pid)] for one in self._running]
        whole_file.write_text(self.folder / _LEDGER, json.dumps(ledger))
        return process

    def end(self) -> None:
        """Ends the groups of all jobs that run, and waits for them."""
        running = [process for process in self._running if process.poll() is None]
        for process in running:
            _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        while time.monotonic() < deadline and any(process.poll() is None for process in running):
            time.sleep(0.02)
        for process in running:
            _signal_group(process.pid, signal.SIGKILL)  # also what a job started and left
            process.wait()


@contextlib.contextmanager
def only_runner(folder: Path) -> Iterator[JobProcesses]:
    """Locks a folder for one runner at a time, and ends what an earlier one left there.

    The lock is the kernel's and goes with the process, so that a killed runner leaves none.

    Args:
        folder: holds the lock; jobs may write there.

    Raises:
        RunnerError: if a runner works there.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunnerError(
                f"{folder} belongs to jobs that process {lock.read().strip() or '?'} runs; wait for it, end it, or "
                "name another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _end_leftovers(folder)
        processes = JobProcesses(folder)
        try:
            yield processes
        finally:
            processes.end()
            (folder / _LEDGER).unlink(missing_ok=True)


def _end_leftovers(folder: Path) -> None:
    """Ends the processes of a runner that is gone, those alone that are surely of this folder."""
    left = _marked(folder) if sys.platform == "linux" else _in_ledger(folder)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    while any(_is_alive(process) for process in left):
        time.sleep(0.05)
    if left:
        from nemo.utils import logging  # takes seconds; leftovers are rare

        logging.warning(f"{len(left)} processes of jobs whose runner was killed are ended: {sorted(left)}")


def _marked(folder: Path) -> list[int]:
    """The processes whose environment names the folder, on Linux."""
    mark = f"{_MARK}={folder}".encode()
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and int(place.name) != os.getpid():
            with contextlib.suppress(OSError):  # it ended, or is somebody else's
                if mark in (place / "environ").read_bytes().split(b"\0"):
                    found.append(int(place.name))
    return found


def _in_ledger(folder: Path) -> list[int]:
    """The jobs that the last runner noted, if they are still those."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        noted = json.loads((folder / _LEDGER).read_text(encoding="utf-8"))
        return [process for process, began in noted if began and _began(process) == began]
    return []


def _began(process: int) -> str:
    """When a process began, which tells it from a later one of the same number; nothing if it is gone."""
    try:
        listed = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # a container without ps; Linux does not need it
        return ""
    return listed.stdout.strip()


def _is_alive(process: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    with contextlib.suppress(OSError):
        state = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    if sys.platform == "linux":
        return False
    return _began(process) != ""


def _signal_group(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, number)
