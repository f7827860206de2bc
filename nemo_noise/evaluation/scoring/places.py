# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Two models compared in every room and behind every channel; `comparison` has the first of each."""

from collections.abc import Sequence

from nemo.utils import logging

from nemo_noise.evaluation.hypothesis import Hypothesis, Place, by_key
from nemo_noise.evaluation.scoring.axes import values_by_axis
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.comparison import Difference, PairedTallies, pair_rows
from nemo_noise.evaluation.scoring.tally import ScoringOptions

__all__ = ["PlaceDifference", "compare_places"]


class PlaceDifference(Difference):
    """The means over 20..0 dB and all noise lists at one place; `p_value_holm` is adjusted over all places."""

    p_value_holm: float | None


def compare_places(
    model_rows: Sequence[Hypothesis], baseline_rows: Sequence[Hypothesis], options: ScoringOptions | None = None
) -> dict[str, dict[str, PlaceDifference]] | None:
    """Compare two models by room and by channel, the other at its first.

    Returns:
        `room` and `channel`, by name, what both models transcribed in noise; None where there is one place alone, or
        no noise in common.

    Raises:
        ValueError: a pair is not of the same mixture or reference.
    """
    options = options or ScoringOptions()
    of_model, of_baseline = (
        by_key((row for row in rows if row.is_spoken), lambda row: row.cell.place)
        for rows in (model_rows, baseline_rows)
    )
    if len(of_model) < 2:
        return None
    axes = values_by_axis(list(of_model))
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
