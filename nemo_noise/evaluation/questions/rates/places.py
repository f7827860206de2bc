# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How do rooms and channels change the rates, and the difference of two models?"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

from nemo.utils import logging

from nemo_noise.evaluation.blocks.elements import Card, Cell, Column, Section, Table, TableRow, soft, strong
from nemo_noise.evaluation.blocks.numbers import interval_of, percent
from nemo_noise.evaluation.blocks.tables import corrected
from nemo_noise.evaluation.estimate import NO_ESTIMATE, record
from nemo_noise.evaluation.hypothesis import Hypothesis, Place, by_key
from nemo_noise.evaluation.questions.evidence import Evidence, ModelRows, Results, Shown, Subject
from nemo_noise.evaluation.questions.question import Question
from nemo_noise.evaluation.questions.rates.mean_rates import change, mean_rate, rate_line
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.comparison import Difference, PairedTallies, pair_rows
from nemo_noise.evaluation.scoring.summary import Rate, snr_key
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally

__all__ = ["Axes", "PlacesQuestion"]


class AxisValue(TypedDict):
    """One room or channel, the other at its first; `difference` is to the first, null for the first itself.

    `by_snr` has the mean over all noise lists at each SNR, "10".
    """

    clean_wer: float | None
    clean_wer_low: float | None
    clean_wer_high: float | None
    by_snr: dict[str, Rate | None]
    mean: Rate | None
    difference: Rate | None


class Axes(TypedDict):
    """By room, by channel, and the mean WER of each pair, `grid[room][channel]`; null where it was not run."""

    room: dict[str, AxisValue]
    channel: dict[str, AxisValue]
    grid: dict[str, dict[str, float | None]]


class PlaceDifference(Difference):
    """The means over 20..0 dB and all noise lists at one place; `p_value_holm` is adjusted over all places."""

    p_value_holm: float | None


Places = dict[str, dict[str, PlaceDifference]]


class PlacesQuestion(Question):
    """Answered where rows have several rooms or channels; two models are compared in each of them as well."""

    key = "axes"
    is_optional = True
    gates = ("axes",)

    def of_model(self, rows: ModelRows) -> Mapping[str, Any]:
        """Summarise rooms and channels of one model, under `axes`, where rows have several."""
        tally = rows.tally_everywhere
        if tally is None or len(tally.places) < 2:
            return {}
        axes = _values_by_axis(tally.places)
        grid: dict[str, dict[str, float | None]] = {}
        for room in axes["room"]:
            rates = {channel: mean_rate(tally, tally.noisy_cells(Place(room, channel))) for channel in axes["channel"]}
            grid[room] = {channel: None if rate is None else rate["mean_wer"] for channel, rate in rates.items()}
        values = {axis: {name: _value(tally, at) for name, at in places.items()} for axis, places in axes.items()}
        return {self.key: Axes(room=values["room"], channel=values["channel"], grid=grid)}

    def of_all(self, evidence: Evidence) -> Mapping[str, Any]:
        """Compare model and baseline by place, under `places`."""
        if evidence.baseline is None:
            return {}
        both = evidence.rows[evidence.model], evidence.rows[evidence.baseline]
        places = _compare_places(*both, evidence.scoring)
        return {} if places is None else {"places": places}

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """The section of the model, with the differences of the two."""
        axes, places, subject = _axes_of(shown.results), _places_of(shown.results), Subject.of(shown.results)
        cards = [] if axes is None else [Card((_grid(axes, subject.over), _values(axes, subject.over)), scrolls=True)]
        cards += [Card((_places_table(places, subject),), scrolls=True)] if places else []
        return (Section("Rooms and channels", "rooms-and-channels", tuple(cards)),) if cards else ()

    def in_words(self, results: Results) -> Sequence[str]:
        """Rooms and channels against the first, then the difference of the two models in each."""
        subject, axes = Subject.of(results), _axes_of(results)
        values = {} if axes is None else {"room": axes["room"], "channel": axes["channel"]}
        sentences = [sentence for axis, of in values.items() for sentence in _axis_sentences(subject, axis, of)]
        compared = {axis: of for axis, of in _places_of(results).items() if len(of) > 1}
        return [*sentences, *(_place_sentence(subject, axis, of) for axis, of in compared.items())]


def _axes_of(results: Results) -> Axes | None:
    return cast(Axes | None, cast(Mapping[str, Any], results["models"][results["model"]]).get("axes"))


def _places_of(results: Results) -> Places:
    return cast(Places, cast(Mapping[str, Any], results).get("places", {}))


def _values_by_axis(places: Sequence[Place]) -> dict[str, dict[str, Place]]:
    """List rooms and channels, `room` and `channel` by name, each with the other at that of the first place."""
    return {
        axis: {getattr(place, axis): places[0]._replace(**{axis: getattr(place, axis)}) for place in places}
        for axis in Place._fields
    }


def _value(tally: Tally, place: Place) -> AxisValue:
    cells, reference = tally.noisy_cells(place), tally.noisy_cells()
    difference = mean_rate(tally, cells, reference) if place != tally.places[0] and reference else None
    clean, every = (
        tally.clean_cells(place),
        [c for name in tally.noise_lists() for c in tally.cells(name, place=place)],
    )
    snrs = dict.fromkeys(map(snr_key, sorted(every, key=lambda cell: -(cell.snr_db or 0.0))))
    return record(
        AxisValue,
        clean_wer=tally.mean_wer(clean) if clean else NO_ESTIMATE,
        by_snr={snr: mean_rate(tally, [cell for cell in every if snr_key(cell) == snr]) for snr in snrs},
        mean=mean_rate(tally, cells),
        difference=difference,
    )


def _compare_places(
    model_rows: Sequence[Hypothesis], baseline_rows: Sequence[Hypothesis], options: ScoringOptions
) -> dict[str, dict[str, PlaceDifference]] | None:
    """Compare two models by room and by channel, the other at its first.

    Returns:
        `room` and `channel`, by name, what both models transcribed in noise; None where there is one place alone, or
        no noise in common.

    Raises:
        ValueError: a pair is not of the same mixture or reference.
    """
    of_model, of_baseline = (
        by_key((row for row in rows if row.is_spoken), lambda row: row.cell.place)
        for rows in (model_rows, baseline_rows)
    )
    if len(of_model) < 2:
        return None
    axes = _values_by_axis(list(of_model))
    differences: dict[Place, PlaceDifference] = {}
    for place in dict.fromkeys(place for values in axes.values() for place in values.values()):
        if place in of_model and place in of_baseline:
            difference = _difference(of_model[place], of_baseline[place], options)
            differences |= {} if difference is None else {place: difference}
    if not differences:
        return None
    adjusted = holm_adjusted([one["p_value"] for one in differences.values()])
    for one, p_value in zip(differences.values(), adjusted, strict=True):
        one["p_value_holm"] = p_value
    return {
        axis: {name: differences[place] for name, place in values.items() if place in differences}
        for axis, values in axes.items()
    }


def _difference(
    model_rows: Sequence[Hypothesis], baseline_rows: Sequence[Hypothesis], options: ScoringOptions
) -> PlaceDifference | None:
    """Two models at one place; None where they have no noise in common."""
    paired = pair_rows(model_rows, baseline_rows, options)
    unpaired = paired.unpaired_model_rows + paired.unpaired_baseline_rows
    if unpaired:
        place = model_rows[0].cell.place
        logging.warning(f"{place.room}, {place.channel}: {unpaired} rows without a partner left out")
    if not paired.model_rows:
        return None
    tallies = PairedTallies(paired.model_rows, paired.baseline_rows, options)
    cells = tallies.model.noisy_cells()
    return PlaceDifference(**tallies.difference(cells), p_value_holm=None) if cells else None


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
                rate_line(value["mean"]),
                rate_line(value["difference"]),
            )
        )
        for axis, values in (("room", axes["room"]), ("channel", axes["channel"]))
        for name, value in values.items()
    ]
    return Table((Column.text(), "clean", f"mean WER, {over}", "difference to the first"), tuple(rows))


def _places_table(places: Places, subject: Subject) -> Table:
    rows = []
    for axis, values in places.items():
        for name, one in values.items():
            interval = interval_of(one, "relative_reduction")
            fewer = (strong(percent(one["relative_reduction"])), soft(interval))
            wers = (percent(one["wer"]), percent(one["baseline_wer"]))
            rows.append(TableRow((Cell.text(f"{axis} {name}"), *wers, fewer, corrected(one["p_value_holm"]))))
    first = Column.text(f"mean WER, {subject.over}")
    return Table((first, subject.model, str(subject.baseline), "fewer errors", "p, Holm"), tuple(rows))


def _axis_sentences(subject: Subject, axis: str, values: Mapping[str, AxisValue]) -> list[str]:
    first = next(iter(values), "")
    changes = [
        f"{name} {change(value['difference'])}" for name, value in values.items() if value["difference"] is not None
    ]
    of = f"WER of {subject.model} by {axis}, in points against {first}, mean of {subject.over}"
    return [f"{of}: {'; '.join(changes)}."] if changes else []


def _place_sentence(subject: Subject, axis: str, values: Mapping[str, PlaceDifference]) -> str:
    changes = []
    for name, one in values.items():
        interval = interval_of(one, "relative_reduction")
        changes.append(f"{name} {percent(one['relative_reduction'])} ({interval})")
    names = f"{subject.model} than of {subject.baseline}"
    return f"Fewer errors of {names} by {axis}, mean of {subject.over}: {'; '.join(changes)}."
