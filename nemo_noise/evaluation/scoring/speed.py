# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The cost of a model: seconds of audio per second, delay of one utterance, memory, parameters."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from nemo_noise.evaluation.scoring.hypotheses import Row


class SpeedSummary(TypedDict):
    """What a model costs; null where no row says it.

    `rtfx` is measured in batches, `latency_ms_*` on utterances alone; `peak_memory_mb` is that of the device on CUDA,
    of the process on a CPU.
    """

    audio_s: float | None
    transcribe_s: float | None
    rtfx: float | None
    latency_utterances: int
    latency_ms_median: float | None
    latency_ms_p95: float | None
    parameters: int | None
    peak_memory_mb: float | None


def summarize_speed(rows: Sequence[Row]) -> SpeedSummary:
    """Read the cost of a model from its rows.

    Args:
        rows: hypothesis rows of one model, with `duration` and `transcribe_s`, `latency_s`, `parameters`,
            `peak_memory_mb` where they were measured.

    Returns:
        The cost.
    """
    timed = [row for row in rows if row.get("transcribe_s") is not None and row.get("duration") is not None]
    audio_s = sum(float(row["duration"]) for row in timed) if timed else None
    transcribe_s = sum(float(row["transcribe_s"]) for row in timed) if timed else None
    delays_ms = [1000 * float(row["latency_s"]) for row in rows if row.get("latency_s") is not None]
    return SpeedSummary(
        audio_s=audio_s,
        transcribe_s=transcribe_s,
        rtfx=audio_s / transcribe_s if audio_s is not None and transcribe_s else None,
        latency_utterances=len(delays_ms),
        latency_ms_median=float(np.median(delays_ms)) if delays_ms else None,
        latency_ms_p95=float(np.percentile(delays_ms, 95)) if delays_ms else None,
        parameters=max((int(row["parameters"]) for row in rows if row.get("parameters") is not None), default=None),
        peak_memory_mb=max(
            (float(row["peak_memory_mb"]) for row in rows if row.get("peak_memory_mb") is not None), default=None
        ),
    )
