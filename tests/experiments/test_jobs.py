# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The experiment runner: order, parallelism, resuming and failing."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from experiments import jobs as runner
from experiments.jobs import ExperimentError, Job, run_jobs
from nemo_noise import child_processes as job_processes
from nemo_noise.child_processes import RunnerError, only_runner

WRITE = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x' if p.exists() else 'x')"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "POLL_S", 0.02)


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


KILLED = """
import sys, pathlib
from experiments.jobs import Job, run_jobs
folder, script = pathlib.Path(sys.argv[1]), sys.argv[2]
job = Job("job", (sys.executable, "-c", script, str(folder / "out")), folder / "out")
run_jobs([job], folder / "logs", max_parallel=1)
"""
NOTE = "import os, pathlib, sys, time, subprocess; p = pathlib.Path(sys.argv[1]); "
NOTE += "p.with_name(f'{os.getpid()}.pid').touch(); "


def _killed_runner(folder: Path, script: str, count: int) -> list[int]:
    """A runner that is killed when its job runs; the processes that the job noted."""
    runner = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), script])
    while len(noted := [int(path.stem) for path in folder.glob("*.pid")]) < count:
        assert runner.poll() is None
        time.sleep(0.05)
    runner.kill()
    runner.wait()
    return noted


def _wait_until_gone(process: int, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not job_processes._is_alive(process):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends them")
def test_a_killed_runner_takes_its_job_along_and_a_restart_ends_what_that_had_started(tmp_path: Path) -> None:
    child = "[sys.executable, '-c', " + repr(NOTE + "time.sleep(60)") + ", sys.argv[1]]"
    script = NOTE + f"subprocess.Popen({child}, start_new_session=True); time.sleep(60)"
    noted = _killed_runner(tmp_path, script, count=2)
    alive = [process for process in noted if not _wait_until_gone(process, 1.0)]
    assert len(alive) == 1, "the job itself is gone, what it started is not"
    quick = _job("out", tmp_path)
    run_jobs([quick], tmp_path / "logs", max_parallel=1)
    assert all(_wait_until_gone(process) for process in noted)
    assert quick.produces.read_text() == "x"


def test_two_runners_never_work_in_one_folder(tmp_path: Path) -> None:
    with only_runner(tmp_path / "logs"), pytest.raises(RunnerError, match=f"process {os.getpid()} runs"):
        run_jobs([_job("a", tmp_path)], tmp_path / "logs", max_parallel=1)
    run_jobs([_job("a", tmp_path)], tmp_path / "logs", max_parallel=1)


def test_a_ledger_names_the_jobs_that_still_are_what_they_were(tmp_path: Path) -> None:
    with only_runner(tmp_path) as processes, (tmp_path / "log").open("wb") as log:
        script = "import time; print('up', flush=True); time.sleep(60)"
        process = processes.start((sys.executable, "-c", script), log, dict(os.environ))
        while not (tmp_path / "log").stat().st_size:  # the kernel shows the environment of a program that runs
            assert process.poll() is None
            time.sleep(0.02)
        assert job_processes._marked(tmp_path) == [process.pid] or sys.platform != "linux"
        ((noted, began),) = json.loads((tmp_path / "running.json").read_text())
        assert noted == process.pid
        if began:  # where there is ps
            assert job_processes._in_ledger(tmp_path) == [process.pid]
            (tmp_path / "running.json").write_text(json.dumps([[process.pid, "another time"]]))
            assert job_processes._in_ledger(tmp_path) == []
    assert process.poll() is not None
    assert not (tmp_path / "running.json").exists()


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, "config alone"])
def test_half_an_archive_of_a_killed_job_is_made_again(tmp_path: Path, kept: float | str) -> None:
    for name, size in (("model_config.yaml", 100), ("model_weights.ckpt", 5000)):
        (tmp_path / name).write_bytes(b"x" * size)
    path, job = tmp_path / "model.nemo", _job("model.nemo", tmp_path)
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "model_config.yaml", "./model_config.yaml")
        if kept != "config alone":
            archive.add(tmp_path / "model_weights.ckpt", "./model_weights.ckpt")
    if kept != "config alone":
        whole = path.read_bytes()
        run_jobs([job], tmp_path / "logs", max_parallel=1)
        assert path.read_bytes() == whole
        path.write_bytes(whole[: int(kept * 7000)])
    run_jobs([job], tmp_path / "logs", max_parallel=1)
    assert path.read_text() == "x"


@pytest.mark.parametrize(
    ("name", "whole", "half"),
    [("speed.json", '{"a": 1}', '{"a": 1'), ("report.html", "<html></html>\n", "<html><p>half")],
)
def test_half_a_result_of_a_killed_job_is_made_again(tmp_path: Path, name: str, whole: str, half: str) -> None:
    job = _job(name, tmp_path)
    for content, after in ((whole, whole), (half, "x")):
        job.produces.write_text(content)
        run_jobs([job], tmp_path / "logs", max_parallel=1)
        assert job.produces.read_text() == after
