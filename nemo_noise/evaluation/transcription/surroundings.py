# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One model over the mixtures of a plan with noise around the speech, at several lengths."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nemo.collections.asr.models import ASRModel

from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.choice import choose_trials
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.transcription.arms import Arm
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.recogniser.facts import longest_s_of

__all__ = ["SurroundedRun", "SurroundingsOptions", "run_surrounded"]


@dataclass(frozen=True)
class SurroundingsOptions:
    """What goes around the speech.

    Attributes:
        around_s: seconds on each side, one run each; none for no runs.
        trials: at most about so many trials with speech, whole utterances with all their mixtures; None for all.
    """

    around_s: Sequence[float] = ()
    trials: int | None = None


@dataclass(frozen=True)
class SurroundedRun:
    """The rows of one model with seconds of noise on each side of the speech.

    Attributes:
        around_s: the seconds.
        rows: of the mixtures that fit into what the model takes.
    """

    around_s: float
    rows: Sequence[Hypothesis]


def run_surrounded(
    name: str,
    model: ASRModel,
    plan: MixturePlan,
    *,
    path: str | Path,
    surroundings: SurroundingsOptions,
    options: RunOptions,
) -> list[SurroundedRun] | str:
    """Run a model at every length, on the trials that `choose_trials` takes and that are not too long for it.

    Args:
        name: of the model.
        model: the model.
        plan: all trials.
        path: JSON lines of the rows; a killed run goes on from there.
        surroundings: what goes around the speech.
        options: how to run.

    Returns:
        One run for each length, in order, all of the same utterances; a text where all utterances are too long.
    """
    chosen = choose_trials(plan.trials, surroundings.trials)
    longest_s = longest_s_of(getattr(model, "preprocessor", None))
    if longest_s is not None:
        room_s = longest_s - 2 * max(surroundings.around_s)
        chosen = [trial for trial in chosen if trial.claimed_duration_s <= room_s]
        if not chosen:
            return f"no utterance and {max(surroundings.around_s):g} s around it are within {longest_s:g} s"
    own, runs = replace(options, latency_utterances=0), []
    for seconds in surroundings.around_s:
        arm = Arm(f"{name}+around_{seconds:g}s", model)
        rows = run_arm(arm, plan.surrounded(chosen, seconds), path, options=own)
        runs.append(SurroundedRun(seconds, rows))
    return runs
