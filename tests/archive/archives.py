# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Archives for the tests of the door: a tiny recogniser's files, changed as an attacker would."""

import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
Change = Callable[[dict[str, Any]], object]


def files_of(path: Path) -> dict[str, bytes]:
    """The members of a `.nemo` by their plain names."""
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isfile()]
        return {Path(member.name).name: archive.extractfile(member).read() for member in members}


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """One member, with any fields of its header."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def write(
    path: Path, files: dict[str, bytes], more: Iterable[tuple[tarfile.TarInfo, bytes]] = (), mode: str = "w"
) -> Path:
    """A tar of files and of further members, such as links."""
    with tarfile.open(path, mode) as archive:
        for info, content in [*(member(name, data) for name, data in files.items()), *more]:
            archive.addfile(info, io.BytesIO(content))
    return path


def with_config(files: dict[str, bytes], change: Change) -> dict[str, bytes]:
    """The files with another configuration."""
    config = yaml.safe_load(files[CONFIG])
    change(config)
    return files | {CONFIG: yaml.safe_dump(config).encode()}
