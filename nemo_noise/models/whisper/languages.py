# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Language and task of Whisper's prompt, from the fields of a manifest line.

The spoken language is ``source_lang``, ``lang`` or ``language``; ``target_lang`` is that of the text: the spoken one,
or English for a translation. Whisper writes no other.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lhotse.cut import Cut, MixedCut
from torch import Tensor

from nemo.collections.common.data.prompt_fn import registered_prompt_format_fn
from nemo.utils import logging, logging_mode

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.foreign_text import printable
from nemo_noise.models.whisper.tokenizer import TASKS, WhisperPromptFormatter, WhisperTokenizer

__all__ = ["check_languages", "encode_cut", "slots_of_line"]

SPOKEN = ("source_lang", "lang", "language")
WRITTEN = "target_lang"
TASK = "taskname"
TRANSCRIBE = "<|transcribe|>"


def slots_of_line(
    fields: Mapping[str, Any], defaults: Mapping[str, str], tokenizer: WhisperTokenizer
) -> dict[str, str]:
    """The slots of the prompt, ``source_lang`` and ``taskname``, for the fields of a manifest line.

    ``defaults`` fill what the line leaves out. The languages of a line are left out for an English-only model, with
    one warning.

    Raises:
        ValueError: if a language or task is unknown, two fields disagree, or Whisper does not write the text's
            language.
    """
    given = {name: fields[name] for name in (*SPOKEN, WRITTEN) if fields.get(name) not in (None, "")}
    task = fields.get(TASK) or None
    if task is not None and task not in TASKS:
        raise ValueError(f"{TASK}={_shown(task)} must be one of {sorted(TASKS)}")
    if not tokenizer.is_multilingual:
        _warn_of_languages_left_out(given)
        return dict(defaults) | ({TASK: task} if task else {})
    codes = {name: _code(name, value, tokenizer) for name, value in given.items()}
    default = _code("source_lang", defaults["source_lang"], tokenizer)
    spoken = next((codes[name] for name in SPOKEN if name in codes), None)
    written = codes.get(WRITTEN)
    if spoken is None:
        spoken = written if written not in (None, "en") else default
    others = {name: code for name, code in codes.items() if name != WRITTEN and code != spoken}
    if "source_lang" in codes and others and set(others.values()) <= {written or "en"}:
        written = written or "en"  # NeMo's `lang` is that of the text
        others = {}
    if others:
        raise ValueError(
            f"{', '.join(f'{name}={_shown(given[name])}' for name in given)}: these fields name two spoken languages; "
            "must name one"
        )
    return {"source_lang": str(spoken), TASK: _task(task, spoken=str(spoken), written=written, default=defaults[TASK])}


def check_languages(
    manifests: str | Path | Iterable[Any], defaults: Mapping[str, str], tokenizer: WhisperTokenizer
) -> None:
    """Refuse manifests with a line whose language or task cannot be prompted, before any audio is read.

    ``manifests`` is a JSON-lines file, or lists of them, nested as NeMo's loaders take them. What is no file, or no
    JSON, is left to the loader.

    Raises:
        ManifestError: it names file and line.
    """
    for manifest in _files(manifests):
        with Path(manifest).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if b"lang" not in line and TASK.encode() not in line:
                    continue
                try:
                    fields = json.loads(line)
                except ValueError:
                    continue
                try:
                    slots_of_line(fields if isinstance(fields, dict) else {}, defaults, tokenizer)
                except ValueError as error:
                    raise ManifestError(f"{manifest}:{number}: {error}.") from error


@registered_prompt_format_fn(Cut, WhisperPromptFormatter)
def encode_cut(cut: Cut, prompt: WhisperPromptFormatter) -> dict[str, Tensor]:
    """Encode the language, the task and the text of a Lhotse cut; without text its answer is the end token alone.

    Returns:
        ``input_ids`` (prompt and answer), ``context_ids`` (prompt), ``answer_ids`` (text without the end token).

    Raises:
        ValueError: if a language or task cannot be prompted; it names the audio.
    """
    if isinstance(cut, MixedCut):
        cut = cut._first_non_padding_cut
    (defaults,) = prompt.get_default_dialog_slots()
    fields = dict(cut.custom or {})
    if not any(fields.get(name) for name in (*SPOKEN, WRITTEN)):
        fields["lang"] = next((segment.language for segment in cut.supervisions if segment.language), None)
    try:
        slots = slots_of_line(fields, defaults["slots"], prompt.tokenizer)
    except ValueError as error:
        sources = cut.recording.sources if cut.has_recording else []
        where = next((source.source for source in sources if isinstance(source.source, str)), cut.id)
        raise ValueError(f"{printable(where)}: {error}.") from error
    text = " ".join(segment.text for segment in cut.supervisions if segment.text)
    turns = [{"role": "user", "slots": slots}, {"role": "assistant", "slots": {"text": text}}]
    encoded = dict(prompt.encode_dialog(turns))
    encoded["answer_ids"] = encoded["answer_ids"][:-1]
    return encoded


def _task(task: str | None, *, spoken: str, written: str | None, default: str) -> str:
    """The task of a line; ``written`` is the language of its text."""
    if written is not None and written not in (spoken, "en"):
        raise ValueError(
            f"{WRITTEN}={_shown(written)} with {SPOKEN[0]}={_shown(spoken)}: Whisper writes the spoken language, or "
            "translates to 'en'"
        )
    if task is None:
        return default if written is None else ("asr" if written == spoken else "translate")
    if TASKS[task] == TRANSCRIBE and written not in (None, spoken):
        raise ValueError(
            f"{TASK}={_shown(task)} with {SPOKEN[0]}={_shown(spoken)} and {WRITTEN}={_shown(written)}: to write "
            f"another language, {TASK} must be 'translate'"
        )
    return task


def _files(manifests: Any) -> Iterator[Path]:
    if isinstance(manifests, str | Path):
        if Path(manifests).is_file():
            yield Path(manifests)
    elif isinstance(manifests, Iterable):
        for part in manifests:
            yield from _files(part)


def _code(name: str, value: Any, tokenizer: WhisperTokenizer) -> str:
    code = tokenizer.language_code(value) if isinstance(value, str) else None
    if code is None:
        raise ValueError(
            f"{name}={_shown(value)} is no language of this Whisper tokenizer; must be a code or a name, such as 'de' "
            "or 'german'"
        )
    return code


def _warn_of_languages_left_out(given: Mapping[str, Any]) -> None:
    other = {name: value for name, value in given.items() if not _is_english(value)}
    if other:
        logging.warning(
            f"{', '.join(f'{name}={_shown(value)}' for name, value in other.items())} of manifest lines is left out: "
            "this Whisper only transcribes English.",
            mode=logging_mode.ONCE,
        )


def _is_english(value: Any) -> bool:
    return str(value).lower().strip("<|>").replace("_", "-").split("-")[0] in ("en", "eng", "english")


def _shown(value: Any) -> str:
    return printable(repr(value), longest=60)
