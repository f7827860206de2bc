# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's tokenizer and prompt behind the interfaces of NeMo's multi-task models."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import Tokenizer
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from nemo.collections.common.prompts.formatter import Modality, PromptFormatter
from nemo.collections.common.tokenizers.tokenizer_spec import TokenizerSpec

__all__ = ["END", "NO_TIMESTAMPS", "START", "TASKS", "WhisperPromptFormatter", "WhisperTokenizer"]

START = "<|startoftranscript|>"
END = "<|endoftext|>"
NO_TIMESTAMPS = "<|notimestamps|>"
ENGLISH = ("en", "english", "English", "<|en|>")
LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
TASKS = {
    "asr": "<|transcribe|>",
    "transcribe": "<|transcribe|>",
    "<|transcribe|>": "<|transcribe|>",
    "ast": "<|translate|>",
    "translate": "<|translate|>",
    "<|translate|>": "<|translate|>",
}


class WhisperTokenizer(TokenizerSpec):
    """The tokenizer of a `tokenizer.json`, whose control tokens all stand behind the text tokens.

    In Whisper the end of the text also serves as padding. NeMo leaves padding out of the loss, so a model would never
    learn to stop: here padding has a number of its own, the first one behind Whisper's vocabulary.

    Args:
        file: a `tokenizer.json` of Whisper.
        vocabulary_size: rows V of Whisper's embedding; may exceed the tokenizer's entries (older files do not list
            the time stamps).
        is_multilingual: whether prompts name the language and the task; English-only models do not.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it lacks a token that Whisper needs, or does not fit ``vocabulary_size``.
    """

    def __init__(self, file: str | Path, vocabulary_size: int, is_multilingual: bool = True) -> None:
        if not Path(file).is_file():
            raise FileNotFoundError(f"file={file} does not exist; it must be a tokenizer.json of Whisper.")
        try:
            self.tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing more special
            raise ValueError(
                f"file={file} cannot be read ({error}); it must be a tokenizer.json of Whisper."
            ) from error
        needed = [END, START, NO_TIMESTAMPS] + (["<|transcribe|>"] if is_multilingual else [])
        missing = [token for token in needed if self.tokenizer.token_to_id(token) is None]
        if missing:
            raise ValueError(f"file={file} is no tokenizer of Whisper: it lacks {missing}.")
        if self.tokenizer.get_vocab_size() > vocabulary_size:
            raise ValueError(
                f"vocabulary_size={vocabulary_size}, but {file} has {self.tokenizer.get_vocab_size()} tokens."
            )
        beyond = max(self.tokenizer.get_vocab().values())
        if beyond >= vocabulary_size:
            raise ValueError(f"vocabulary_size={vocabulary_size}, but {file} numbers a token {beyond}.")
        self.vocabulary_size = vocabulary_size
        self.is_multilingual = is_multilingual
        self.bos_id = self.token_to_id(START)
        self.eos_id = self.token_to_id(END)
        self.pad_id = vocabulary_size

    @property
    def vocab_size(self) -> int:
        """Whisper's tokens and the padding; NeMo rounds it up to a multiple of eight."""
        return self.vocabulary_size + 1

    def text_to_ids(self, text: str) -> list[int]:
        """Ids of a text; control tokens written in it are control tokens."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def text_to_tokens(self, text: str) -> list[str]:
        """Tokens of a text."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).tokens)

    def tokens_to_ids(self, tokens: Sequence[str]) -> list[int]:
        """Ids of tokens."""
        return [self.token_to_id(token) for token in tokens]

    def token_to_id(self, token: str) -> int:
        """Id of one token; a ValueError where there is no such token."""
        number = self.tokenizer.token_to_id(token)
        if number is None:
            raise ValueError(f"token={token!r} is none of this Whisper tokenizer.")
        return int(number)

    def language_code(self, name: str) -> str | None:
        """The code, such as `de`, of a language that this tokenizer has a token for; None where it has none.

        ``name`` is written as people do: `de`, `German`, `<|de|>`, `de-DE`.
        """
        plain = name.strip().lower()
        spoken = LANGUAGE.fullmatch(plain)
        written = spoken[1] if spoken else TO_LANGUAGE_CODE.get(plain, plain)
        for code in (written, re.split("[-_]", written)[0]):
            if LANGUAGE.fullmatch(f"<|{code}|>") and self.tokenizer.token_to_id(f"<|{code}|>") is not None:
                return code
        return None

    def ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """Tokens of ids; an id without an entry becomes its number in brackets."""
        return [self.tokenizer.id_to_token(int(number)) or f"<|{int(number)}|>" for number in ids]

    def ids_to_text(self, ids: Sequence[int]) -> str:
        """The text of ids without control tokens, time stamps and padding, and without space around it."""
        text = self.tokenizer.decode([int(number) for number in ids if number < self.eos_id])
        return str(text).strip()

    def tokens_to_text(self, tokens: Sequence[str]) -> str:
        """The text of tokens."""
        return self.ids_to_text(self.tokens_to_ids(tokens))


class WhisperPromptFormatter(PromptFormatter):
    """The tokens before the text: start, language, task, no time stamps; English-only models skip the middle two.

    ``source_lang`` is the spoken language (`en`), ``taskname`` is `asr` or `translate` (to English).
    """

    NAME = "whisper"
    OUTPUT_ROLE = "assistant"
    TEMPLATE: ClassVar[dict[str, Any]] = {
        "user": {
            "template": f"{START}|source_lang||taskname|{NO_TIMESTAMPS}",
            "slots": {"source_lang": Modality.Text, "taskname": Modality.Text},
        },
        OUTPUT_ROLE: {"template": f"|text|{END}", "slots": {"text": Modality.Text}},
    }

    def encode_turn(
        self, prompt_template: str, expected_slots: dict[str, Any], slot_values: Mapping[str, Any]
    ) -> list[int]:
        """Encode one turn; a ValueError where the tokenizer lacks its language, or Whisper its task."""
        if "taskname" in expected_slots:
            language, task = slot_values["source_lang"], slot_values["taskname"]
            slot_values = dict(slot_values) | self._control_tokens(language, task)
        elif slot_values["text"].strip():
            slot_values = dict(slot_values) | {"text": " " + slot_values["text"].strip()}
        return list(super().encode_turn(prompt_template, expected_slots, slot_values))

    def get_default_dialog_slots(self) -> list[dict[str, Any]]:
        """The configured defaults; English and transcription where nothing is configured."""
        (turn,) = super().get_default_dialog_slots()
        slots = {name: value for name, value in turn["slots"].items() if value is not None}
        return [{"role": "user", "slots": {"source_lang": "en", "taskname": "asr"} | slots}]

    def _control_tokens(self, language: str, task: str) -> dict[str, str]:
        if task not in TASKS:
            raise ValueError(f"taskname={task!r} must be one of {sorted(TASKS)}.")
        code = self.tokenizer.language_code(language) if isinstance(language, str) else None
        if not self.tokenizer.is_multilingual:
            if language not in ENGLISH or TASKS[task] != "<|transcribe|>":
                raise ValueError(
                    f"source_lang={language!r} with taskname={task!r}: this Whisper only transcribes English."
                )
            return {"source_lang": "", "taskname": ""}
        if code is None:
            raise ValueError(
                f"source_lang={language!r} is no language of this Whisper tokenizer; must be a code or a name, such "
                "as 'de' or 'german'."
            )
        return {"source_lang": f"<|{code}|>", "taskname": TASKS[task]}
