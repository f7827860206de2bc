# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of noise as manifests: every audio file a line, its subfolder the label."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nemo_noise.data.manifests.manifest import write_manifest

__all__ = ["folders_as_manifests"]

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif")

Manifests = Mapping[str, str | Path | Sequence[str | Path]]


def folders_as_manifests(manifests: Manifests, destination: str | Path) -> dict[str, list[str | Path]]:
    """Write a manifest for every folder that stands where a manifest may.

    Args:
        manifests: by name of the noise list a manifest or a folder, or several.
        destination: a folder; gets `<name>.json` for the folders of a list, which replaces an older one.

    Returns:
        Manifests by name.

    Raises:
        ValueError: a folder holds no audio file; names the noise list.
    """
    written: dict[str, list[str | Path]] = {}
    for name, given in manifests.items():
        several = [given] if isinstance(given, str | Path) else list(given)
        folders = [Path(path) for path in several if Path(path).is_dir()]
        lines = [line for folder in folders for line in _lines(name, folder)]
        written[name] = [path for path in several if not Path(path).is_dir()]
        if lines:
            made = Path(destination) / f"{name}.json"
            write_manifest(made, lines)
            written[name].append(made)
    return written


def _lines(name: str, folder: Path) -> list[dict[str, str]]:
    """The lines of one folder, in the order of their paths."""
    files = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    files = [path for path in files if not any(part.startswith(".") for part in path.parts)]
    if not files:
        kinds = ", ".join(SUFFIXES)
        raise ValueError(f"noise_lists.{name} is {str(folder)!r}, a folder without audio: should hold some of {kinds}")
    return [
        {
            "audio_filepath": str((folder / path).absolute()),
            "label": path.parts[0] if len(path.parts) > 1 else folder.absolute().name,
        }
        for path in files
    ]
