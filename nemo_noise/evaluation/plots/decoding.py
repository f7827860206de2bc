# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of a tuned search: errors over the weight of the language model, and what accuracy costs in speed."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from nemo_noise.evaluation.decoding_tuning import Trial, best_by_size, best_trial
from nemo_noise.figure_file import save_figure
from nemo_noise.inference.decoding.search import GREEDY

__all__ = ["draw_trials"]


def draw_trials(path: str | Path, trials: Sequence[Trial]) -> None:
    """Draw trials into a PNG or SVG file.

    Args:
        path: of the file; its folder is made.
        trials: greedy and others.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    weights, speed = figure.subplots(1, 2)
    searched = [trial for trial in trials if trial.setting != GREEDY]
    for size in sorted({trial.setting.beam_size for trial in searched}):
        of_size = [trial for trial in searched if trial.setting.beam_size == size]
        alphas = sorted({trial.setting.alpha for trial in of_size})
        best = [best_trial([trial for trial in of_size if trial.setting.alpha == alpha]) for alpha in alphas]
        weights.plot(alphas, [100 * trial.errors.wer for trial in best], marker="o", label=f"beam {size}")
    for trial in trials:
        if trial.setting == GREEDY:
            weights.axhline(100 * trial.errors.wer, color="black", linestyle="--", label="greedy")
    weights.set(xlabel="alpha (best beta of each)", ylabel="WER, %")
    weights.legend()
    curve = best_by_size(trials)
    speed.plot([trial.rtfx for trial in curve], [100 * trial.errors.wer for trial in curve], marker="o")
    for trial in curve:
        name = "greedy" if trial.setting == GREEDY else f"beam {trial.setting.beam_size}"
        speed.annotate(name, (trial.rtfx, 100 * trial.errors.wer), textcoords="offset points", xytext=(5, 5))
    speed.set(xlabel="seconds of audio per second, with the encoder", ylabel="WER, %")
    speed.margins(0.15)
    save_figure(figure, path, dpi=120)
