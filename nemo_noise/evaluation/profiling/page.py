# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The profile as a table for a terminal or a README, and as a picture."""

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from nemo_noise.evaluation.profiling.profile import Profile
from nemo_noise.figure_file import save_figure
from nemo_noise.foreign_text import printable

COLOURS = ("#1f66d1", "#b8641a", "#7a52b3", "#15803d", "#c13d79", "#12807f")
MARKERS = ("o", "s", "^", "D")
SHOWN_SHARES = 8


def profile_table(profiles: Sequence[Profile]) -> str:
    """Write all measurements as one Markdown table, then the shares of modules and what was left out.

    Args:
        profiles: of one or more models.

    Returns:
        Several lines.
    """
    header = ["model", "engine", "batch", "length s", "delay ms", "95 % below", "RTFx", "peak MB", "difference"]
    rows = []
    for profile in profiles:
        for each in profile["measurements"]:
            memory = "–" if each["peak_memory_mb"] is None else f"{each['peak_memory_mb']:.0f}"
            difference = "–" if each["difference"] is None else f"{each['difference']:.1e}"
            sizes = [str(each["batch_size"]), f"{each['length_s']:g}"]
            times = [f"{each['latency_ms']:.1f}", f"{each['latency_ms_p95']:.1f}", f"{each['rtfx']:.1f}"]
            rows.append([_cell(profile["model"]), each["engine"], *sizes, *times, memory, difference])
    lines = _markdown(header, rows, left=2)
    shares = []
    for profile in profiles:
        for share in profile["shares"]:
            numbers = (f"{share['parameters'] / 1e6:.3f}", f"{100 * share['share']:.1f}")
            shares.append([_cell(profile["model"]), _cell(share["module"]), *numbers])
    lines += ["", *_markdown(["model", "module", "parameters M", "share of transcribe() %"], shares, left=2)]
    for profile in profiles:
        name = _cell(profile["model"])
        lines += [f"\n{name}: {engine} left out, {_cell(why)}" for engine, why in profile["left_out"].items()]
    return "\n".join(lines)


def draw_profiles(path: str | Path, profiles: Sequence[Profile]) -> None:
    """Draw throughput over the batch size (longest audio), delay over the length (batch of one), and shares.

    Args:
        path: a PNG or SVG file; its folder is created where absent.
        profiles: of one or more models.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    throughput, delay, shares = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
    for number, profile in enumerate(profiles):
        engines = list(dict.fromkeys(each["engine"] for each in profile["measurements"]))
        longest = max((each["length_s"] for each in profile["measurements"]), default=0.0)
        smallest = min((each["batch_size"] for each in profile["measurements"]), default=0)
        for index, engine in enumerate(engines):
            of = [each for each in profile["measurements"] if each["engine"] == engine]
            style = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
            style |= {"linestyle": "-" if number == 0 else "--", "label": f"{profile['model']}, {engine}"}
            long = [each for each in of if each["length_s"] == longest]
            small = [each for each in of if each["batch_size"] == smallest]
            throughput.plot([each["batch_size"] for each in long], [each["rtfx"] for each in long], **style)
            delay.plot([each["length_s"] for each in small], [each["latency_ms"] for each in small], **style)
    throughput.set(xlabel="batch size", ylabel="seconds of audio per second", title="Throughput, longest audio")
    delay.set(xlabel="seconds of audio", ylabel="ms", title="Delay, smallest batch")
    names, of_models = share_rows(profiles)
    for number, (profile, values) in enumerate(zip(profiles, of_models, strict=True)):
        heights = [-(row + number / (len(profiles) + 0.5)) for row in range(len(names))]
        colour = COLOURS[number % len(COLOURS)]
        shares.barh(heights, values, 0.8 / len(profiles), label=profile["model"], color=colour)
    middle = (len(profiles) - 1) / 2 / (len(profiles) + 0.5)
    shares.set_yticks([-(row + middle) for row in range(len(names))], names)
    shares.set(xlabel="% of the time of transcribe()", title="Where the time goes")
    batches = sorted({each["batch_size"] for profile in profiles for each in profile["measurements"]})
    throughput.set_xscale("log", base=2)
    throughput.set_xticks(batches, [str(batch) for batch in batches])
    throughput.set_yscale("log")
    delay.set_ylim(bottom=0)
    for axes in (throughput, delay):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    shares.spines[["top", "right"]].set_visible(False)
    throughput.legend(fontsize=7, frameon=False)
    if len(profiles) > 1:
        shares.legend(fontsize=7, frameon=False, loc="lower right")
    save_figure(figure, path, dpi=130)


def share_rows(profiles: Sequence[Profile]) -> tuple[list[str], list[list[float]]]:
    """Put the shares of several models side by side.

    Args:
        profiles: of one or more models.

    Returns:
        The modules with the largest shares, in the order of the first model that has them, and for each model their
        shares in per cent, 0 for a module that it lacks.
    """
    of_models = [{each["module"]: 100 * each["share"] for each in profile["shares"]} for profile in profiles]
    largest: dict[str, float] = {}
    for shares in of_models:
        for name, share in shares.items():
            largest[name] = max(share, largest.get(name, 0.0))
    shown = sorted(largest, key=lambda name: -largest[name])[:SHOWN_SHARES]
    names = [name for name in largest if name in shown]
    return names, [[shares.get(name, 0.0) for name in names] for shares in of_models]


def _cell(text: str) -> str:
    """Foreign text, readable on a terminal, without links, HTML or further cells in Markdown."""
    return re.sub(r"([\\`|<!\[])", r"\\\1", printable(text))


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Align columns; the first ones to the left."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * width if column < left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines = []
    for row in [header, rule, *rows]:
        cells = [
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
