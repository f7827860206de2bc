# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The axes beside noise and SNR: error rates by room and by channel, and what models have seen against what not."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from nemo.utils import logging

from nemo_noise.evaluation.scoring.hypotheses import Cell, Condition, Place, Row, condition_of, place_of
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally, cells_of_mean, interval_over
from nemo_noise.evaluation.scoring.wer import FloatArray


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


class PlaceTally:
    """Counts the errors of all rooms and channels over one set of resampling units, so that differences are paired.

    Args:
        scored: speech rows with a reference, of one model, those of the first room and channel first.
        options: how to score.
    """

    def __init__(self, scored: Sequence[Row], options: ScoringOptions) -> None:
        self.places = list(dict.fromkeys(map(place_of, scored)))
        self.lists = list(dict.fromkeys(_noise_of(row) for row in scored if _noise_of(row)))
        self.tally = Tally([_relabelled(row) for row in scored], options)

    def rate(self, cells: Sequence[Cell], less: Sequence[Cell] = ()) -> Rate | None:
        """Average WERs over cells, and subtract the average over others; None where there are no cells."""
        if not cells:
            return None
        value, samples = self._mean(cells)
        if less:
            other, other_samples = self._mean(less)
            value, samples = value - other, samples - other_samples
        low, high = interval_over(self.tally, samples)
        return Rate(mean_wer=value, mean_wer_low=low, mean_wer_high=high)

    def noisy(self, place: Place, lists: Sequence[str]) -> list[Cell]:
        """List the cells of the mean over 20..0 dB of noise lists at a place."""
        return [cell for name in lists for cell in cells_of_mean(self.tally.cells(_key(place, name)))]

    def clean_wer(self, place: Place) -> float | None:
        """Give the WER of clean speech at a place; None where there is none."""
        cells = self.tally.cells(_key(place, ""))
        return self.tally.totals(cells[0]).wer if cells else None

    def _mean(self, cells: Sequence[Cell]) -> tuple[float, FloatArray]:
        samples: FloatArray = self.tally.resample(cells).mean(axis=1)
        return float(np.mean([self.tally.totals(cell).wer for cell in cells])), samples


def summarize_axes(scored: Sequence[Row], options: ScoringOptions) -> Axes | None:
    """Summarise rooms and channels.

    Args:
        scored: speech rows with a reference, of one model, in the order of the plan.
        options: how to score.

    Returns:
        The axes; None where all rows have one room and one channel.
    """
    if len(set(map(place_of, scored))) < 2:
        return None
    counts = PlaceTally(scored, options)
    first = counts.places[0]
    rooms = list(dict.fromkeys(place.room for place in counts.places))
    channels = list(dict.fromkeys(place.channel for place in counts.places))
    grid: dict[str, dict[str, float | None]] = {}
    for room in rooms:
        rates = {channel: counts.rate(counts.noisy(Place(room, channel), counts.lists)) for channel in channels}
        grid[room] = {channel: None if rate is None else rate["mean_wer"] for channel, rate in rates.items()}
    return Axes(
        room={room: _value(counts, first._replace(room=room)) for room in rooms},
        channel={channel: _value(counts, first._replace(channel=channel)) for channel in channels},
        grid=grid,
    )


def summarize_split(scored: Sequence[Row], options: ScoringOptions) -> dict[str, Split] | None:
    """Compare seen with unseen noise lists, rooms and channels, the other axes at their first room and channel.

    Args:
        scored: speech rows with a reference, of one model, in the order of the plan.
        options: how to score; `seen` says by axis (noise, room, channel) and name what was seen.

    Returns:
        Split by axis; None where nothing is said to be seen or unseen.
    """
    said = {axis: names for axis, names in options.seen.items() if names}
    if not said or not scored:
        return None
    counts = PlaceTally(scored, options)
    return {axis: _split(counts, axis, names) for axis, names in said.items()}


def _split(counts: PlaceTally, axis: str, names: Mapping[str, bool]) -> Split:
    sides: dict[bool, list[Cell]] = {True: [], False: []}
    for name, is_seen in names.items():
        first = counts.places[0]
        place = first if axis == "noise" else first._replace(**{axis: name})
        cells = counts.noisy(place, [name] if axis == "noise" else counts.lists)
        if not cells:
            logging.warning(f"seen: there are no noisy rows of the {axis} {name!r}: left out")
        sides[is_seen] += cells
    gap = counts.rate(sides[False], sides[True]) if sides[True] and sides[False] else None
    return Split(seen=counts.rate(sides[True]), unseen=counts.rate(sides[False]), gap=gap)


def _value(counts: PlaceTally, place: Place) -> AxisValue:
    cells, first = counts.noisy(place, counts.lists), counts.places[0]
    reference = counts.noisy(first, counts.lists)
    difference = counts.rate(cells, reference) if place != first and reference else None
    return AxisValue(clean_wer=counts.clean_wer(place), mean=counts.rate(cells), difference=difference)


def _relabelled(row: Row) -> Row:
    """Let the tally, which knows noise lists only, tell places and clean speech apart as lists."""
    noise = _noise_of(row)
    labels = {"condition": Condition.NOISY.value, "noise_list": _key(place_of(row), noise), "noise_label": None}
    return {**row, **labels, "snr_db": row["snr_db"] if noise else 0.0}


def _noise_of(row: Row) -> str:
    """Name the noise list of a row with speech; empty for clean speech."""
    return str(row.get("noise_list") or "") if condition_of(row) is Condition.NOISY else ""


def _key(place: Place, noise: str) -> str:
    return "\t".join((*place, noise))
