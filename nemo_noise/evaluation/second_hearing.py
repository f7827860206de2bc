# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What needs the models once more after they were run: streams, and the contexts of the mixtures."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from nemo.utils import logging

from nemo_noise.evaluation.hypothesis import Hypothesis, by_model
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.probes.context_snr import no_context_snr, summarize_context_snr
from nemo_noise.evaluation.probes.heard_contexts import HeardContexts, NoContextError, hear_contexts
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.streaming import StreamedRun, no_streaming, summarize_streaming
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.robustness import RunOptions, set_aside_other_rows
from nemo_noise.evaluation.transcription.streaming import StreamingOptions, run_streams
from nemo_noise.evaluation.transcription.transcripts import is_transcript_file
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model

NO_MODEL = "transcripts come without a model"
FROM_ROWS = "it needs the model, and this report is made from hypotheses"


@dataclass(frozen=True)
class Questions:
    """What is asked.

    Attributes:
        streaming: the latencies; none for no streams.
        context_snr: whether to ask contexts for the SNR.
    """

    streaming: StreamingOptions = field(default_factory=StreamingOptions)
    context_snr: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.context_snr, bool):
            raise ValueError(f"context_snr is {self.context_snr!r}, should be true or false")


@dataclass(frozen=True)
class SecondHearing:
    """What was heard by model: streams and contexts, or why there are none."""

    streams: Mapping[str, list[StreamedRun] | str] = field(default_factory=dict)
    contexts: Mapping[str, HeardContexts | str] = field(default_factory=dict)


def hear_again(
    models: Mapping[str, str],
    make_plan: Callable[[int], MixturePlan],
    path: str | Path,
    *,
    questions: Questions,
    options: RunOptions,
    device: torch.device,
) -> SecondHearing:
    """Load the models one after the other and ask them what is asked.

    Args:
        models: path or pretrained name by the name to show; files of transcripts have no model.
        make_plan: builds the plan for a sample rate.
        path: JSON lines for the rows of streams; holds exactly those afterwards, others are moved beside it.
        questions: what is asked.
        options: how to run.
        device: where the models run.

    Returns:
        The answers; nothing is loaded where nothing is asked.
    """
    streams: dict[str, list[StreamedRun] | str] = {}
    contexts: dict[str, HeardContexts | str] = {}
    asks_streams = bool(questions.streaming.latencies_ms)
    for number, (name, source) in enumerate(models.items() if asks_streams or questions.context_snr else ()):
        if is_transcript_file(source):
            streams[name], contexts[name] = NO_MODEL, NO_MODEL
            continue
        model = load_model(source, device)
        plan = make_plan(sample_rate_of(model))
        own = replace(options, transcribe=options.transcribe_of(number)[1])
        if asks_streams:
            streams[name] = run_streams(name, model, plan, path=path, streaming=questions.streaming, options=own)
        if questions.context_snr:
            try:
                contexts[name] = hear_contexts(name, model, plan)
            except NoContextError as error:
                logging.warning(f"no SNR from the context of {name}: {error}")
                contexts[name] = str(error)
        del model
        gc.collect()
    rows = [row for runs in streams.values() if not isinstance(runs, str) for run in runs for row in run.rows]
    if rows:
        set_aside_other_rows(path, rows)
    return SecondHearing(streams if asks_streams else {}, contexts if questions.context_snr else {})


def not_heard_again(models: list[str], questions: Questions) -> SecondHearing:
    """Say for each model that its rows alone do not answer what is asked."""
    return SecondHearing(
        dict.fromkeys(models, FROM_ROWS) if questions.streaming.latencies_ms else {},
        dict.fromkeys(models, FROM_ROWS) if questions.context_snr else {},
    )


def add_second_hearing(
    results: Results, again: SecondHearing, rows: list[Hypothesis], *, options: ScoringOptions | None = None
) -> None:
    """Add the answers to results; a key is there only where it was asked for."""
    if again.streams:
        offline = by_model(rows)
        results["streaming"] = {
            name: no_streaming(runs)
            if isinstance(runs, str)
            else summarize_streaming(runs, offline.get(name, []), options)
            for name, runs in again.streams.items()
        }
    if again.contexts:
        results["context_snr"] = {
            name: no_context_snr(heard) if isinstance(heard, str) else summarize_context_snr(heard, options)
            for name, heard in again.contexts.items()
        }
