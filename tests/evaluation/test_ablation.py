# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The experiment runner: order, parallelism, resuming and failing."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from nemo_noise.evaluation.experiments import ablation
from nemo_noise.evaluation.experiments.ablation import ExperimentError, Job, run_jobs

WRITE = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x' if p.exists() else 'x')"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "POLL_S", 0.02)


def _job(name: str, folder: Path, needs: tuple[str, ...] = (), script: str = WRITE) -> Job:
    command = (sys.executable, "-c", script, str(folder / name))
    return Job(name, command, folder / name, tuple(folder / need for need in needs))


def test_every_job_runs_once_and_after_what_it_needs(tmp_path: Path) -> None:
    copy = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.with_name('first').read_text() + 'y')"
    run_jobs([_job("second", tmp_path, ("first",), copy), _job("first", tmp_path)], tmp_path / "logs", max_parallel=2)
    assert (tmp_path / "second").read_text() == "xy"


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    jobs = [_job("a", tmp_path), _job("b", tmp_path)]
    run_jobs(jobs, tmp_path / "logs", max_parallel=1)
    (tmp_path / "b").unlink()
    run_jobs(jobs, tmp_path / "logs", max_parallel=1)
    assert (tmp_path / "a").read_text() == "x"
    assert (tmp_path / "b").read_text() == "x"


def test_jobs_keep_their_memory_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = (
        "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(' '.join(os.environ[n] for n in "
        "('OMP_NUM_THREADS', 'MALLOC_MMAP_MAX_')))"
    )
    run_jobs([_job("kept", tmp_path, script=tell)], tmp_path / "logs", max_parallel=1, num_threads=3)
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "7")
    run_jobs([_job("told", tmp_path, script=tell)], tmp_path / "logs", max_parallel=1, num_threads=3)
    assert [(tmp_path / name).read_text() for name in ("kept", "told")] == ["3 0", "3 7"]


def test_a_failing_job_stops_the_experiment_and_shows_its_log(tmp_path: Path) -> None:
    broken = _job("broken", tmp_path, script="raise SystemExit('no such noise')")
    with pytest.raises(ExperimentError, match=r"broken failed \(exit status 1\)(.|\n)*no such noise"):
        run_jobs([broken, _job("after", tmp_path, ("broken",))], tmp_path / "logs", max_parallel=2)
    assert not (tmp_path / "after").exists()


def test_a_job_that_leaves_nothing_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="idle failed"):
        run_jobs([_job("idle", tmp_path, script="pass")], tmp_path / "logs", max_parallel=1)


def test_what_runs_beside_a_failing_job_is_stopped(tmp_path: Path) -> None:
    slow = _job("slow", tmp_path, script="import time; time.sleep(60)")
    broken = _job("broken", tmp_path, script="raise SystemExit(3)")
    with pytest.raises(ExperimentError, match="exit status 3"):
        run_jobs([slow, broken], tmp_path / "logs", max_parallel=2)


def test_a_terminated_experiment_stops_its_trainings(tmp_path: Path) -> None:
    wait = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1] + '.pid').write_text(str(os.getpid()))"
    wait += "; time.sleep(60)"
    slow = _job("slow", tmp_path, script=wait)

    def terminate() -> None:
        while not (tmp_path / "slow.pid").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=terminate)
    watcher.start()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        run_jobs([slow], tmp_path / "logs", max_parallel=1)
    watcher.join()
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "slow.pid").read_text()), 0)


def test_what_a_stopped_job_had_begun_to_write_does_not_count(tmp_path: Path) -> None:
    half = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text('half'); time.sleep(60)"
    wait = (
        "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).with_name('half').exists(): time.sleep(0.02)\n"
    )
    failing = _job("failing", tmp_path, script=wait + "raise SystemExit(3)")
    with pytest.raises(ExperimentError, match="exit status 3"):
        run_jobs([_job("half", tmp_path, script=half), failing], tmp_path / "logs", max_parallel=2)
    assert not (tmp_path / "half").exists()


def test_jobs_that_wait_for_each_other_are_told(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="a, b wait for each other"):
        run_jobs([_job("a", tmp_path, ("b",)), _job("b", tmp_path, ("a",))], tmp_path / "logs", max_parallel=1)


def test_experiments_that_cannot_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs .*nobody.* no job produces"):
        run_jobs([_job("a", tmp_path, ("nobody",))], tmp_path / "logs", max_parallel=1)
    with pytest.raises(ValueError, match=r"names \['a'\] stand more than once"):
        run_jobs([_job("a", tmp_path), _job("a", tmp_path)], tmp_path / "logs", max_parallel=1)
    with pytest.raises(ValueError, match="max_parallel=0"):
        run_jobs([], tmp_path / "logs", max_parallel=0)
