# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The JSON line of a mixture, in an export and in hypotheses, and its name."""

from collections import Counter
from collections.abc import Sequence

from nemo_noise.evaluation.hypothesis import PLAIN, Hypothesis
from nemo_noise.evaluation.mixtures.names import file_name
from nemo_noise.evaluation.mixtures.plan import Mixture, MixturePlan, Trial

__all__ = ["as_hypothesis", "describe_mixture", "name_mixtures"]


def name_mixtures(trials: Sequence[Trial]) -> dict[str, str]:
    """Give every mixture a name that is also a file name: "utt7.unseen.-5dB", "utt7.clean", "silence-10s".

    Args:
        trials: of one plan.

    Returns:
        Name by trial id; where two would be alike they end in the start of their trial id.
    """
    names = {}
    for trial in trials:
        name = trial.utterance_id
        if not trial.condition.is_speech_free:
            name += ".clean" if trial.snr_db is None else f".{trial.noise_list}.{trial.snr_db:g}dB"
            name += "" if trial.place == PLAIN else f".{trial.place.room}.{trial.place.channel}"
        names[trial.trial_id] = file_name(name)
    times = Counter(name.lower() for name in names.values())  # some file systems do not tell case apart
    return {key: name if times[name.lower()] == 1 else f"{name}.{key[:8]}" for key, name in names.items()}


def describe_mixture(trial: Trial, mixture: Mixture, mixture_seed: int) -> dict[str, object]:
    """Write the manifest line of the speech again, with what was mixed: what does not depend on the model."""
    described: dict[str, object] = {
        "utterance_id": trial.utterance_id,
        "text": "" if trial.entry is None else trial.entry.text or "",
        "condition": trial.condition.value,
        "noise_list": trial.noise_list,
        "noise_label": mixture.noise_label,
        "snr_db": trial.snr_db,
        "noise_file": mixture.noise_file,
        "noise_offset_s": mixture.noise_offset_s,
        "mixture_sha256": mixture.sha256,
        **({} if mixture.before is None else {"preroll_samples": len(mixture.before)}),
        "mixture_seed": mixture_seed,
        "trial_id": trial.trial_id,
        **({} if trial.place == PLAIN else trial.place._asdict()),
    }
    return {**({} if trial.entry is None else trial.entry.fields), **described}


def as_hypothesis(
    plan: MixturePlan, trial: Trial, mixture: Mixture, *, training_seed: int | None, **measured: object
) -> Hypothesis:
    """Write down what a model wrote for a mixture.

    `measured` are `model`, `model_fingerprint`, `pred_text` and what was measured.
    """
    length = {"duration": round(len(mixture.samples) / plan.sample_rate, 4), "seed": training_seed}
    around = {"around_s": plan.around_s} if plan.around_s else {}
    return Hypothesis.of({**describe_mixture(trial, mixture, plan.seed), **measured, **length, **around})
