# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Groups: the error rates of each value of a manifest field, such as gender, language or accent."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from nemo.utils import logging

from nemo_noise.evaluation.estimate import NO_ESTIMATE, record
from nemo_noise.evaluation.hypothesis import Hypothesis, by_key
from nemo_noise.evaluation.scoring.tally import ScoringOptions, Tally

MAX_GROUPS = 24


class GroupSummary(TypedDict):
    """One value of a field: WER on clean speech, and the mean of the WERs at 20..0 dB over all noise lists."""

    utterances: int
    words: int
    clean_wer: float | None
    mean_wer: float | None
    mean_wer_low: float | None
    mean_wer_high: float | None


Groups = dict[str, dict[str, GroupSummary]]


def summarize_groups(scored: Sequence[Hypothesis], options: ScoringOptions) -> Groups:
    """Summarise the rows of each value of each of `options.group_fields`.

    A field with fewer than 2 values, or more than 24, is left out (the latter logged).
    """
    groups: Groups = {}
    for field in options.group_fields:
        by_value = by_key(scored, lambda row, field=field: row.value(field))  # type: ignore[misc]
        values = sorted(value for value in by_value if value is not None)
        if len(values) > MAX_GROUPS:
            logging.warning(
                f"group_fields: {field!r} has {len(values)} values, at most {MAX_GROUPS} are shown: left out"
            )
        elif len(values) > 1:
            groups[field] = {value: _summarize_group(by_value[value], options) for value in values}
    return groups


def group_gap(values: Mapping[str, GroupSummary]) -> float | None:
    """Highest minus lowest mean WER among the groups of a field; None where fewer than two have one."""
    rates = [group["mean_wer"] for group in values.values() if group["mean_wer"] is not None]
    return max(rates) - min(rates) if len(rates) > 1 else None


def _summarize_group(rows: Sequence[Hypothesis], options: ScoringOptions) -> GroupSummary:
    tally = Tally(rows, options)
    cells = tally.noisy_cells()
    every_cell = [cell for name in tally.noise_lists() for cell in tally.cells(name)] + tally.clean_cells()
    return record(
        GroupSummary,
        utterances=len({row.utterance for row in rows}),
        words=sum(tally.totals(cell).words for cell in every_cell),
        clean_wer=tally.clean_wer(),
        mean_wer=tally.mean_wer(cells) if cells else NO_ESTIMATE,
    )
