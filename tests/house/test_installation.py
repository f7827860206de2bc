# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A wheel holds all that a checkout has: the configs, the Hydra plugin, the entry point."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel from a copy, so that no build folder is left behind, and unpacks it as pip would."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("nemo_noise", "hydra_plugins", "conf"):
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(repository / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(target), str(source)], check=True)
    wheels = list(target.glob("*.whl"))
    assert len(wheels) == 1
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(target)
    return target


def test_every_config_of_the_checkout_is_in_the_wheel(repository: Path, installed: Path) -> None:
    ours = {path.relative_to(repository / "conf") for path in (repository / "conf").rglob("*.yaml")}
    theirs = {
        path.relative_to(installed / "nemo_noise" / "conf") for path in installed.glob("nemo_noise/conf/**/*.yaml")
    }
    assert ours
    assert theirs == ours


def test_every_module_of_the_checkout_is_in_the_wheel(repository: Path, installed: Path) -> None:
    for package in ("nemo_noise", "hydra_plugins/nemo_noise_searchpath"):
        ours = {path.relative_to(repository) for path in (repository / package).rglob("*.py")}
        assert ours == {path.relative_to(installed) for path in (installed / package).rglob("*.py")}
    assert {path.name for path in (installed / "hydra_plugins").iterdir()} == {"nemo_noise_searchpath"}
    assert not (installed / "tests").exists() and not (installed / "experiments").exists()
    assert (installed / "nemo_noise" / "py.typed").exists()


def test_the_template_of_the_report_is_in_the_wheel(repository: Path, installed: Path) -> None:
    report = Path("nemo_noise/evaluation/report")
    ours = {path.name for path in (repository / report).iterdir() if path.suffix in (".css", ".html", ".svg")}
    assert {"report.html", "report.css"} <= ours
    assert ours == {path.name for path in (installed / report).iterdir() if path.suffix not in (".py", "")}


def test_configs_are_found_from_a_checkout_and_from_a_wheel(repository: Path, installed: Path, tmp_path: Path) -> None:
    # The configuration module alone, since the package itself brings NeMo, whose import takes long.
    script = tmp_path / "show.py"
    script.write_text("import runpy, sys; print(runpy.run_path(sys.argv[1])['config_directory']())")
    for root, expected in ((repository, repository / "conf"), (installed, installed / "nemo_noise" / "conf")):
        command = [sys.executable, str(script), str(root / "nemo_noise" / "configuration.py")]
        shown = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
        assert Path(shown.stdout.strip()) == expected.resolve()


def test_the_wheel_gives_lightning_its_callbacks(installed: Path) -> None:
    (entry_points,) = installed.glob("nemo_noise-*.dist-info/entry_points.txt")
    assert "hydra_plugins.nemo_noise_searchpath:trainer_callbacks" in entry_points.read_text()


def test_a_package_without_configs_says_where_it_looked(installed: Path, tmp_path: Path) -> None:
    lonely = tmp_path / "nemo_noise" / "configuration.py"
    lonely.parent.mkdir()
    shutil.copy(installed / "nemo_noise" / "configuration.py", lonely)
    code = f"import runpy; runpy.run_path({str(lonely)!r})['config_directory']()"
    failed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert failed.returncode != 0
    assert f"no configs in {tmp_path / 'nemo_noise' / 'conf'}" in failed.stderr
