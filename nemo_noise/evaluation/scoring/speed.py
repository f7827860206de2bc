# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The cost of a model: seconds of audio per second, delay of one utterance, memory, parameters."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from nemo_noise.evaluation.hypothesis import Hypothesis


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


def summarize_speed(rows: Sequence[Hypothesis]) -> SpeedSummary:
    """Read the cost of a model from its rows, as far as it was measured."""
    timed = [(row.duration_s, row.transcribe_s) for row in rows]
    known = [(audio, spent) for audio, spent in timed if audio is not None and spent is not None]
    audio_s = float(sum(audio for audio, _ in known)) if known else None
    transcribe_s = float(sum(spent for _, spent in known)) if known else None
    delays_ms = [1000 * row.latency_s for row in rows if row.latency_s is not None]
    memories = [float(row.peak_memory_mb) for row in rows if row.peak_memory_mb is not None]
    return SpeedSummary(
        audio_s=audio_s,
        transcribe_s=transcribe_s,
        rtfx=audio_s / transcribe_s if audio_s is not None and transcribe_s else None,
        latency_utterances=len(delays_ms),
        latency_ms_median=float(np.median(delays_ms)) if delays_ms else None,
        latency_ms_p95=float(np.percentile(delays_ms, 95)) if delays_ms else None,
        parameters=max((int(row.parameters) for row in rows if row.parameters is not None), default=None),
        peak_memory_mb=max(memories, default=None),
    )
