# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of a tuning: errors on clean and on noisy dev over the steps, and which weights were kept."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from nemo_noise.figure_file import save_figure
from nemo_noise.training.best_in_noise import Validation

__all__ = ["draw_curves"]

NOISY, CLEAN = "#b5541c", "#1f5f8b"


def draw_curves(validations: Sequence[Validation], best: Validation, *, tolerance: float, path: Path) -> None:
    """Draws both curves.

    Args:
        validations: the start first.
        best: whose weights were kept.
        tolerance: how far clean WER might rise, 0 to 1.
        path: the file.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    steps = [one.step for one in validations]
    axes.plot(steps, [100 * one.noisy for one in validations], "o-", color=NOISY, label="noisy dev")
    axes.plot(steps, [100 * one.clean for one in validations], "o-", color=CLEAN, label="clean dev")
    limit = 100 * (validations[0].clean + tolerance)
    axes.axhline(limit, color=CLEAN, linestyle=":", linewidth=1, label=f"clean may reach {limit:.1f} %")
    axes.axvline(best.step, color="0.5", linestyle="--", linewidth=1, label=f"kept: step {best.step}")
    axes.set_xlabel("optimizer steps")
    axes.set_ylabel("WER on dev, %")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    save_figure(figure, path, dpi=130)
