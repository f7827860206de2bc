# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where our YAML lies: beside the package in a checkout, inside it in an installed wheel."""

from pathlib import Path


def config_directory() -> Path:
    """Finds the folder of our configs.

    Returns:
        The absolute path of `conf/`.

    Raises:
        FileNotFoundError: The package was installed without its configs.
    """
    package = Path(__file__).resolve().parent
    candidates = (package / "conf", package.parent / "conf")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"no configs in {candidates[0]} (as in a wheel) or {candidates[1]} (as in a checkout): reinstall nemo-noise"
    )
