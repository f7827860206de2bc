# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of a model card: word error rate over SNR with intervals, a panel per noise list, clean speech first."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.noise_section import ErrorRow, NoiseSection, Where
from nemo_noise.figure_file import save_figure

__all__ = ["draw_wer_over_snr"]

COLOURS = ("#1f6f54", "#b3541e")  # model, baseline
MOST_PANELS = 6
CLEAN = "clean"


def draw_wer_over_snr(path: str | Path, section: NoiseSection) -> bool:
    """Draw the noise lists of a section, the first six, into a PNG or SVG file.

    Returns:
        Whether there was noise to draw.
    """
    lists = list(dict.fromkeys(row.name for row in section.errors if row.where is Where.NOISE and row.by_snr))
    lists = lists[:MOST_PANELS]
    if not lists:
        return False
    columns = min(len(lists), 3)
    lines = -(-len(lists) // columns)
    figure = Figure(figsize=(1.2 + 3.8 * columns, 0.6 + 2.9 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).flat
    for panel in panels[len(lists) :]:
        panel.set_visible(False)
    for name, panel in zip(lists, panels, strict=False):
        rows = [row for row in section.errors if row.where is Where.NOISE and row.name == name]
        _draw_list(panel, f"{name} noise", rows, section)
    panels[0].legend(frameon=False)
    save_figure(figure, path, dpi=150)
    return True


def _draw_list(panel: Axes, title: str, rows: Sequence[ErrorRow], section: NoiseSection) -> None:
    has_clean = any(row.clean.value is not None for row in rows)
    places = {snr_db: index + has_clean for index, snr_db in enumerate(section.snrs_db)}
    for row in rows:
        number = int(row.model != section.model)
        colour, order = COLOURS[number], 3 - number
        at = [places[snr_db] for snr_db in row.by_snr]
        rates = list(row.by_snr.values())
        panel.plot(at, _percent(rates, 0), marker="o", label=row.model, color=colour, zorder=order)
        if all(rate.low is not None and rate.high is not None for rate in rates):
            panel.fill_between(at, _percent(rates, 1), _percent(rates, 2), alpha=0.15, linewidth=0, color=colour)
        if row.clean.value is not None:
            place = 0.1 * (number - 0.5)
            panel.plot([place], _percent([row.clean], 0), marker="o", color=colour, zorder=order)
            if row.clean.low is not None and row.clean.high is not None:
                panel.vlines([place], _percent([row.clean], 1), _percent([row.clean], 2), color=colour)
    ticks = {0: CLEAN} if has_clean else {}
    ticks |= {place: f"{snr_db:g}" for snr_db, place in places.items()}
    panel.set_xticks(list(ticks), list(ticks.values()))
    panel.set(title=title, xlabel="SNR, dB", ylabel="WER, %")
    panel.set_ylim(bottom=0)
    panel.grid(axis="y", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def _percent(rates: Sequence[Estimate], number: int) -> list[float]:
    """The values (0), lower (1) or upper ends (2) of rates."""
    return [100 * (rate[number] or 0.0) for rate in rates]
