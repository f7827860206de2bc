# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The tally: error counts of hypothesis rows by training seed, resampling unit and cell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nemo_noise.checks import listed, text, whole
from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.hypothesis import Cell, Hypothesis, Place, reference_rows
from nemo_noise.evaluation.scoring.bootstrap import (
    MOST_REPLICATIONS,
    REPLICATIONS,
    draw_weights,
    resample_rates,
)
from nemo_noise.evaluation.scoring.resampled import Rates
from nemo_noise.evaluation.scoring.text_normalization import TextStep, normalize_text, parse_steps
from nemo_noise.evaluation.scoring.wer import ErrorCounts, FloatArray, count_errors

MIN_SPEAKERS = 8  # fewer blocks than this make a percentile interval too narrow
ERROR_COLUMNS = [ErrorCounts._fields.index(name) for name in ("substitutions", "deletions", "insertions")]
GROUP_FIELDS = ("gender", "age_group", "lang", "language", "accent")
MEAN_OVER_SNR_DB = (20.0, 15.0, 10.0, 5.0, 0.0)  # as Aurora-2: clean and -5 dB stay out of the mean
WORDS_COLUMN = ErrorCounts._fields.index("words")


@dataclass(frozen=True)
class ScoringOptions:
    """How rows are scored.

    Attributes:
        block_field: row field whose values are resampled as blocks when at least 8 differ; else utterances are.
        replications: resampled sets per interval.
        seed: of the resampling; equal seeds give equal intervals.
        text_normalization: steps applied to reference and hypothesis.
        group_fields: row fields whose values are reported apart, such as gender or language.
        seen: by axis (noise, room, channel) and name, whether the models were trained with it.
    """

    block_field: str = "speaker"
    replications: int = REPLICATIONS
    seed: int = 0
    text_normalization: tuple[TextStep | str, ...] = ()
    group_fields: tuple[str, ...] = GROUP_FIELDS
    seen: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text().check("block_field", self.block_field)
        whole(1, MOST_REPLICATIONS).check("replications", self.replications)
        whole(0).check("bootstrap_seed", self.seed)
        listed(text(), "[gender, language]").check("group_fields", self.group_fields)
        parse_steps(self.text_normalization)

    @property
    def step_names(self) -> list[str]:
        """The steps of the normalisation, in their order."""
        return [step.value for step in parse_steps(self.text_normalization)]

    def normalized(self, text: str) -> str:
        """A text with all steps applied."""
        return normalize_text(text, self.text_normalization).strip()

    def reference(self, row: Hypothesis) -> str:
        """The normalised reference of a row."""
        return self.normalized(row.text)

    def written(self, row: Hypothesis) -> str:
        """The normalised text that the model wrote."""
        return self.normalized(row.pred_text)

    def errors(self, row: Hypothesis) -> ErrorCounts:
        """The errors of a row."""
        return count_errors(self.reference(row), self.written(row))


def scored_rows(rows: Sequence[Hypothesis], options: ScoringOptions) -> list[Hypothesis]:
    """Keep the rows that a word error rate is made of: speech with a reference text."""
    return [row for row in rows if row.is_spoken and options.reference(row)]


def check_unique(rows: Sequence[Hypothesis], argument: str) -> None:
    """Refuse rows of one model that would count one utterance twice; messages name the argument.

    Raises:
        ValueError: two rows share utterance, cell and seed.
    """
    repeated = [key for key, times in Counter(row.pair_key for row in rows).items() if times > 1]
    if repeated:
        raise ValueError(
            f"{argument} repeats {repeated[0]} (and {len(repeated) - 1} others): give every training run its own "
            "'seed', every utterance its own id"
        )


class Tally:
    """Sums error counts so that resampling is one matrix product.

    Args:
        rows: speech rows with a reference (see `scored_rows`), of one model; the first one is of the first place.
        options: how to score.

    Attributes:
        blocks: how many values the field of the blocks has, speakers as a rule; None where a row has none.
    """

    def __init__(self, rows: Sequence[Hypothesis], options: ScoringOptions) -> None:
        if not rows:
            raise ValueError("rows is empty: there is no speech row with a reference text to score")
        self.options = options
        blocks = [row.value(options.block_field) for row in rows]
        self.blocks = None if None in blocks else len(set(blocks))
        has_blocks = self.blocks is not None and self.blocks >= MIN_SPEAKERS
        self.unit_name = options.block_field if has_blocks else "utterance"
        names = [str(block) if has_blocks else row.utterance for row, block in zip(rows, blocks, strict=True)]
        self.units = sorted(set(names))
        self.seeds = sorted({row.seed for row in rows})
        self.places = list(dict.fromkeys(row.cell.place for row in rows))
        unit_index = {name: index for index, name in enumerate(self.units)}
        seed_index = {name: index for index, name in enumerate(self.seeds)}
        shape = (len(self.seeds), len(self.units), len(ErrorCounts._fields))
        self._counts: dict[Cell, FloatArray] = {}
        self._utterances: Counter[Cell] = Counter()
        for row, name in zip(rows, names, strict=True):
            counts = options.errors(row)
            labels = [None] if row.cell.noise_list is None else [None, row.noise_label or "unlabelled"]
            for cell in (row.cell._replace(noise_label=label) for label in labels):
                if cell not in self._counts:
                    self._counts[cell] = np.zeros(shape)
                self._counts[cell][seed_index[row.seed], unit_index[name]] += counts
                self._utterances[cell] += 1

    def noise_lists(self) -> list[str]:
        """Name the noise lists, in order of first appearance."""
        return list(dict.fromkeys(cell.noise_list for cell in self._counts if cell.noise_list is not None))

    def noise_labels(self, noise_list: str) -> list[str]:
        """Name the noise labels of a list, sorted."""
        labels = {cell.noise_label for cell in self._counts if cell.noise_list == noise_list}
        return sorted(label for label in labels if label is not None)

    def clean_cells(self, place: Place | None = None) -> list[Cell]:
        """The cell of clean speech, if there is any, in a place; None is the first one."""
        return [cell for cell in self._in(place) if cell.noise_list is None]

    def cells(self, noise_list: str, noise_label: str | None = None, place: Place | None = None) -> list[Cell]:
        """List the cells of a noise list, or of one of its labels, from the highest SNR down."""
        cells = [c for c in self._in(place) if (c.noise_list, c.noise_label) == (noise_list, noise_label)]
        return sorted(cells, key=lambda cell: -(cell.snr_db or 0.0))

    def mean_cells(self, noise_list: str, noise_label: str | None = None, place: Place | None = None) -> list[Cell]:
        """List the cells of a mean: those at 20, 15, 10, 5 and 0 dB, all where there are none of these."""
        cells = self.cells(noise_list, noise_label, place)
        return [cell for cell in cells if cell.snr_db in MEAN_OVER_SNR_DB] or cells

    def noisy_cells(self, place: Place | None = None, noise_lists: Sequence[str] | None = None) -> list[Cell]:
        """List the cells of the mean over 20..0 dB, of all noise lists or of some."""
        names = self.noise_lists() if noise_lists is None else noise_lists
        return [cell for name in names for cell in self.mean_cells(name, place=place)]

    def mean_wer(self, cells: Sequence[Cell], less: Sequence[Cell] = ()) -> Estimate:
        """Average WERs over cells, and subtract the average over others."""
        if less:
            return self.rates(cells).mean(self.rates(less)).estimate()
        return self.rates(cells).mean().estimate(lowest=0.0)

    def clean_wer(self, place: Place | None = None) -> float | None:
        """The WER of clean speech; None where there is none."""
        cells = self.clean_cells(place)
        return self.totals(cells[0]).wer if cells else None

    def _in(self, place: Place | None) -> list[Cell]:
        where = self.places[0] if place is None else place
        return [cell for cell in self._counts if cell.place == where]

    @cached_property
    def unit_weights(self) -> FloatArray:
        """Draws of the units. [R, U]."""
        return draw_weights(len(self.units), self.options.replications, self.options.seed)

    @cached_property
    def _columns(self) -> dict[Cell, int]:
        """The column of each cell in `_rates`."""
        return {cell: column for column, cell in enumerate(self._counts)}

    @cached_property
    def _rates(self) -> FloatArray:
        """Resampled WER of all cells in one product, which costs the weights' way through memory once. [R, C]."""
        errors, words = self._errors_and_words(list(self._columns))
        return resample_rates(self.unit_weights, errors.sum(axis=0), words.sum(axis=0))

    def undefined_replications(self) -> int:
        """In how many resampled sets some cell has no word."""
        return int(np.sum(~np.isfinite(self._rates).all(axis=1)))

    def utterances(self, cell: Cell) -> int:
        """Count the rows of a cell."""
        return self._utterances[cell]

    def totals(self, cell: Cell, seed: str | None = None) -> ErrorCounts:
        """Sum the counts of a cell over units and over all seeds, or over one."""
        seeds = slice(None) if seed is None else [self.seeds.index(seed)]
        return ErrorCounts(*(int(value) for value in self._counts[cell][seeds].sum(axis=(0, 1))))

    def rates(self, cells: Sequence[Cell]) -> Rates:
        """The WER of cells: of all rows, resampled over units, and for each training seed."""
        errors, words = self._errors_and_words(cells)  # [S, U, C]
        by_seed = errors.sum(axis=1), words.sum(axis=1)
        return Rates(
            values=_rates(*(counts.sum(axis=0) for counts in by_seed)),
            over_units=self._rates[:, [self._columns[cell] for cell in cells]],
            by_seed=_rates(*by_seed),
            units=len(self.units),
        )

    def _errors_and_words(self, cells: Sequence[Cell]) -> tuple[FloatArray, FloatArray]:
        """Stack cells: errors and words. [S, U, C] each."""
        if not cells:
            nothing = np.zeros((len(self.seeds), len(self.units), 0))
            return nothing, nothing
        stacked = np.stack([self._counts[cell] for cell in cells], axis=-1)  # [S, U, 6, C]
        return stacked[:, :, ERROR_COLUMNS].sum(axis=2), stacked[:, :, WORDS_COLUMN]


def _rates(errors: FloatArray, words: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(words > 0, errors / words, np.nan)


@dataclass(frozen=True)
class ModelRows:
    """The rows of one model.

    Attributes:
        every: of all rooms and channels, and where nobody speaks.
        scoring: how they are scored.
    """

    every: Sequence[Hypothesis]
    scoring: ScoringOptions

    @cached_property
    def reference(self) -> list[Hypothesis]:
        """Those of the first room and channel."""
        return reference_rows(self.every)

    @cached_property
    def scored(self) -> list[Hypothesis]:
        """Speech with a reference, in the first room and channel."""
        return scored_rows(self.reference, self.scoring)

    @cached_property
    def tally(self) -> Tally:
        """The counts of `scored`."""
        return Tally(self.scored, self.scoring)

    @cached_property
    def tally_everywhere(self) -> Tally | None:
        """The counts of speech with a reference in all rooms and channels; None where there is none."""
        rows = scored_rows(self.every, self.scoring)
        return Tally(rows, self.scoring) if rows else None
