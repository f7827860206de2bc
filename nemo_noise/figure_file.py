# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of matplotlib as files that are written whole or not at all."""

from pathlib import Path
from typing import Any

from nemo_noise.whole_file import writing

__all__ = ["save_figure"]


def save_figure(figure: Any, path: str | Path, dpi: int) -> None:
    """Draws a figure into a file.

    Args:
        figure: matplotlib's `Figure`.
        path: the file; its suffix decides the format, PNG where it has none; its folder is made.
        dpi: dots per inch.
    """
    final = Path(path)
    with writing(final if final.suffix else final.with_suffix(".png")) as temporary:
        figure.savefig(temporary, dpi=dpi)
