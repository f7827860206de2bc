# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Experiments on a launcher of Hydra: batches in the order of their needs, a failing job, resuming."""

import json
import os
import subprocess
import sys
from pathlib import Path

# Notes what it is asked to launch, and runs it here.
LAUNCHER = """
import json
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore

class NotingLauncher(BasicLauncher):
    def launch(self, job_overrides, initial_job_idx):
        with open("launched.jsonl", "a") as noted:
            noted.write(json.dumps([initial_job_idx, job_overrides]) + "\\n")
        return super().launch(job_overrides, initial_job_idx)

target = "hydra_plugins.noting_launcher.NotingLauncher"
ConfigStore.instance().store(group="hydra/launcher", name="noting", node={"_target_": target})
"""
# experiments/run.py with four small jobs: two that need the first, and one that needs these.
SCRIPT = """
import sys
from pathlib import Path
import experiments.plan
from experiments.jobs import Job

def jobs_of(cfg):
    out = Path(cfg.output_dir)
    needs = {"first": (), "a+b_0": ("first",), "a_1": ("first",), "last": ("a+b_0", "a_1")}
    write = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.open('a').write('x')"
    fail = "raise SystemExit('no such noise')"
    return [
        Job(name, (sys.executable, "-c", fail if name == cfg.baseline else write, str(out / name)), out / name,
            tuple(out / need for need in before))
        for name, before in needs.items()
    ]

experiments.plan.jobs_of, experiments.plan.table_of = jobs_of, lambda cfg: "THE TABLE"
from experiments.run import main
main()
"""


def _run(folder: Path, repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    plugin = folder / "hydra_plugins" / "noting_launcher"
    plugin.mkdir(parents=True, exist_ok=True)
    (plugin / "__init__.py").write_text(LAUNCHER)
    (folder / "script.py").write_text(SCRIPT)
    command = [
        sys.executable,
        "script.py",
        f"--config-path={repository / 'experiments'}",
        "--config-name=digits/digits",
    ]
    command += ["--multirun", "hydra/launcher=noting", "output_dir=out", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(repository), str(folder)))}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def _launched(folder: Path) -> list[list[str]]:
    lines = (folder / "launched.jsonl").read_text().splitlines()
    return [[overrides[-1] for overrides in json.loads(line)[1]] for line in lines]


def test_a_launcher_gets_the_jobs_in_batches_whose_needs_are_met_and_a_failed_run_resumes(
    tmp_path: Path, repository: Path
) -> None:
    failed = _run(tmp_path, repository, "baseline=a_1")
    assert failed.returncode != 0
    assert "a_1 failed (exit status 1)" in failed.stderr and "no such noise" in failed.stderr
    assert _launched(tmp_path) == [["job=first"], ["job=a+b_0", "job=a_1"]]
    assert (tmp_path / "out" / "logs" / "a_1" / "a_1.log").read_text() == "no such noise\n"
    (tmp_path / "launched.jsonl").unlink()
    finished = _run(tmp_path, repository)
    assert finished.returncode == 0 and "THE TABLE" in finished.stdout, finished.stderr
    assert _launched(tmp_path) == [["job=a_1"], ["job=last"]]
    assert all((tmp_path / "out" / name).read_text() == "x" for name in ("first", "a+b_0", "a_1", "last"))
