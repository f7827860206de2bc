# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What adapting to each utterance, or along streams, gives and what it costs: the adapted model against itself."""

from collections.abc import Sequence
from typing import TypedDict

from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.scoring.comparison import Comparison, compare
from nemo_noise.evaluation.scoring.tally import ScoringOptions, scored_rows


class AdaptationGain(TypedDict):
    """Gain and cost, over clean and noisy speech.

    `comparison` is the adapted model against itself unadapted: a reduction above zero says that adapting helps.
    `adapted` of `utterances` were decoded with weights (also of earlier segments of a stream) or statistics that are
    not the model's, the others as without; `steps` are those of a mean utterance. `transcribe_s` has all of it,
    `plain_transcribe_s` is the same utterances one by one, unadapted, and `times_as_long` their ratio; null where it
    was not measured.
    """

    comparison: Comparison
    utterances: int
    adapted: int
    share_adapted: float
    steps: float
    transcribe_s: float | None
    plain_transcribe_s: float | None
    times_as_long: float | None


def measure_adaptation(
    adapted_rows: Sequence[Hypothesis], plain_rows: Sequence[Hypothesis], options: ScoringOptions | None = None
) -> AdaptationGain:
    """Compare a model that adapts with itself unadapted, on the same mixtures."""
    options = options or ScoringOptions()
    rows = scored_rows(adapted_rows, options)
    adapted = sum(row.is_adapted for row in rows)
    both = [(row.transcribe_s, row.plain_transcribe_s) for row in rows]
    timed = [(spent, plain) for spent, plain in both if spent is not None and plain is not None]
    spent_s, plain_s = float(sum(spent for spent, _ in timed)), float(sum(plain for _, plain in timed))
    return AdaptationGain(
        comparison=compare(adapted_rows, plain_rows, options),
        utterances=len(rows),
        adapted=adapted,
        share_adapted=adapted / len(rows),
        steps=sum(row.adaptation_steps for row in rows) / len(rows),
        transcribe_s=spent_s if timed else None,
        plain_transcribe_s=plain_s if timed else None,
        times_as_long=spent_s / plain_s if plain_s else None,
    )
