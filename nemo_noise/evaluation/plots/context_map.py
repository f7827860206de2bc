# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A map of contexts: recordings as points in the plane that spreads them most, coloured by noise and by SNR."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nemo_noise.evaluation.probes.probe import Representation, represent_all
from nemo_noise.evaluation.probes.probe_sets import ProbeSplit
from nemo_noise.figure_file import save_figure

__all__ = ["check_drawable", "draw_context_map", "principal_plane"]

FloatArray = npt.NDArray[np.floating]
MOST_CLASSES = 20  # that colours can tell apart


def principal_plane(contexts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Projects contexts on their first two principal components, every number standardised first.

    Args:
        contexts: [N, C], N and C at least 2.

    Returns:
        Points [N, 2], and the share of the variance along both axes [2].

    Raises:
        ValueError: if there are too few contexts, or numbers.
    """
    if contexts.ndim != 2 or min(contexts.shape) < 2:
        raise ValueError(f"contexts: have the shape {list(contexts.shape)}, expected [N, C] with at least 2 of each.")
    numbers = contexts.astype(np.float64)
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0)
    is_constant = deviation <= 1e-6 * np.abs(mean)  # but for rounding
    scaled = (numbers - mean) / np.where(is_constant, np.inf, deviation)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    variance = np.square(singular)
    return left[:, :2] * singular[:2], variance[:2] / max(float(variance.sum()), 1e-12)


def draw_context_map(
    representations: Mapping[str, Representation], split: ProbeSplit, classes: list[str], *, path: str | Path
) -> None:
    """Draw the contexts of the same recordings by several representations, one row each.

    Args:
        representations: by the name that stands beside the row.
        split: recordings with their noise and SNR.
        classes: names of the noises.
        path: of the picture; its suffix says the format.

    Raises:
        ValueError: if there are more classes than colours can tell apart.
    """
    check_drawable(classes)
    figure = Figure(figsize=(11.0, 4.4 * len(representations)), layout="constrained")
    axes = figure.subplots(len(representations), 2, squeeze=False)
    colours = matplotlib.colormaps["tab10" if len(classes) <= 10 else "tab20"]
    for row, (name, represent) in zip(axes, representations.items(), strict=True):
        points, shares = principal_plane(represent_all(represent, split.samples))
        for number, label in enumerate(classes):
            chosen = points[split.labels == number]
            row[0].scatter(*chosen.T, s=9, color=colours(number), label=label, linewidths=0)
        row[0].legend(fontsize=7, markerscale=2, loc="best", framealpha=0.6)
        drawn = row[1].scatter(*points.T, s=9, c=split.snr_db, cmap="viridis", linewidths=0)
        figure.colorbar(drawn, ax=row[1], label="SNR, dB")
        for axis, colour in zip(row, ("noise", "SNR"), strict=True):
            _name_axes(axis, f"{name}, by {colour}", shares)
    save_figure(figure, path, dpi=110)


def check_drawable(classes: list[str]) -> None:
    """Refuse more noises than colours can tell apart: a ValueError."""
    if len(classes) > MOST_CLASSES:
        raise ValueError(f"classes: are {len(classes)}, more than {MOST_CLASSES} colours cannot be told apart.")


def _name_axes(axes: Axes, title: str, shares: FloatArray) -> None:
    axes.set_title(title)
    axes.set_xlabel(f"1st principal component, {100 * shares[0]:.0f} % of the variance")
    axes.set_ylabel(f"2nd, {100 * shares[1]:.0f} %")
    axes.set_xticks([])
    axes.set_yticks([])
