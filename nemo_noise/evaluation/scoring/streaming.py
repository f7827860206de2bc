# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streaming against offline: WER at every latency, and its paired difference from the model that hears everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from nemo_noise.evaluation.estimate import NO_ESTIMATE, Estimate, record
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.scoring.comparison import compare
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


_NOTHING = StreamingRow(
    chunk_ms=None,
    way=None,
    latency_ms=None,
    reason=None,
    clean=None,
    lists={},
    rtfx=None,
    steps=0,
    step_ms_median=None,
    step_ms_p95=None,
)


def no_streaming(reason: str) -> Streaming:
    """Say why a model has no table."""
    return Streaming(mixtures=0, not_possible=0, rows=[], reason=reason)


def summarize_streaming(
    runs: Sequence[StreamedRun], offline_rows: Sequence[Hypothesis], options: ScoringOptions | None = None
) -> Streaming:
    """Compare streams with the offline rows of the same model on the same mixtures."""
    streamed = {row.trial_id for run in runs for row in run.rows}
    offline = [row for row in offline_rows if row.trial_id in streamed]
    rows = [_offline_row(offline, options)] if offline else []
    rows += [_streamed_row(run, offline, options) for run in runs]
    impossible = sum(run.reason is not None for run in runs)
    return Streaming(mixtures=len(offline), not_possible=impossible, rows=rows, reason=None)


def _offline_row(rows: Sequence[Hypothesis], options: ScoringOptions | None) -> StreamingRow:
    summary = summarize(rows, options)
    clean = summary["clean"]
    return {
        **_NOTHING,
        "way": "offline",
        "clean": None if clean is None else _rates(clean["wer"]),
        "lists": {name: _rates(block["mean_wer"]) for name, block in summary["lists"].items()},
        "rtfx": summary["rtfx"],
    }


def _streamed_row(run: StreamedRun, offline: Sequence[Hypothesis], options: ScoringOptions | None) -> StreamingRow:
    if run.reason is not None:
        return {**_NOTHING, "chunk_ms": run.chunk_ms, "reason": run.reason}
    comparison = compare(run.rows, offline, options)
    steps_ms = 1000.0 * np.array(run.steps_s)
    clean, lists = comparison["clean"], comparison["lists"]
    return StreamingRow(
        chunk_ms=run.chunk_ms,
        way=run.way,
        latency_ms=run.latency_ms,
        reason=None,
        clean=None if clean is None else _rates(clean["wer"], Estimate.read(clean, "difference")),
        lists={name: _rates(block["wer"], Estimate.read(block, "difference")) for name, block in lists.items()},
        rtfx=summarize_speed(run.rows)["rtfx"],
        steps=len(steps_ms),
        step_ms_median=float(np.median(steps_ms)) if len(steps_ms) else None,
        step_ms_p95=float(np.percentile(steps_ms, 95)) if len(steps_ms) else None,
    )


def _rates(wer: float, difference: Estimate = NO_ESTIMATE) -> StreamedRates:
    return record(StreamedRates, wer=wer, difference=difference)
