# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to Hugging Face's hub: fetches languages of FLEURS and unpacks them, where there is a network."""

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nemo_noise.data.corpora.fleurs import SPLITS
from nemo_noise.data.corpora.recordings import CorpusError

__all__ = ["download_fleurs"]

REPOSITORY = "google/fleurs"


def download_fleurs(
    root: Path,
    *,
    languages: Sequence[str] | None = None,
    splits: Sequence[str] = SPLITS,
    fetch: Callable[..., Any] | None = None,
) -> None:
    """Fetches FLEURS into the layout that `find_fleurs` reads.

    Args:
        root: folder for it; made if absent, and what is there already is not fetched again.
        languages: such as `[en_us]`; all 102 when None, about 350 GB with their archives.
        splits: of train, dev, test.
        fetch: what downloads files that match patterns; `huggingface_hub.snapshot_download` when None.

    Raises:
        ImportError: if huggingface_hub is not installed.
        CorpusError: if an archive is broken.
    """
    root.mkdir(parents=True, exist_ok=True)
    patterns = [f"data/{language}/{name}" for language in languages or ["*"] for name in _names(splits)]
    (fetch or _snapshot_download())(repo_id=REPOSITORY, repo_type="dataset", local_dir=root, allow_patterns=patterns)
    for archive in sorted((root / "data").glob("*/audio/*.tar.gz")):
        folder = archive.parent / archive.name.removesuffix(".tar.gz")
        if folder.name in splits and not folder.is_dir():
            _unpack(archive, folder)


def _names(splits: Sequence[str]) -> list[str]:
    return [name for split in splits for name in (f"{split}.tsv", f"audio/{split}.tar.gz")]


def _unpack(archive: Path, folder: Path) -> None:
    """Unpacks into a folder that gets its name when everything is in it."""
    partial = folder.with_name(folder.name + ".partial")
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(partial, filter="data")  # refuses paths that lead out of the folder
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CorpusError(f"{archive}: is no usable archive ({error}), expected the one of FLEURS") from error
    inner = partial / folder.name
    (inner if inner.is_dir() else partial).replace(folder)
    if partial.is_dir():
        partial.rmdir()


def _snapshot_download() -> Callable[..., Any]:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError("the download of FLEURS needs huggingface_hub: pip install huggingface_hub") from error
    return snapshot_download
