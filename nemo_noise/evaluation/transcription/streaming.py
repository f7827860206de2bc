# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streams over a plan: one model at several latencies, each on the same trials; what it cannot do is kept with why."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.checks import is_number
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.choice import check_count, choose_trials
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.transcription.arms import Arm
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.inference.decoding.guarded_transcription import transcribe_guarded
from nemo_noise.inference.streaming.encoder_streams import (
    EncoderStream,
    NotStreamableError,
    OverlappingStream,
    non_causal_part,
    plan_stream,
    streamed,
)

TIMED_UTTERANCES = 5  # a stream of some seconds has many steps


@dataclass(frozen=True)
class StreamingOptions:
    """What is streamed.

    Attributes:
        latencies_ms: of new audio in a chunk, in ms; none for no streams.
        trials: at most about so many trials with speech, whole utterances with all their mixtures; None for all.
        left_s: seconds before an overlapping chunk that are read again.
    """

    latencies_ms: Sequence[float] = ()
    trials: int | None = None
    left_s: float = 5.0

    def __post_init__(self) -> None:
        given: Any = self.latencies_ms
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise ValueError(f"streaming_ms is {given!r}, should be a list of ms, as in [80, 320], or [] for none")
        for latency in given:
            if not is_number(latency) or latency <= 0:
                raise ValueError(f"streaming_ms holds {latency!r}, should be numbers above 0, in ms")
        repeated = sorted({latency for latency in given if list(given).count(latency) > 1})
        if repeated:
            raise ValueError(f"streaming_ms holds {repeated[0]!r} more than once")
        check_count("streaming_trials", self.trials)
        if not is_number(self.left_s) or self.left_s < 0:
            raise ValueError(f"streaming_left_s is {self.left_s!r}, should be 0 or more, in seconds")


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


def run_streams(
    name: str,
    model: ASRModel,
    plan: MixturePlan,
    *,
    path: str | Path,
    streaming: StreamingOptions,
    options: RunOptions,
) -> list[StreamedRun]:
    """Run a model at every latency, on the trials that `choose_trials` takes.

    Args:
        name: of the model.
        model: the model.
        plan: all trials.
        path: JSON lines of the rows; a killed run goes on from there.
        streaming: what is streamed.
        options: how to run.

    Returns:
        One run for each latency, in order; those that are not possible say why, and are logged.
    """
    part = copy.copy(plan)
    part.trials = choose_trials(plan.trials, streaming.trials)
    runs = []
    for chunk_ms in streaming.latencies_ms:
        try:
            stream = plan_stream(model, chunk_ms, streaming.left_s)
        except NotStreamableError as error:
            logging.warning(f"{name} does not stream at {chunk_ms:g} ms: {error}")
            runs.append(StreamedRun(chunk_ms, reason=str(error)))
            continue
        arm_name, way = f"{name}+streaming_{chunk_ms:g}ms", stream.way
        if isinstance(stream, OverlappingStream):
            arm_name += f"_left_{streaming.left_s:g}s"  # another overlap is another text
            way += f", as {non_causal_part(model)} depends on the future"
        arm = Arm(arm_name, model, partial(_streaming, model, stream))
        rows = run_arm(arm, part, path, options=replace(options, latency_utterances=0))
        timed = min(options.latency_utterances, TIMED_UTTERANCES)
        chosen = part.trials[:: max(1, len(part.trials) // max(1, timed))]
        waveforms = [mixture.samples for _, mixture in part.mixtures_of(chosen)]
        with streamed(model, stream) as steps_s:
            for waveform in waveforms[:timed]:
                transcribe_guarded(model, [waveform], options.transcribe)
        runs.append(
            StreamedRun(chunk_ms, reason=None, way=way, latency_ms=stream.latency_ms, rows=rows, steps_s=list(steps_s))
        )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return runs


@contextmanager
def _streaming(model: ASRModel, stream: EncoderStream) -> Iterator[None]:
    """The block in which a model's encoder streams, as an arm wants it."""
    with streamed(model, stream):
        yield
