# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What goes to PyPI: a whole sdist, a page without dead links, one version everywhere."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import nemo_noise
from tests.house import rules

# What only a checkout needs: its own continuous integration, and what git, Docker and pre-commit leave out or run.
NOT_IN_THE_SDIST = {".ci/run", ".dockerignore", ".gitignore", ".pre-commit-config.yaml"}
RELATIVE_LINK = re.compile(r"\]\((?!https://|mailto:|#)[^)]*\)|(?:src|href)=\"(?!https://)")


@pytest.fixture(scope="module")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of a copy, unpacked."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("sdist")
    for name in rules.list_files(repository):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, source / name)
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(target)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=source, capture_output=True)
    (archive,) = target.glob("nemo_noise-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    return target / archive.name.removesuffix(".tar.gz")


def test_the_sdist_has_every_file_of_the_repository_but_those_of_a_checkout(repository: Path, sdist: Path) -> None:
    ours = {name.as_posix() for name in rules.list_files(repository)}
    theirs = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    assert ours - theirs == NOT_IN_THE_SDIST
    made = {"PKG-INFO", "setup.cfg"}
    assert {name for name in theirs - ours - made if not name.startswith("nemo_noise.egg-info/")} == set()


def test_the_page_of_pypi_has_no_relative_link_and_leads_to_files_of_this_tag(repository: Path, sdist: Path) -> None:
    page = (sdist / "PKG-INFO").read_text(encoding="utf-8")
    assert "Description-Content-Type: text/markdown" in page
    assert RELATIVE_LINK.findall(page) == []
    tag = f"https://github.com/nemo-noise/nemo-noise/(?:blob|raw)/v{nemo_noise.__version__}/"
    files = re.findall(rf"{tag}([^)#\s]+)", page)
    assert len(files) > 10
    assert [name for name in files if not (repository / name).exists()] == []


def test_one_version_is_written_everywhere(repository: Path, sdist: Path) -> None:
    version = nemo_noise.__version__
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    releases = re.findall(r"^## \[([^]]+)\]", (repository / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sdist.name == f"nemo_noise-{version}"
    assert citation["version"] == version
    assert version in releases


def test_the_metadata_names_what_a_reader_of_pypi_looks_for(sdist: Path) -> None:
    head = (sdist / "PKG-INFO").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    links = {line.split()[1].rstrip(",") for line in head if line.startswith("Project-URL:")}
    assert links == {"Documentation", "Source", "Issues", "Changelog"}
    assert "License-Expression: Apache-2.0" in head
    pythons = {line.rpartition(" ")[2] for line in head if line.startswith("Classifier: Programming Language")}
    assert {"3.10", "3.11", "3.12"} <= pythons
