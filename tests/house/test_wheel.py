# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The wheel in an environment of its own, from another folder: command, configs, a first card."""

import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.evaluation.tiny_models import tiny_ctc, write_noise, write_speech
from tests.house import rules

pytestmark = pytest.mark.slow
COMPOSE = """
import hydra
from nemo_noise.configuration import config_directory

with hydra.initialize_config_dir(str(config_directory() / "recipes"), version_base=None):
    config = hydra.compose("fastconformer/noise_aware_fast-conformer_ctc_bpe_streaming")
print(config.model.encoder._target_)
"""
WHERE = "import nemo_noise, nemo; print(nemo_noise.__file__)"


class Installed(NamedTuple):
    """Where the wheel is installed, and an empty folder to work in."""

    environment: Path
    folder: Path

    def run(self, *command: str) -> str:
        """Runs a program of the environment without this checkout on its path; returns what it writes."""
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        program = [str(self.environment / "bin" / command[0]), *command[1:]]
        done = subprocess.run(
            program, check=False, capture_output=True, text=True, cwd=self.folder, env=variables | {"COLUMNS": "200"}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of a copy in an environment that sees the packages of this one, but not the checkout."""
    source, wheels = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in rules.list_files(repository):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, source / name)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(wheels)!r})"
    subprocess.run([sys.executable, "-c", build], check=True, cwd=source, capture_output=True)
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    (wheel,) = wheels.glob("nemo_noise-*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "host.pth").write_text("\n".join(site.getsitepackages()))  # whose own .pth files are not read there
    return Installed(environment, tmp_path_factory.mktemp("elsewhere"))


def test_the_package_is_that_of_the_wheel(installed: Installed) -> None:
    assert Path(installed.run("python", "-c", WHERE).strip()).is_relative_to(installed.environment)


def test_the_command_and_its_configs_are_there(installed: Installed) -> None:
    assert "card" in installed.run("nemo-noise", "--help")
    assert "nemo-noise" in installed.run("nemo-noise", "doctor")
    assert "NoiseAwareConformerEncoder" in installed.run("python", "-c", COMPOSE)


def test_a_first_card_is_made_in_another_folder(installed: Installed) -> None:
    tiny_ctc().save_to(str(installed.folder / "tiny.nemo"))
    write_speech(installed.folder / "speech")
    write_noise(installed.folder / "noise")
    (installed.folder / "noise" / "noise.json").unlink()  # a folder is enough
    given = ("--speech", "speech/speech.json", "--noise", "noise", "--output", "card")
    assert "tiny" in installed.run("nemo-noise", "card", "tiny.nemo", *given, "--quick")
    made = {path.name for path in (installed.folder / "card").iterdir()}
    assert {"README.md", "report.html", "summary.json"} <= made
