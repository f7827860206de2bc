# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Utterances whose manifest lines name a language or task: each is transcribed with its own prompt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.evaluation.mixtures.plan import Trial
from nemo_noise.models.whisper.model import WhisperModel

__all__ = ["prompts_of", "same_prompt_batches"]

Prompt = Mapping[str, str]


def prompts_of(model: Any, trials: Iterable[Trial], options: Mapping[str, Any]) -> dict[str, Prompt]:
    """The prompts of a Whisper for the trials whose utterances come from a manifest; of other models none.

    Args:
        model: of any kind.
        trials: those that will be transcribed.
        options: of `transcribe`, for lines that name nothing.

    Returns:
        Options of `transcribe` by trial; nothing for trials without speech, which keep ``options``.

    Raises:
        ManifestError: if a line names a language or task that the model cannot be prompted with; names file:line.
    """
    if not isinstance(model, WhisperModel):
        return {}
    prompts: dict[str, Prompt] = {}
    for trial in trials:
        if trial.entry is not None:
            try:
                prompts[trial.trial_id] = model.prompt_of(trial.entry.fields, options)
            except ValueError as error:
                raise ManifestError(f"{trial.entry.source}: {error}.") from error
    return prompts


def same_prompt_batches(batches: Iterable[Sequence[Trial]], prompts: Mapping[str, Prompt]) -> Iterator[list[Trial]]:
    """Split batches so that all trials of one have the same prompt; NeMo's `transcribe` takes one for all."""
    for batch in batches:
        parts: dict[tuple[tuple[str, str], ...], list[Trial]] = {}
        for trial in batch:
            parts.setdefault(tuple(sorted(prompts.get(trial.trial_id, {}).items())), []).append(trial)
        yield from parts.values()
