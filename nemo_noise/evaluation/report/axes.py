# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The part of the report on rooms, channels, and seen against unseen."""

from collections.abc import Mapping

from nemo_noise.evaluation.report.blocks import Card, Cell, Column, Line, Section, Table, TableRow, soft, strong
from nemo_noise.evaluation.report.numbers import interval_of, mean_of, percent
from nemo_noise.evaluation.report.tables import corrected
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.axes import Axes, Rate, Split


def axes_sections(results: Results) -> list[Section]:
    """Tabulate rooms, channels and the split of the model, as far as there are any."""
    summary = results["models"][results["model"]]
    axes, split = summary.get("axes"), summary.get("split")
    over, sections = mean_of(results), []
    cards = [Card((_grid(axes, over), _values(axes, over)), scrolls=True)] if axes else []
    cards += [Card((_places(results),), scrolls=True)] if "places" in results else []
    if cards:
        sections.append(Section("Rooms and channels", "rooms-and-channels", tuple(cards)))
    if split:
        sections.append(Section("Seen and unseen", "seen-and-unseen", (Card((_split(split),), scrolls=True),)))
    return sections


def _split(split: Mapping[str, Split]) -> Table:
    rows = []
    for axis, one in split.items():
        rows.append(TableRow((Cell.text(axis), *map(_rate, (one["seen"], one["unseen"], one["gap"])))))
    return Table((Column.text(), "seen", "unseen", "gap"), tuple(rows))


def _grid(axes: Axes, over: str) -> Table:
    channels = list(axes["channel"])
    highest = max((v for row in axes["grid"].values() for v in row.values() if v is not None), default=1.0) or 1.0
    rows = []
    for room, by_channel in axes["grid"].items():
        wers = [by_channel[one] for one in channels]
        rows.append(TableRow((Cell.text(room), *(Cell(percent(wer), heat=(wer or 0.0) / highest) for wer in wers))))
    return Table((Column.text(f"mean WER, {over}"), *channels), tuple(rows), is_heat=True)


def _values(axes: Axes, over: str) -> Table:
    rows = [
        TableRow(
            (
                Cell.text(f"{axis} {name}"),
                percent(value["clean_wer"]),
                _rate(value["mean"]),
                _rate(value["difference"]),
            )
        )
        for axis, values in (("room", axes["room"]), ("channel", axes["channel"]))
        for name, value in values.items()
    ]
    return Table((Column.text(), "clean", f"mean WER, {over}", "difference to the first"), tuple(rows))


def _places(results: Results) -> Table:
    rows = []
    for axis, values in results["places"].items():
        for name, one in values.items():
            interval = interval_of(one, "relative_reduction")
            fewer = (strong(percent(one["relative_reduction"])), soft(interval))
            wers = (percent(one["wer"]), percent(one["baseline_wer"]))
            rows.append(TableRow((Cell.text(f"{axis} {name}"), *wers, fewer, corrected(one["p_value_holm"]))))
    names = (results["model"], str(results["baseline"]))
    first = Column.text(f"mean WER, {mean_of(results)}")
    return Table((first, *names, "fewer errors", "p, Holm"), tuple(rows))


def _rate(rate: Rate | None) -> Line:
    if rate is None:
        return "–"
    return (strong(percent(rate["mean_wer"])), soft(interval_of(rate, "mean_wer")))
