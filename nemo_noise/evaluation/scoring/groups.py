# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Groups: the error rates of each value of a manifest field, such as gender, language or accent."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from nemo.utils import logging

from nemo_noise.evaluation.scoring.hypotheses import Row, utterance_of
from nemo_noise.evaluation.scoring.tally import CLEAN, ScoringOptions, Tally, cells_of_mean, interval_over

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


def summarize_groups(scored: Sequence[Row], options: ScoringOptions) -> Groups:
    """Summarise the rows of each group.

    Args:
        scored: speech rows with a reference, of one model.
        options: how to score; `group_fields` names the fields.

    Returns:
        Summary by field and value; a field with fewer than 2 values, or more than 24, is left out (the latter logged).
        Rows that lack the field form no group.
    """
    groups: Groups = {}
    for field in options.group_fields:
        by_value: dict[str, list[Row]] = {}
        for row in scored:
            if row.get(field) is not None:
                by_value.setdefault(str(row[field]), []).append(row)
        if len(by_value) > MAX_GROUPS:
            logging.warning(
                f"group_fields: {field!r} has {len(by_value)} values, at most {MAX_GROUPS} are shown: left out"
            )
        elif len(by_value) > 1:
            groups[field] = {value: _summarize_group(by_value[value], options) for value in sorted(by_value)}
    return groups


def group_gap(values: Mapping[str, GroupSummary]) -> float | None:
    """Highest minus lowest mean WER among the groups of a field; None where fewer than two have one."""
    rates = [group["mean_wer"] for group in values.values() if group["mean_wer"] is not None]
    return max(rates) - min(rates) if len(rates) > 1 else None


def _summarize_group(rows: Sequence[Row], options: ScoringOptions) -> GroupSummary:
    tally = Tally(rows, options)
    cells = [cell for name in tally.noise_lists() for cell in cells_of_mean(tally.cells(name))]
    interval = interval_over(tally, tally.resample(cells).mean(axis=1)) if cells else (None, None)
    every_cell = [cell for name in tally.noise_lists() for cell in tally.cells(name)] + [CLEAN] * tally.has_clean
    return GroupSummary(
        utterances=len({utterance_of(row) for row in rows}),
        words=sum(tally.totals(cell).words for cell in every_cell),
        clean_wer=tally.totals(CLEAN).wer if tally.has_clean else None,
        mean_wer=float(np.mean([tally.totals(cell).wer for cell in cells])) if cells else None,
        mean_wer_low=interval[0],
        mean_wer_high=interval[1],
    )
