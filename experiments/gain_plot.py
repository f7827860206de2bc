# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of what every arm gains: for many arms, where curves over the SNR would hide each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.groups import Group
from nemo_noise.evaluation.transcription.arms import is_control
from nemo_noise.figure_file import save_figure

__all__ = ["draw_gains"]

INCHES_A_ROW = 0.3
CONTROL = "tab:gray"
ARM = "tab:blue"


def draw_gains(
    results: Mapping[str, Mapping[str, Mapping[str, Any]]],
    groups: Mapping[str, Group],
    titles: Mapping[str, str],
    noise_list: str,
    path: str | Path,
) -> None:
    """Draw fewer errors than the baseline: a panel a group, a row an arm; its interval, and every seed as a small dot.

    Args:
        results: group -> arm -> its comparison with the baseline, as `AblationTable` makes it.
        groups: group -> what stands above its panel.
        titles: arm -> what stands beside its row; its name if not given.
        noise_list: the noise list of the comparison.
        path: PNG file to write.
    """
    arms = [arm for arm, result in next(iter(results.values())).items() if result["comparison"] is not None]
    figure = Figure(figsize=(3 + 3.5 * len(results), 1 + INCHES_A_ROW * max(1, len(arms))))
    axes = figure.subplots(1, len(results), squeeze=False, sharey=True)[0]
    for axis, (name, of_group) in zip(axes, results.items(), strict=True):
        for row, arm in enumerate(arms):
            _draw_row(axis, row, of_group[arm]["comparison"]["lists"][noise_list], CONTROL if is_control(arm) else ARM)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=groups[name].title, xlabel="fewer errors than the baseline, %")
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3, axis="x")
    axes[0].set_yticks(range(len(arms)), [titles.get(arm, arm) for arm in arms], fontsize=8)
    axes[0].invert_yaxis()
    figure.tight_layout()
    save_figure(figure, path, dpi=90)


def _draw_row(axis: Axes, row: int, block: Mapping[str, Any], color: str) -> None:
    """One arm: interval, estimate, seeds."""
    names = ("relative_reduction_low", "relative_reduction", "relative_reduction_high")
    low, middle, high = (100 * block[name] for name in names)
    axis.plot([low, high], [row, row], color=color, linewidth=2)
    axis.plot([middle], [row], "o", color=color, markersize=6)
    seeds = [100 * value for value in block["relative_reduction_by_seed"].values()]
    axis.plot(seeds, [row] * len(seeds), ".", color="black", markersize=3, alpha=0.7)
