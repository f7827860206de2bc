# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Two models compared in every room and behind every channel, where `comparison` knows the first of each."""

from collections.abc import Sequence

from nemo.utils import logging

from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.comparison import Difference, PairedTallies, pair_rows
from nemo_noise.evaluation.scoring.hypotheses import Place, Row, condition_of, place_of
from nemo_noise.evaluation.scoring.tally import ScoringOptions, cells_of_mean

__all__ = ["PlaceDifference", "compare_places"]


class PlaceDifference(Difference):
    """The means over 20..0 dB and all noise lists at one place; `p_value_holm` is adjusted over all places."""

    p_value_holm: float | None


def compare_places(
    model_rows: Sequence[Row], baseline_rows: Sequence[Row], options: ScoringOptions | None = None
) -> dict[str, dict[str, PlaceDifference]] | None:
    """Compare two models by room and by channel, the other at its first.

    Args:
        model_rows: hypothesis rows of the model, in the order of the plan.
        baseline_rows: hypothesis rows of the baseline.
        options: how to score; None takes the defaults.

    Returns:
        `room` and `channel`, by name, what both models heard in noise; None where there is one place alone, or no
        noise that both heard.

    Raises:
        ValueError: a pair that did not hear the same mixture or reference.
    """
    options = options or ScoringOptions()
    spoken = [row for row in model_rows if not condition_of(row).is_speech_free]
    places = list(dict.fromkeys(map(place_of, spoken)))
    heard = {place_of(row) for row in baseline_rows if not condition_of(row).is_speech_free}
    if len(places) < 2:
        return None
    at = {
        axis: {getattr(place, axis): places[0]._replace(**{axis: getattr(place, axis)}) for place in places}
        for axis in Place._fields
    }
    compared = dict.fromkeys(place for named in at.values() for place in named.values() if place in heard)
    found = {place: _difference(model_rows, baseline_rows, place, options) for place in compared if place in places}
    differences = {place: one for place, one in found.items() if one is not None}
    if not differences:
        return None
    adjusted = holm_adjusted([one["p_value"] for one in differences.values()])
    for one, p_value in zip(differences.values(), adjusted, strict=True):
        one["p_value_holm"] = p_value
    return {
        axis: {name: differences[place] for name, place in named.items() if place in differences}
        for axis, named in at.items()
    }


def _difference(
    model_rows: Sequence[Row], baseline_rows: Sequence[Row], place: Place, options: ScoringOptions
) -> PlaceDifference | None:
    """Two models at one place; None where it has no noise that both heard."""
    paired = pair_rows(_at(model_rows, place), _at(baseline_rows, place), options)
    unpaired = paired.unpaired_model_rows + paired.unpaired_baseline_rows
    if unpaired:
        logging.warning(f"{place.room}, {place.channel}: {unpaired} rows without a partner left out")
    if not paired.model_rows:
        return None
    tallies = PairedTallies(paired.model_rows, paired.baseline_rows, options)
    cells = [cell for name in tallies.model.noise_lists() for cell in cells_of_mean(tallies.model.cells(name))]
    return PlaceDifference(**tallies.difference(cells), p_value_holm=None) if cells else None


def _at(rows: Sequence[Row], place: Place) -> list[Row]:
    return [row for row in rows if not condition_of(row).is_speech_free and place_of(row) == place]
