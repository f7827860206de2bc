# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The language and task that a Whisper in a Hugging Face folder was tuned for, as defaults of the prompt."""

from nemo.utils import logging

from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.json_fields import JsonFields
from nemo_noise.models.whisper.tokenizer import NO_TIMESTAMPS, TASKS, WhisperTokenizer

__all__ = ["NAMES", "default_slots"]

LANGUAGE_POSITION, TASK_POSITION, TIMESTAMPS_POSITION = 1, 2, 3
NAMES = {"<|transcribe|>": "asr", "<|translate|>": "translate"}


def default_slots(generation: JsonFields, tokenizer: WhisperTokenizer) -> dict[str, str]:
    """The slots of the prompt that a folder sets: `language` and `task`, in older folders `forced_decoder_ids`.

    English and transcription where the folder leaves ``source_lang`` and ``taskname`` open. ``generation`` is
    `generation_config.json`, or `config.json` in folders from before there was one.

    Raises:
        ValueError: if the tokenizer lacks the language, or Whisper the task.
    """
    slots = {"source_lang": "en", "taskname": "asr"}
    if not tokenizer.is_multilingual:
        _warn_if_not_english(generation)
        return slots
    slots |= _forced(generation, tokenizer)  # else English
    language, task = generation.values.get("language"), generation.values.get("task")
    if language is not None:
        code = tokenizer.language_code(language) if isinstance(language, str) else None
        if code is None:
            raise generation.refusal("language", "must be a language of the tokenizer, such as 'de' or 'german'")
        slots["source_lang"] = code
    if task is not None:
        if not isinstance(task, str) or task not in TASKS:
            raise generation.refusal("task", "must be 'transcribe' or 'translate'")
        slots["taskname"] = NAMES[TASKS[task]]
    if tokenizer.language_code(slots["source_lang"]) is None:
        raise generation.refusal("language", "must name one, as the tokenizer has no <|en|>")
    return slots


def _forced(generation: JsonFields, tokenizer: WhisperTokenizer) -> dict[str, str]:
    """The slots that `forced_decoder_ids` fix: pairs of position and id, null for what is left open."""
    slots = {}
    for position, number in _pairs(generation, tokenizer):
        token = tokenizer.ids_to_tokens([number])[0]
        if position == LANGUAGE_POSITION and tokenizer.language_code(token) is not None:
            slots["source_lang"] = str(tokenizer.language_code(token))
        elif position == TASK_POSITION and token in NAMES:
            slots["taskname"] = NAMES[token]
        elif position != TIMESTAMPS_POSITION or token != NO_TIMESTAMPS:
            raise generation.refusal(
                "forced_decoder_ids",
                f"has {printable(token, 40)} at position {position}; must be a language at 1, a task at 2 and "
                f"{NO_TIMESTAMPS} at 3",
            )
    return slots


def _warn_if_not_english(generation: JsonFields) -> None:
    language, task = generation.values.get("language"), generation.values.get("task")
    if language not in (None, "en", "english", "<|en|>") or task not in (None, "transcribe"):
        logging.warning(
            f"{generation.file}: language={printable(repr(language), 40)}, task={printable(repr(task), 40)} are "
            "left out: this Whisper only transcribes English."
        )


def _pairs(generation: JsonFields, tokenizer: WhisperTokenizer) -> list[tuple[int, int]]:
    pairs = generation.values.get("forced_decoder_ids")
    if pairs is None:
        return []
    found = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        position, number = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
        is_id = number is None or (type(number) is int and 0 <= number < tokenizer.vocabulary_size)
        if type(position) is not int or not is_id:
            raise generation.refusal(
                "forced_decoder_ids",
                f"must be a list of pairs of a position and a token id below {tokenizer.vocabulary_size}, or null",
            )
        if number is not None:
            found.append((position, number))
    return found
