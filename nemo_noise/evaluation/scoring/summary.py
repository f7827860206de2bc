# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The cells of one model: error rates with intervals per cell and label, and the mean over 20..0 dB.

Rates are fractions, not per cent. A number that cannot be computed is null, never zero.
"""

import hashlib
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from nemo_noise.evaluation.estimate import NO_ESTIMATE, Estimate, record
from nemo_noise.evaluation.hypothesis import PLAIN, UNNAMED, Cell, Hypothesis
from nemo_noise.evaluation.scoring.bootstrap import CONFIDENCE
from nemo_noise.evaluation.scoring.tally import ModelRows, Tally, check_unique
from nemo_noise.evaluation.scoring.wer import measure_area


class Rate(TypedDict):
    """A mean of WERs at 20..0 dB over noise lists, or a difference of two, with its interval."""

    mean_wer: float
    mean_wer_low: float | None
    mean_wer_high: float | None


class CellSummary(TypedDict):
    """One cell; `wer_low` and `wer_high` bound the interval. `edge_insertions` are null in files of schema 1."""

    wer: float
    wer_low: float | None
    wer_high: float | None
    cer: float
    substitutions: int
    deletions: int
    insertions: int
    edge_insertions: int | None
    words: int
    utterances: int


class LabelSummary(Rate):
    """One noise label of a list; cells are keyed by SNR, "10" or "-5"."""

    cells: dict[str, CellSummary]


class WorstCell(TypedDict):
    """The cell with the highest WER; `noise_label` null: all labels together."""

    noise_list: str
    noise_label: str | None
    snr_db: float
    wer: float


class ListSummary(LabelSummary):
    """One noise list; the mean is over the SNRs of `mean_over_snr_db`, each weighing the same.

    `wer_snr_area` is the area under the WER-SNR curve over the whole grid, divided by its width in dB.
    """

    mean_cer: float
    mean_over_snr_db: list[float]
    mean_wer_by_seed: dict[str, float | None]
    wer_snr_area: float | None
    wer_snr_area_low: float | None
    wer_snr_area_high: float | None
    labels: dict[str, LabelSummary]
    worst: WorstCell
    worst_label: WorstCell


class Summary(TypedDict):
    """What all questions need of one model, in the first room and channel (the hash is of all rows).

    Intervals over utterances (`resampling_unit`) are for these `speakers` only; None: rows name none.
    `undefined_replications`: resampled sets without a word of some cell, which are left out of intervals.
    In results, questions add keys of their own: `noise_only`, `groups`, `speed` and so on.
    """

    model: str
    utterances: int
    seeds: list[str]
    resampling_unit: str
    resampling_units: int
    speakers: int | None
    replications: int
    undefined_replications: int
    confidence: float
    text_normalization: list[str]
    clean: CellSummary | None
    lists: dict[str, ListSummary]
    worst: WorstCell | None
    mixture_set_sha256: str | None


def summarize_cells(rows: ModelRows) -> Summary:
    """Summarise the cells of one model, or of one arm trained with several seeds.

    Raises:
        ValueError: rows of several models, repeated rows, or no speech row with a reference.
    """
    model = model_of(rows.every)
    check_unique(rows.every, "rows")
    tally, scoring = rows.tally, rows.scoring
    lists = {name: _summarize_list(tally, name) for name in tally.noise_lists()}
    return Summary(
        model=model,
        utterances=len({row.utterance for row in rows.scored}),
        seeds=[seed for seed in tally.seeds if seed],
        resampling_unit=tally.unit_name,
        resampling_units=len(tally.units),
        speakers=tally.blocks,
        replications=scoring.replications,
        undefined_replications=tally.undefined_replications(),
        confidence=CONFIDENCE,
        text_normalization=scoring.step_names,
        clean=next(iter(_summarize_cells(tally, tally.clean_cells())), None),
        lists=lists,
        worst=max((block["worst"] for block in lists.values()), key=lambda worst: worst["wer"], default=None),
        mixture_set_sha256=hash_mixtures(rows.every),
    )


def model_of(rows: Sequence[Hypothesis]) -> str:
    """Name the one model of rows.

    Raises:
        ValueError: rows of several models.
    """
    models = sorted({row.model for row in rows})
    if len(models) > 1:
        raise ValueError(f"rows hold several models, {models}: pass the rows of one")
    return models[0] if models else UNNAMED


def hash_mixtures(rows: Sequence[Hypothesis]) -> str | None:
    """Hash the hashes of all mixtures, in any order, so that two laboratories can check that they have the same audio.

    None where no row has a hash.
    """
    lines = {_hashed_line(row) for row in rows if row.mixture_sha256 is not None}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() if lines else None


def _hashed_line(row: Hypothesis) -> str:
    """A line of what is hashed; hashes in published reports depend on every letter of it."""
    cell = f"Cell(noise_list={row.cell.noise_list!r}, snr_db={row.cell.snr_db!r}, noise_label=None)"
    place = "" if row.cell.place == PLAIN else "\t" + "\t".join(row.cell.place)
    return f"{row.utterance}\t{cell}\t{row.mixture_sha256}{place}"


def snr_key(cell: Cell) -> str:
    """Write the SNR of a cell as a key: "10", "-5", "2.5"."""
    return f"{cell.snr_db:g}"


def finite_or_none(value: float | np.floating) -> float | None:
    """Turn NaN, which JSON does not know, into null."""
    return float(value) if np.isfinite(value) else None


def _summarize_cells(tally: Tally, cells: Sequence[Cell]) -> list[CellSummary]:
    rates = tally.rates(cells)
    summaries = []
    for index, cell in enumerate(cells):
        totals = tally.totals(cell)
        summaries.append(
            record(
                CellSummary,
                wer=rates.cell(index).estimate(lowest=0.0),
                cer=totals.cer,
                substitutions=totals.substitutions,
                deletions=totals.deletions,
                insertions=totals.insertions,
                edge_insertions=totals.edge_insertions,
                words=totals.words,
                utterances=tally.utterances(cell),
            )
        )
    return summaries


def _summarize_label(tally: Tally, noise_list: str, noise_label: str | None) -> LabelSummary:
    cells = tally.cells(noise_list, noise_label)
    return record(
        LabelSummary,
        mean_wer=tally.mean_wer(tally.mean_cells(noise_list, noise_label)),
        cells=dict(zip(map(snr_key, cells), _summarize_cells(tally, cells), strict=True)),
    )


def _summarize_list(tally: Tally, name: str) -> ListSummary:
    whole = _summarize_label(tally, name, None)
    in_mean = tally.mean_cells(name)
    labels = tally.noise_labels(name)
    return record(
        ListSummary,
        mean_wer=tally.mean_wer(in_mean),
        mean_cer=float(np.mean([tally.totals(cell).cer for cell in in_mean])),
        mean_over_snr_db=[cell.snr_db for cell in in_mean if cell.snr_db is not None],
        mean_wer_by_seed={
            seed: finite_or_none(np.mean([tally.totals(cell, seed).wer for cell in in_mean]))
            for seed in tally.seeds
            if seed
        },
        wer_snr_area=_area(tally, tally.cells(name)),
        cells=whole["cells"],
        labels={label: _summarize_label(tally, name, label) for label in labels},
        worst=_worst(tally, tally.cells(name)),
        worst_label=_worst(tally, [cell for label in labels for cell in tally.cells(name, label)]),
    )


def _area(tally: Tally, cells: Sequence[Cell]) -> Estimate:
    """Measure the area under the WER-SNR curve of a list; nothing for a single SNR."""
    snr_db = [cell.snr_db for cell in cells if cell.snr_db is not None]
    if len(snr_db) < 2:
        return NO_ESTIMATE
    return tally.rates(cells).statistic(lambda rates: measure_area(snr_db, rates)).estimate(lowest=0.0)


def _worst(tally: Tally, cells: Sequence[Cell]) -> WorstCell:
    cell = max(cells, key=lambda cell: tally.totals(cell).wer)
    return WorstCell(
        noise_list=str(cell.noise_list),
        noise_label=cell.noise_label,
        snr_db=float(cell.snr_db or 0.0),
        wer=tally.totals(cell).wer,
    )
