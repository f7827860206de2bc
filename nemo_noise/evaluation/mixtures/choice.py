# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Some of the trials of a plan, for what is too slow to be done with all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nemo_noise.evaluation.mixtures.plan import Trial

__all__ = ["check_count", "choose_trials"]


def check_count(name: str, count: Any) -> None:
    """Refuse a setting that is no number of trials; None is all.

    Raises:
        ValueError: it is neither None nor a whole number of 1 or more.
    """
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise ValueError(f"{name} is {count!r}, should be 1 or more, or null for all")


def choose_trials(trials: Sequence[Trial], count: int | None) -> list[Trial]:
    """Choose whole utterances at random, the same in every run, with all their mixtures: every cell has the same ones.

    Args:
        trials: of a plan.
        count: at most so many trials, but one utterance at least; None for all.

    Returns:
        Trials with speech in the first room and channel, which the table is about; always the same ones, in the order
        of the plan.
    """
    spoken = [trial for trial in trials if not trial.condition.is_speech_free]
    spoken = [trial for trial in spoken if trial.place == spoken[0].place]
    utterances = list(dict.fromkeys(trial.utterance_id for trial in spoken))
    if count is None or count >= len(spoken):
        return spoken
    kept = max(1, count * len(utterances) // len(spoken))
    drawn = np.random.default_rng(0).choice(len(utterances), kept, replace=False)  # a stride may meet one kind of two
    chosen = {utterances[index] for index in drawn}
    return [trial for trial in spoken if trial.utterance_id in chosen]
