# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hallucination: how much text a model writes where nobody speaks, in noise and in digital silence."""

from collections.abc import Sequence
from typing import TypedDict

from nemo_noise.evaluation.hypothesis import Condition, Hypothesis
from nemo_noise.evaluation.scoring.tally import ScoringOptions


class NoiseOnlySummary(TypedDict):
    """What the model hears where nobody speaks: noise crops, and utterances whose reference is empty."""

    noise_crops: int
    empty_references: int
    share_with_text: float
    characters: int
    minutes: float
    characters_per_minute: float


class SilenceSummary(TypedDict):
    """What the model hears in digital silence; `texts` by the seconds of silence, "10"."""

    pieces: int
    share_with_text: float
    characters: int
    minutes: float
    characters_per_minute: float
    texts: dict[str, str]


def summarize_noise_only(rows: Sequence[Hypothesis], options: ScoringOptions) -> NoiseOnlySummary | None:
    """Count what was written where nobody speaks, digital silence apart; None where there is no such row.

    Raises:
        ValueError: a row without text has no duration.
    """
    silent = [row for row in rows if _is_noise_only(row, options)]
    if not silent:
        return None
    minutes = _minutes(silent)
    texts = [options.written(row) for row in silent]
    characters = sum(len(text) for text in texts)
    crops = sum(row.condition is Condition.NOISE_ONLY for row in silent)
    return NoiseOnlySummary(
        noise_crops=crops,
        empty_references=len(silent) - crops,
        share_with_text=sum(bool(text) for text in texts) / len(texts),
        characters=characters,
        minutes=minutes,
        characters_per_minute=characters / minutes,
    )


def summarize_silence(rows: Sequence[Hypothesis], options: ScoringOptions) -> SilenceSummary | None:
    """Count what was written in digital silence; None where there is none.

    Raises:
        ValueError: a row of silence has no duration.
    """
    silent = [row for row in rows if row.condition is Condition.SILENCE]
    if not silent:
        return None
    minutes = _minutes(silent)
    texts = [(f"{row.duration_s:g}", options.written(row)) for row in silent]
    characters = sum(len(text) for _, text in texts)
    return SilenceSummary(
        pieces=len(silent),
        share_with_text=sum(bool(text) for _, text in texts) / len(texts),
        characters=characters,
        minutes=minutes,
        characters_per_minute=characters / minutes,
        texts=dict(texts),
    )


def _is_noise_only(row: Hypothesis, options: ScoringOptions) -> bool:
    return not options.reference(row) if row.is_spoken else row.condition is Condition.NOISE_ONLY


def _minutes(rows: Sequence[Hypothesis]) -> float:
    """Sum the durations."""
    seconds = 0.0
    for row in rows:
        if row.duration_s is None:
            raise ValueError(f"duration is None in the row of {row.utterance}, which has no text")
        seconds += row.duration_s
    return seconds / 60
