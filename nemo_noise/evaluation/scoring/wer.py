# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Word errors: counted per utterance with jiwer, summed into rates, and read as decibels along a WER-SNR curve."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import jiwer
import numpy as np
from numpy.typing import NDArray

from nemo_noise.evaluation.scoring.alignment import align_words
from nemo_noise.evaluation.scoring.text_normalization import composed

FloatArray = NDArray[np.float64]

WER_LEVELS = 200  # horizontal lines along which two curves are compared


class ErrorCounts(NamedTuple):
    """Errors of one hypothesis, or their sum over many.

    Attributes:
        substitutions: words replaced.
        deletions: words missed.
        insertions: words invented.
        words: words of the reference.
        character_errors: substitutions + deletions + insertions of characters, blanks included.
        characters: characters of the reference, blanks included.
        edge_insertions: those of the insertions that stand before the first word or after the last one.
    """

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    words: int = 0
    character_errors: int = 0
    characters: int = 0
    edge_insertions: int = 0

    @property
    def errors(self) -> int:
        """Word errors of all three kinds."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float:
        """Word error rate as a fraction; NaN where the reference holds no words."""
        return self.errors / self.words if self.words else float("nan")

    @property
    def cer(self) -> float:
        """Character error rate as a fraction; NaN where the reference holds no characters."""
        return self.character_errors / self.characters if self.characters else float("nan")


@lru_cache(maxsize=65536)
def count_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Align a hypothesis with its reference and count the errors.

    Texts are compared as they are seen, apart from runs of blanks: what looks alike is alike (`composed`). Case and
    punctuation are normalised before, see `text_normalization`. With an empty reference every word and character of
    the hypothesis is an insertion.
    """
    reference, hypothesis = (" ".join(composed(text).split()) for text in (reference, hypothesis))
    if not reference:
        invented = len(hypothesis.split())
        return ErrorCounts(insertions=invented, character_errors=len(hypothesis), edge_insertions=invented)
    by_word = align_words(reference, hypothesis)
    by_character = jiwer.process_characters(reference, hypothesis)
    return ErrorCounts(
        substitutions=len(by_word.substitutions),
        deletions=len(by_word.deletions),
        insertions=len(by_word.insertions),
        words=len(reference.split()),
        character_errors=by_character.substitutions + by_character.deletions + by_character.insertions,
        characters=len(reference),
        edge_insertions=by_word.edge_insertions,
    )


def sum_errors(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """Sum counts field by field; the rates of the sum weigh every word equally."""
    columns = zip(*counts, strict=True)
    return ErrorCounts(*(sum(column) for column in columns))


def measure_area(snr_db: Sequence[float], wer: FloatArray) -> FloatArray:
    """Measure the area under the WER-SNR curve, divided by its width: the mean WER over every dB of the grid.

    Args:
        snr_db: SNRs of the grid in dB, any order, at least two. [C]
        wer: WERs, one curve per row. [..., C]

    Returns:
        The area by the trapezoidal rule over the width, a fraction like a WER; lower is better. [...]
    """
    order = np.argsort(np.asarray(snr_db, dtype=np.float64))
    snr = np.asarray(snr_db, dtype=np.float64)[order]
    if len(snr) < 2 or np.any(np.diff(snr) == 0):
        raise ValueError(f"snr_db needs two or more different values, got {list(snr_db)}")
    area = np.trapezoid(np.asarray(wer, dtype=np.float64)[..., order], snr, axis=-1)
    return np.asarray(area / (snr[-1] - snr[0]), dtype=np.float64)


def measure_db_gained(snr_db: Sequence[float], model_wer: FloatArray, baseline_wer: FloatArray) -> FloatArray:
    """Measure how much more noise the model bears than the baseline at equal WER.

    Both curves are made monotone (a lower SNR is never easier), interpolated linearly between the grid points, and the
    horizontal distance between them is averaged over the WER levels that both reach. Nothing is extrapolated.

    Args:
        snr_db: SNRs of the grid in dB, any order, at least two. [C]
        model_wer: WERs of the model, one curve per row. [..., C]
        baseline_wer: WERs of the baseline. [..., C]

    Returns:
        Decibels gained per curve, positive when the model bears more noise; NaN where the curves share no WER. [...]
    """
    order = np.argsort(np.asarray(snr_db, dtype=np.float64))
    snr = np.asarray(snr_db, dtype=np.float64)[order]
    if len(snr) < 2 or np.any(np.diff(snr) == 0):
        raise ValueError(f"snr_db needs two or more different values, got {list(snr_db)}")
    model = _monotone(np.asarray(model_wer, dtype=np.float64)[..., order])
    baseline = _monotone(np.asarray(baseline_wer, dtype=np.float64)[..., order])
    rows = model.reshape(-1, len(snr)), baseline.reshape(-1, len(snr))
    gained = [_mean_horizontal_distance(snr, m, b) for m, b in zip(*rows, strict=True)]
    return np.asarray(gained, dtype=np.float64).reshape(model.shape[:-1])


def _monotone(wer: FloatArray) -> FloatArray:
    """Make curves over rising SNR fall: the mean of the tightest falling curve above and the one below. [..., C]."""
    above = np.flip(np.maximum.accumulate(np.flip(wer, -1), -1), -1)
    below = np.minimum.accumulate(wer, -1)
    return (above + below) / 2


def _mean_horizontal_distance(snr: FloatArray, model: FloatArray, baseline: FloatArray) -> float:
    """Average baseline SNR minus model SNR over the WER levels both falling curves [C] pass."""
    low, high = max(model[-1], baseline[-1]), min(model[0], baseline[0])
    if not high > low:
        return float("nan")
    levels = low + (high - low) * (np.arange(WER_LEVELS) + 0.5) / WER_LEVELS
    # The slope of 1e-12 per point breaks ties on a plateau, so that np.interp sees strictly rising x.
    ramp = 1e-12 * np.arange(len(snr))
    model_snr = np.interp(levels, model[::-1] + ramp, snr[::-1])
    baseline_snr = np.interp(levels, baseline[::-1] + ramp, snr[::-1])
    return float(np.mean(baseline_snr - model_snr))
