# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison of two models on the same mixtures: paired differences with intervals, and dB gained at equal WER.

Differences are model minus baseline (negative is better); reductions and gains are positive when the model is better.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, TypedDict

import numpy as np

from nemo.utils import logging

from nemo_noise.evaluation.estimate import NO_ESTIMATE, Estimate, record
from nemo_noise.evaluation.hypothesis import Cell, Hypothesis, reference_rows
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.mapsswe import SegmentErrors, SegmentTest, mean_test, segment_errors, segment_test
from nemo_noise.evaluation.scoring.resampled import mean
from nemo_noise.evaluation.scoring.summary import finite_or_none, model_of, snr_key
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally, check_unique, scored_rows
from nemo_noise.evaluation.scoring.wer import FloatArray, measure_db_gained


class Difference(TypedDict):
    """Two error rates on the same words; `p_value` is two-sided."""

    wer: float
    baseline_wer: float
    difference: float
    difference_low: float | None
    difference_high: float | None
    relative_reduction: float | None
    relative_reduction_low: float | None
    relative_reduction_high: float | None
    probability_of_improvement: float | None
    p_value: float | None


class CellDifference(Difference):
    """One cell; `p_value_holm` and `mapsswe_p_value_holm` are adjusted over all cells of the comparison.

    `mapsswe_*` is the matched-pairs test over sentence segments (see `mapsswe`): how many segments hold an error, the
    statistic (below 0: the model errs less) and its two-sided p-value.
    """

    p_value_holm: float | None
    mapsswe_segments: int | None
    mapsswe_statistic: float | None
    mapsswe_p_value: float | None
    mapsswe_p_value_holm: float | None


class ListComparison(Difference):
    """One noise list: the difference of the means over `mean_over_snr_db`, its spread, its cells and labels.

    `gain_beyond_clean` is the gain in noise less that in clean speech, in points of WER (the interaction);
    `reduction_beyond_clean` the same of the relative reductions. Above 0: the model gains more in noise.
    """

    mean_over_snr_db: list[float]
    relative_reduction_by_seed: dict[str, float | None]
    gain_beyond_clean: float | None
    gain_beyond_clean_low: float | None
    gain_beyond_clean_high: float | None
    reduction_beyond_clean: float | None
    reduction_beyond_clean_low: float | None
    reduction_beyond_clean_high: float | None
    db_gained: float | None
    db_gained_low: float | None
    db_gained_high: float | None
    cells: dict[str, CellDifference]
    labels: dict[str, Difference]


class Comparison(TypedDict):
    """All of two models; `overall` is over all noise lists and the SNRs of their means, null without noise."""

    model: str
    baseline: str
    pairs: int
    unpaired_model_rows: int
    unpaired_baseline_rows: int
    seeds: list[str]
    resampling_unit: str
    resampling_units: int
    speakers: int | None
    replications: int
    undefined_replications: int
    clean: CellDifference | None
    overall: Difference | None
    lists: dict[str, ListComparison]


class PairedRows(NamedTuple):
    """Rows of two models in pairs, and how many had no partner."""

    model_rows: list[Hypothesis]
    baseline_rows: list[Hypothesis]
    unpaired_model_rows: int
    unpaired_baseline_rows: int


class PairedTallies:
    """Two tallies over the same units, seeds and cells, drawn with the same weights."""

    def __init__(
        self, model_rows: Sequence[Hypothesis], baseline_rows: Sequence[Hypothesis], options: ScoringOptions
    ) -> None:
        self.model = Tally(model_rows, options)
        self.baseline = Tally(baseline_rows, options)
        self._segments: dict[Cell, dict[str, list[SegmentErrors]]] = {}  # by training seed
        for model_row, baseline_row in zip(model_rows, baseline_rows, strict=True):
            texts = options.written(model_row), options.written(baseline_row)
            segments = segment_errors(options.reference(model_row), *texts)
            self._segments.setdefault(model_row.cell, {}).setdefault(model_row.seed, []).extend(segments)
        if (self.model.units, self.model.unit_name) != (self.baseline.units, self.baseline.unit_name):
            raise ValueError(
                f"model_rows are drawn by {self.model.unit_name} and baseline_rows by {self.baseline.unit_name}, "
                f"or the values of {options.block_field!r} differ: both should come from the same manifest"
            )

    def difference(self, cells: Sequence[Cell]) -> Difference:
        """Compare the mean WER over cells."""
        rates, baseline_rates = self.model.rates(cells), self.baseline.rates(cells)
        difference = rates.mean(baseline_rates)
        p_value = difference.p_value()
        return record(
            Difference,
            wer=rates.mean().value,
            baseline_wer=baseline_rates.mean().value,
            difference=difference.estimate(),
            relative_reduction=rates.statistic(_reduction_of_means, baseline_rates).estimate(highest=1.0),
            probability_of_improvement=_probability_of_improvement(difference.value, p_value),
            p_value=p_value,
        )

    def beyond_clean(self, cells: Sequence[Cell], clean: Sequence[Cell]) -> tuple[Estimate, Estimate]:
        """The gain in cells less that in clean speech: in points of WER, and of relative reduction."""
        noisy = self.model.rates(cells)
        others = self.baseline.rates(cells), self.model.rates(clean), self.baseline.rates(clean)
        return (
            noisy.statistic(_gain_beyond_clean, *others).estimate(),
            noisy.statistic(_reduction_beyond_clean, *others).estimate(),
        )

    def test_segments(self, cell: Cell) -> SegmentTest:
        """Run the matched-pairs test on a cell: the mean over training seeds."""
        return mean_test(segment_test(segments) for segments in self._segments.get(cell, {}).values())

    def reduction_by_seed(self, cells: Sequence[Cell]) -> dict[str, float | None]:
        """Relative reduction of the mean WER over cells, for each training seed that has a name."""
        of_seeds = self.model.rates(cells).statistic(_reduction_of_means, self.baseline.rates(cells)).by_seed
        found = zip(self.model.seeds, of_seeds, strict=True)
        return {seed: finite_or_none(reduction) for seed, reduction in found if seed}


def _reduction_of_means(rates: FloatArray, baseline_rates: FloatArray) -> FloatArray:
    return relative_reduction(mean(rates), mean(baseline_rates))


def _gain_beyond_clean(
    rates: FloatArray, baseline_rates: FloatArray, clean: FloatArray, baseline_clean: FloatArray
) -> FloatArray:
    return (mean(baseline_rates) - mean(rates)) - (mean(baseline_clean) - mean(clean))


def _reduction_beyond_clean(
    rates: FloatArray, baseline_rates: FloatArray, clean: FloatArray, baseline_clean: FloatArray
) -> FloatArray:
    return _reduction_of_means(rates, baseline_rates) - _reduction_of_means(clean, baseline_clean)


def _probability_of_improvement(difference: float, p_value: float | None) -> float | None:
    """The one-sided reading of the test, as a probability that the model errs less."""
    if p_value is None:
        return None
    return p_value / 2 if difference > 0 else 1 - p_value / 2


def compare(
    model_rows: Sequence[Hypothesis], baseline_rows: Sequence[Hypothesis], options: ScoringOptions | None = None
) -> Comparison:
    """Compare two models row by row: pairs share utterance, cell and training seed, in the first room and channel.

    Returns:
        The comparison, ready for JSON. Rows without a partner are left out, counted and logged.

    Raises:
        ValueError: nothing to pair, repeated rows, or a pair that is not of the same mixture or reference.
    """
    options = options or ScoringOptions()
    names = model_of(model_rows), model_of(baseline_rows)
    check_unique(model_rows, "model_rows")
    check_unique(baseline_rows, "baseline_rows")
    paired = pair_rows(reference_rows(model_rows), reference_rows(baseline_rows), options)
    if not paired.model_rows:
        raise ValueError(f"no row of {names[0]} and {names[1]} shares utterance, cell and seed: nothing to compare")
    unpaired = paired.unpaired_model_rows, paired.unpaired_baseline_rows
    if any(unpaired):
        logging.warning(f"compare {names[0]} with {names[1]}: rows without a partner left out, {unpaired}")
    tallies = PairedTallies(paired.model_rows, paired.baseline_rows, options)
    noisy = tallies.model.noisy_cells()
    comparison = Comparison(
        model=names[0],
        baseline=names[1],
        pairs=len(paired.model_rows),
        unpaired_model_rows=unpaired[0],
        unpaired_baseline_rows=unpaired[1],
        seeds=[seed for seed in tallies.model.seeds if seed],
        resampling_unit=tallies.model.unit_name,
        resampling_units=len(tallies.model.units),
        speakers=tallies.model.blocks,
        replications=options.replications,
        undefined_replications=tallies.model.undefined_replications(),
        clean=next((_compare_cell(tallies, cell) for cell in tallies.model.clean_cells()), None),
        overall=tallies.difference(noisy) if noisy else None,
        lists={name: _compare_list(tallies, name) for name in tallies.model.noise_lists()},
    )
    _adjust_p_values(comparison)
    return comparison


def pair_rows(
    model_rows: Sequence[Hypothesis], baseline_rows: Sequence[Hypothesis], options: ScoringOptions | None = None
) -> PairedRows:
    """Bring rows of two models together that share utterance, cell and training seed; all of one room and channel.

    Raises:
        ValueError: a pair is not of the same mixture or reference.
    """
    options = options or ScoringOptions()
    names = model_of(model_rows), model_of(baseline_rows)
    of_model = {row.pair_key: row for row in scored_rows(model_rows, options)}
    of_baseline = {row.pair_key: row for row in scored_rows(baseline_rows, options)}
    shared = [key for key in of_model if key in of_baseline]
    for key in shared:
        _check_pair(of_model[key], of_baseline[key], names)
    return PairedRows(
        [of_model[key] for key in shared],
        [of_baseline[key] for key in shared],
        len(of_model) - len(shared),
        len(of_baseline) - len(shared),
    )


def relative_reduction(wer: FloatArray, baseline_wer: FloatArray) -> FloatArray:
    """Share of the baseline's errors that is gone; NaN where the baseline makes none. Same shape as the arguments."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(baseline_wer > 0, 1 - wer / baseline_wer, np.nan)


def _compare_cell(tallies: PairedTallies, cell: Cell) -> CellDifference:
    test = tallies.test_segments(cell)
    return CellDifference(
        **tallies.difference([cell]),
        p_value_holm=None,
        mapsswe_segments=test.segments,
        mapsswe_statistic=test.statistic,
        mapsswe_p_value=test.p_value,
        mapsswe_p_value_holm=None,
    )


def _compare_list(tallies: PairedTallies, name: str) -> ListComparison:
    """Compare on one noise list."""
    cells, in_mean = tallies.model.cells(name), tallies.model.mean_cells(name)
    clean = tallies.model.clean_cells()
    gain, reduction = tallies.beyond_clean(in_mean, clean) if clean else (NO_ESTIMATE, NO_ESTIMATE)
    labels = {}
    for label in tallies.model.noise_labels(name):
        labels[label] = tallies.difference(tallies.model.mean_cells(name, label))
    return record(
        ListComparison,
        **tallies.difference(in_mean),
        mean_over_snr_db=[cell.snr_db for cell in in_mean if cell.snr_db is not None],
        relative_reduction_by_seed=tallies.reduction_by_seed(in_mean),
        gain_beyond_clean=gain,
        reduction_beyond_clean=reduction,
        db_gained=_db_gained(tallies, cells),
        cells={snr_key(cell): _compare_cell(tallies, cell) for cell in cells},
        labels=labels,
    )


def _db_gained(tallies: PairedTallies, cells: Sequence[Cell]) -> Estimate:
    """Measure dB gained at equal WER over all SNRs of a list."""
    snr_db = [cell.snr_db for cell in cells if cell.snr_db is not None]
    if len(snr_db) < 2:
        return NO_ESTIMATE
    rates, baseline_rates = tallies.model.rates(cells), tallies.baseline.rates(cells)
    return rates.statistic(partial(measure_db_gained, snr_db), baseline_rates).estimate()


def _check_pair(model_row: Hypothesis, baseline_row: Hypothesis, names: tuple[str, str]) -> None:
    """Refuse a pair that is not the same audio and the same reference."""
    for field in ("mixture_sha256", "text"):
        values = getattr(model_row, field), getattr(baseline_row, field)
        if None not in values and values[0] != values[1]:
            raise ValueError(
                f"{field} differs between {names[0]} and {names[1]} for {model_row.pair_key}: "
                f"{values[0]!r} and {values[1]!r}; evaluate both with the same manifests and seed"
            )


def _adjust_p_values(comparison: Comparison) -> None:
    """Fill in the Holm-adjusted p-values, for each test one family over clean speech and all cells."""
    family = [] if comparison["clean"] is None else [comparison["clean"]]
    family += [cell for block in comparison["lists"].values() for cell in block["cells"].values()]
    for cell, p_value in zip(family, holm_adjusted([cell["p_value"] for cell in family]), strict=True):
        cell["p_value_holm"] = p_value
    for cell, p_value in zip(family, holm_adjusted([cell["mapsswe_p_value"] for cell in family]), strict=True):
        cell["mapsswe_p_value_holm"] = p_value
