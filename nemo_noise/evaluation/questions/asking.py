# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What questions ask of models beside transcribing the plan: each model is loaded once, and asked all of it."""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nemo.utils import logging

from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.questions.evidence import Recogniser
from nemo_noise.evaluation.questions.question import Question
from nemo_noise.evaluation.transcription.robustness import RunOptions
from nemo_noise.inference.systems import Kind, kind_of
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model

__all__ = ["Found", "ask_models", "ask_nothing", "examine_plan"]

NO_MODEL = "transcripts come without a model"
NOT_NEMO = "it is asked of NeMo models alone, and this is a "
FROM_ROWS = "it needs the model, and this report is made from hypotheses"

Found = dict[str, Any]  # by the key of the question: what it found, by the name of the model


def ask_models(
    models: Mapping[str, str],
    make_plan: Callable[[int], MixturePlan],
    folder: Path,
    *,
    questions: Sequence[Question],
    options: RunOptions,
    device: torch.device,
) -> Found:
    """Load the models one after the other and ask them; nothing is loaded where nothing is asked.

    Args:
        models: file, folder or name by the name to show; only NeMo models are asked.
        make_plan: builds the plan for a sample rate.
        folder: for what questions save.
        questions: all; those that ask something do.
        options: how to run.
        device: where the models run.

    Returns:
        What was found, or why there is nothing.
    """
    asking = _asking(questions)
    found: Found = {question.key: {} for question in asking}
    for number, (name, source) in enumerate(models.items() if asking else ()):
        kind, path = kind_of(source)
        if kind is not Kind.NEMO:
            for question in asking:
                found[question.key][name] = NO_MODEL if kind is Kind.TRANSCRIPTS else NOT_NEMO + kind.value
                logging.warning(f"{question.asked_by} left out: {found[question.key][name]} ({name})")
            continue
        model = load_model(path, device)
        own = replace(options, transcribe=options.transcribe_of(number)[1])
        recogniser = Recogniser(name, model, make_plan(sample_rate_of(model)), own, folder)
        for question in asking:
            found[question.key][name] = question.ask(recogniser)
        del model, recogniser
        gc.collect()
    for question in asking:
        question.asked(found[question.key], folder)
    return found


def examine_plan(plan: MixturePlan, questions: Iterable[Question]) -> Found:
    """Ask the plan what became of its mixtures."""
    found = {question.key: question.of_plan(plan) for question in questions}
    return {key: answer for key, answer in found.items() if answer is not None}


def ask_nothing(models: Sequence[str], questions: Iterable[Question]) -> Found:
    """Give the reason why rows alone do not answer what is asked of models."""
    return {question.key: dict.fromkeys(models, FROM_ROWS) for question in _asking(questions)}


def _asking(questions: Iterable[Question]) -> list[Question]:
    return [question for question in questions if question.asked_by is not None]
