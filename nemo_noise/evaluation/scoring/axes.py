# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The axes beside noise and SNR: error rates by room and by channel, and what models have seen against what not."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from nemo.utils import logging

from nemo_noise.evaluation.estimate import record
from nemo_noise.evaluation.hypothesis import Cell, Hypothesis, Place
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally

__all__ = ["Axes", "AxisValue", "Rate", "Split", "summarize_axes", "summarize_split", "values_by_axis"]


class Rate(TypedDict):
    """A mean of WERs at 20..0 dB over noise lists, or a difference of two, with its interval."""

    mean_wer: float
    mean_wer_low: float | None
    mean_wer_high: float | None


class AxisValue(TypedDict):
    """One room or channel, the other at its first; `difference` is to the first, null for the first itself."""

    clean_wer: float | None
    mean: Rate | None
    difference: Rate | None


class Axes(TypedDict):
    """By room, by channel, and the mean WER of each pair, `grid[room][channel]`; null where it was not run."""

    room: dict[str, AxisValue]
    channel: dict[str, AxisValue]
    grid: dict[str, dict[str, float | None]]


class Split(TypedDict):
    """Seen against unseen values of one axis; `gap` is unseen minus seen, paired. Null where a side is missing."""

    seen: Rate | None
    unseen: Rate | None
    gap: Rate | None


def values_by_axis(places: Sequence[Place]) -> dict[str, dict[str, Place]]:
    """List rooms and channels, `room` and `channel` by name, each with the other at that of the first place."""
    return {
        axis: {getattr(place, axis): places[0]._replace(**{axis: getattr(place, axis)}) for place in places}
        for axis in Place._fields
    }


def summarize_axes(scored: Sequence[Hypothesis], options: ScoringOptions) -> Axes | None:
    """Summarise rooms and channels of one model; None where all rows have one of each."""
    if len({row.cell.place for row in scored}) < 2:
        return None
    tally = Tally(scored, options)
    axes = values_by_axis(tally.places)
    grid: dict[str, dict[str, float | None]] = {}
    for room in axes["room"]:
        rates = {channel: _rate(tally, tally.noisy_cells(Place(room, channel))) for channel in axes["channel"]}
        grid[room] = {channel: None if rate is None else rate["mean_wer"] for channel, rate in rates.items()}
    values = {axis: {name: _value(tally, at) for name, at in places.items()} for axis, places in axes.items()}
    return Axes(room=values["room"], channel=values["channel"], grid=grid)


def summarize_split(scored: Sequence[Hypothesis], options: ScoringOptions) -> dict[str, Split] | None:
    """Compare seen with unseen noise lists, rooms and channels, the other axes at their first room and channel.

    `options.seen` says by axis (noise, room, channel) and name what was seen; None where it says nothing.
    """
    given = {axis: names for axis, names in options.seen.items() if names}
    if not given or not scored:
        return None
    tally = Tally(scored, options)
    return {axis: _split(tally, axis, names) for axis, names in given.items()}


def _split(tally: Tally, axis: str, names: Mapping[str, bool]) -> Split:
    sides: dict[bool, list[Cell]] = {True: [], False: []}
    for name, is_seen in names.items():
        if axis == "noise":
            cells = tally.noisy_cells(noise_lists=[name])
        else:
            cells = tally.noisy_cells(tally.places[0]._replace(**{axis: name}))
        if not cells:
            logging.warning(f"seen: there are no noisy rows of the {axis} {name!r}: left out")
        sides[is_seen] += cells
    gap = _rate(tally, sides[False], sides[True]) if sides[True] and sides[False] else None
    return Split(seen=_rate(tally, sides[True]), unseen=_rate(tally, sides[False]), gap=gap)


def _value(tally: Tally, place: Place) -> AxisValue:
    cells, reference = tally.noisy_cells(place), tally.noisy_cells()
    difference = _rate(tally, cells, reference) if place != tally.places[0] and reference else None
    return AxisValue(clean_wer=tally.clean_wer(place), mean=_rate(tally, cells), difference=difference)


def _rate(tally: Tally, cells: Sequence[Cell], less: Sequence[Cell] = ()) -> Rate | None:
    return record(Rate, mean_wer=tally.mean_wer(cells, less)) if cells else None
