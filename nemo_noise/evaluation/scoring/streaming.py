# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streaming against offline: WER at every latency, and its paired difference from the model that hears everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.scoring.comparison import Difference, compare
from nemo_noise.evaluation.scoring.speed import summarize_speed
from nemo_noise.evaluation.scoring.summary import summarize
from nemo_noise.evaluation.scoring.tally import ScoringOptions


@dataclass(frozen=True)
class StreamedRun:
    """One latency of one model.

    Attributes:
        chunk_ms: as asked for.
        reason: why it is not possible; None where it is. All below is empty where it is not.
        way: cache-aware or overlapping chunks, with what keeps the model from the former.
        latency_ms: the algorithmic latency.
        rows: hypothesis rows.
        steps_s: seconds of single steps, one stream alone.
    """

    chunk_ms: float
    reason: str | None = None
    way: str | None = None
    latency_ms: float | None = None
    rows: Sequence[Hypothesis] = ()
    steps_s: Sequence[float] = field(default=())


class StreamedRates(TypedDict):
    """WER in one condition, with the interval of the difference from offline; all differences null for offline."""

    wer: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None


class StreamingRow(TypedDict):
    """One line of the table. `reason` says why a latency is not possible; then all numbers are null.

    `chunk_ms` and `latency_ms` are null offline; `step_ms_*` are those of one stream alone, of the encoder.
    """

    chunk_ms: float | None
    way: str | None
    latency_ms: float | None
    reason: str | None
    clean: StreamedRates | None
    lists: dict[str, StreamedRates]
    rtfx: float | None
    steps: int
    step_ms_median: float | None
    step_ms_p95: float | None


class Streaming(TypedDict):
    """All latencies of one model, offline first; `reason` says why there is none at all."""

    mixtures: int
    not_possible: int
    rows: list[StreamingRow]
    reason: str | None


def no_streaming(reason: str) -> Streaming:
    """Say why a model has no table."""
    return Streaming(mixtures=0, not_possible=0, rows=[], reason=reason)


def summarize_streaming(
    runs: Sequence[StreamedRun], offline_rows: Sequence[Hypothesis], options: ScoringOptions | None = None
) -> Streaming:
    """Compare streams with what the model says offline about the very same mixtures.

    Args:
        runs: of `run_streams`.
        offline_rows: rows of the same model; those of other mixtures are left out.
        options: how to score; None takes the defaults.

    Returns:
        The table, ready for JSON.
    """
    streamed = {row.trial_id for run in runs for row in run.rows}
    offline = [row for row in offline_rows if row.trial_id in streamed]
    rows = [_offline_row(offline, options)] if offline else []
    for run in runs:
        rows.append(_streamed_row(run, offline, options) if run.reason is None else _impossible(run))
    impossible = sum(run.reason is not None for run in runs)
    return Streaming(mixtures=len(offline), not_possible=impossible, rows=rows, reason=None)


def _offline_row(rows: Sequence[Hypothesis], options: ScoringOptions | None) -> StreamingRow:
    summary = summarize(rows, options)
    unknown = {"difference": None, "difference_low": None, "difference_high": None}
    clean = summary["clean"]
    return StreamingRow(
        chunk_ms=None,
        way="offline",
        latency_ms=None,
        reason=None,
        clean=None if clean is None else StreamedRates(wer=clean["wer"], **unknown),  # type: ignore[typeddict-item]
        lists={
            name: StreamedRates(wer=block["mean_wer"], **unknown)  # type: ignore[typeddict-item]
            for name, block in summary["lists"].items()
        },
        rtfx=summary["rtfx"],
        steps=0,
        step_ms_median=None,
        step_ms_p95=None,
    )


def _streamed_row(run: StreamedRun, offline: Sequence[Hypothesis], options: ScoringOptions | None) -> StreamingRow:
    comparison = compare(run.rows, offline, options)
    steps_ms = 1000.0 * np.array(run.steps_s)
    return StreamingRow(
        chunk_ms=run.chunk_ms,
        way=run.way,
        latency_ms=run.latency_ms,
        reason=None,
        clean=None if comparison["clean"] is None else _rates(comparison["clean"]),
        lists={name: _rates(block) for name, block in comparison["lists"].items()},
        rtfx=summarize_speed(run.rows)["rtfx"],
        steps=len(steps_ms),
        step_ms_median=float(np.median(steps_ms)) if len(steps_ms) else None,
        step_ms_p95=float(np.percentile(steps_ms, 95)) if len(steps_ms) else None,
    )


def _impossible(run: StreamedRun) -> StreamingRow:
    return StreamingRow(
        chunk_ms=run.chunk_ms,
        way=None,
        latency_ms=None,
        reason=run.reason,
        clean=None,
        lists={},
        rtfx=None,
        steps=0,
        step_ms_median=None,
        step_ms_p95=None,
    )


def _rates(difference: Difference) -> StreamedRates:
    return StreamedRates(
        wer=difference["wer"],
        difference=difference["difference"],
        difference_low=difference["difference_low"],
        difference_high=difference["difference_high"],
    )
