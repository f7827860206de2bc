# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The name of a system for tables and for folders; a command needs it before anything heavy is imported."""

import re
from pathlib import PurePosixPath

__all__ = ["folder_name", "shown_name"]

SUFFIXES = (".nemo", ".onnx", ".csv", ".tsv", ".jsonl", ".json")  # others, as in parakeet-tdt-0.6b-v2, are of the name


def shown_name(name: str) -> str:
    """The name for tables: of a file without its suffix, of a folder and of anything else the last part."""
    last = PurePosixPath(name.rstrip("/")).name or name
    return PurePosixPath(last).stem if PurePosixPath(last).suffix.lower() in SUFFIXES else last


def folder_name(name: str) -> str:
    """The same with the characters that every file system takes."""
    return re.sub(r"[^\w.@+-]", "_", shown_name(name)) or "system"
