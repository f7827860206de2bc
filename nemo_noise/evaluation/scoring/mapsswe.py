# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The matched-pairs sentence-segment word error test (MAPSSWE): do two systems differ, segment by segment?

Method: L. Gillick, S. J. Cox, "Some statistical issues in the comparison of speech recognition algorithms", ICASSP
1989. Errors of neighbouring words depend on each other, so an utterance is cut into segments where both systems were
right for some words; segments are taken as independent. Two words, as in NIST's `sc_stats -t mapsswe`.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from nemo_noise.evaluation.scoring.alignment import WordAlignment, align_words

BUFFER_WORDS = 2  # right in both systems, between two segments
MIN_SEGMENTS = 2


class SegmentErrors(NamedTuple):
    """Errors of the model and of the baseline in one segment; at least one of them errs."""

    model: int
    baseline: int


class SegmentTest(NamedTuple):
    """The test over all segments.

    Attributes:
        segments: how many hold an error of either system; the normal approximation wants 50 or more.
        mean_difference: errors of the model minus those of the baseline per segment, None without a segment.
        statistic: mean over its standard error, below 0 when the model errs less; None where the spread is zero or
            a single segment shows none.
        p_value: two-sided, from the normal distribution; None like the statistic.
    """

    segments: int
    mean_difference: float | None
    statistic: float | None
    p_value: float | None


def segment_errors(
    reference: str, model_text: str, baseline_text: str, *, buffer_words: int = BUFFER_WORDS
) -> list[SegmentErrors]:
    """Cut one utterance into segments and count the errors of both systems in each.

    Args:
        reference: what was said.
        model_text: what the model wrote.
        baseline_text: what the baseline wrote.
        buffer_words: words in a row, right in both and with nothing inserted between, that end a segment.

    Returns:
        The segments that hold an error, in order.
    """
    if buffer_words < 1:
        raise ValueError(f"buffer_words is {buffer_words}, should be 1 or more")
    alignments = align_words(reference, model_text), align_words(reference, baseline_text)
    segments: list[SegmentErrors] = []
    open_segment, right_words = SegmentErrors(0, 0), 0
    for is_right, found in _walk(alignments):
        if any(found):
            open_segment = SegmentErrors(open_segment.model + found.model, open_segment.baseline + found.baseline)
            right_words = 0
        right_words += is_right
        if right_words >= buffer_words and any(open_segment):
            segments.append(open_segment)
            open_segment = SegmentErrors(0, 0)
    return [*segments, open_segment] if any(open_segment) else segments


def segment_test(segments: Iterable[SegmentErrors]) -> SegmentTest:
    """Test whether two systems make equally many errors per segment."""
    differences = np.asarray([one.model - one.baseline for one in segments], dtype=np.float64)
    count = len(differences)
    if not count:
        return SegmentTest(0, None, None, None)
    mean = float(differences.mean())
    if count < MIN_SEGMENTS:
        return SegmentTest(count, mean, None, None)
    deviation = float(differences.std(ddof=1))
    if deviation == 0:
        return SegmentTest(count, mean, *((0.0, 1.0) if mean == 0 else (None, None)))
    statistic = mean / (deviation / math.sqrt(count))
    return SegmentTest(count, mean, statistic, math.erfc(abs(statistic) / math.sqrt(2)))


def mean_test(tests: Iterable[SegmentTest]) -> SegmentTest:
    """The tests of several training seeds as one: means of the statistics and of the numbers of segments.

    The seeds transcribed the same utterances, so that their segments must not be pooled as if they were others. The
    spread of a mean of dependent statistics is at most that of one, so the p-value errs on the careful side.
    """
    tests = list(tests)
    if len(tests) < 2:
        return tests[0] if tests else segment_test([])
    segments = round(sum(test.segments for test in tests) / len(tests))
    differences = [test.mean_difference for test in tests if test.mean_difference is not None]
    statistics = [test.statistic for test in tests if test.statistic is not None]
    difference = sum(differences) / len(differences) if differences else None
    if not statistics:
        return SegmentTest(segments, difference, None, None)
    statistic = sum(statistics) / len(statistics)
    return SegmentTest(segments, difference, statistic, math.erfc(abs(statistic) / math.sqrt(2)))


def _walk(alignments: tuple[WordAlignment, WordAlignment]) -> Iterator[tuple[bool, SegmentErrors]]:
    """Go through gaps and words in order: whether this is a word right in both, and the errors made there."""
    model, baseline = alignments
    for gap, said in enumerate([*model.reference, None]):
        yield False, SegmentErrors(len(model.inserted[gap]), len(baseline.inserted[gap]))
        if said is not None:
            wrong = SegmentErrors(int(model.written[gap] != said), int(baseline.written[gap] != said))
            yield not any(wrong), wrong
