# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The folder behind a name on the Hugging Face hub: only files of the named kinds are fetched, nothing is run."""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download

from nemo_noise.foreign_text import printable

__all__ = ["folder_of"]


def folder_of(name: str, patterns: Sequence[str]) -> Path:
    """A folder as it is, or the hub's cache of a repository, fetched where it is not there.

    Args:
        name: path of a folder, or `owner/name`.
        patterns: of the files to fetch, such as `*.safetensors`.

    Raises:
        ValueError: the repository cannot be had.
    """
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except Exception as error:  # of the network, of the hub
        reason = printable(str(error).strip().split("\n")[0], 200)
        raise ValueError(
            f"model {printable(repr(name), 200)} is no folder here, and cannot be had from the hub ({reason}): should "
            "be a folder, or owner/name of a repository that this machine can reach"
        ) from error
