# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A language model for a recogniser: texts, cut into the recogniser's tokens or into words, become an ARPA file.

Texts are manifests or sentences, recognised by what is in them, not by their names.
"""

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.parts.submodules.ngram_lm import DEFAULT_TOKEN_OFFSET
from nemo.collections.common.tokenizers import AggregateTokenizer
from nemo.utils import logging

from nemo_noise import whole_file
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.foreign_text import printable
from nemo_noise.inference.decoding.kneser_ney import check_order, estimate, write_arpa
from nemo_noise.recogniser.facts import vocabulary_of

__all__ = [
    "Estimator",
    "TextError",
    "TextLine",
    "Unit",
    "UnknownText",
    "find_lmplz",
    "read_text",
    "tokens_of",
    "train_ngram",
]

_MARK = b"\xef\xbb\xbf"  # of byte order; some editors put it before UTF-8
_OTHERS = {
    b"\x1f\x8b": "is packed by gzip",
    b"BZh": "is packed by bzip2",
    b"\xfd7zXZ": "is packed by xz",
    b"PK\x03\x04": "is packed by zip (an office document?)",
    b"%PDF": "is a PDF",
    b"\xff\xfe": "is UTF-16",
    b"\xfe\xff": "is UTF-16",
    b"<?xml": "is XML",
    b"<!doctype": "is HTML",
    b"<html": "is HTML",
    b"webvtt": "is a file of subtitles",
    b"\\data\\": "is a language model (ARPA)",
}
_EXPECTED = "expected a NeMo manifest, or UTF-8 text with one sentence a line"


class TextError(ValueError):
    """A text, or a line of it, that cannot be learned from; the message starts with the file, and the line if any."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class TextLine(NamedTuple):
    """One sentence, and ``file:line`` for messages."""

    text: str
    source: str


class Unit(str, Enum):
    """The words of the model: the recogniser's tokens for NeMo's searches, words for pyctcdecode."""

    TOKEN = "token"  # noqa: S105  not a password
    WORD = "word"


class UnknownText(str, Enum):
    """What happens to a sentence that the recogniser's tokens cannot write."""

    REFUSE = "refuse"
    SKIP = "skip"


class Estimator(str, Enum):
    """Who estimates: KenLM's ``lmplz`` where it is on the PATH and ours elsewhere, or one of them."""

    AUTO = "auto"
    LMPLZ = "lmplz"
    OURS = "ours"


def train_ngram(
    model: ASRModel,
    texts: str | Path | Sequence[str | Path],
    arpa: str | Path,
    *,
    order: int,
    unit: Unit = Unit.TOKEN,
    unknown: UnknownText = UnknownText.REFUSE,
    estimator: Estimator = Estimator.AUTO,
    lmplz_memory: str = "1G",
) -> int:
    """Trains an n-gram language model for the searches of a recogniser; returns the number of its sentences.

    Args:
        model: the recogniser, whose tokens count.
        texts: one or several NeMo manifests, recognised by their content, or UTF-8 text files, one sentence a line.
        arpa: the file to write.
        order: tokens or words of the longest n-gram.
        unit: tokens for NeMo's searches, words for pyctcdecode.
        unknown: what happens to sentences that the recogniser cannot write.
        estimator: lmplz or ours.
        lmplz_memory: in lmplz's own notation.

    Raises:
        TextError: if a text cannot be used.
        ValueError: if the order is out of range.
        FileNotFoundError: if lmplz is chosen and not on the PATH.
    """
    check_order(order)
    texts = [texts] if isinstance(texts, str | Path) else texts
    lines = [line for path in texts for line in read_text(Path(path))]
    if not lines:
        raise TextError(f"{', '.join(map(str, texts)) or 'texts'}: holds no sentence, expected some to learn from")
    if unit is Unit.TOKEN:
        encode = tokens_of(model)
        sentences = _encode_all(lines, encode, unknown)
    else:
        sentences = [unicodedata.normalize("NFC", line.text).split() for line in lines]
    lmplz = None if estimator is Estimator.OURS else find_lmplz()
    if estimator is Estimator.LMPLZ and lmplz is None:
        raise FileNotFoundError(
            "estimator=lmplz, but there is no lmplz on the PATH: build KenLM, or use estimator=ours."
        )
    if lmplz is None:
        write_arpa(estimate(sentences, order), arpa)
    else:
        _run_lmplz(lmplz, sentences, arpa=Path(arpa), order=order, memory=lmplz_memory)
    logging.info(f"{arpa}: {order}-gram of {unit.value}s from {len(sentences)} sentences, by {lmplz or 'ours'}")
    return len(sentences)


def read_text(path: Path) -> Iterator[TextLine]:
    """Reads the sentences of a manifest (its first line is a JSON object) or a text file, without blanks around them.

    Raises:
        TextError: if the file is missing, packed, no UTF-8, or of another format; or a line of text is JSON.
        ManifestError: if a manifest cannot be used.
    """
    if not os.path.isfile(path):  # noqa: PTH113  Path.is_file raises for names that are too long
        raise TextError(f"{path}: no such file, {_EXPECTED}")
    if path.suffix in (".json", ".jsonl") or _begins_with_object(path):
        for entry in read_manifest(path):
            if entry.text is None:
                raise TextError(f"{entry.source}: has no `text`, expected a transcript")
            if entry.text.strip():
                yield TextLine(entry.text.strip(), entry.source)
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            text = _sentence(raw.removeprefix(_MARK) if number == 1 else raw, f"{path}:{number}")
            if text:
                yield TextLine(text, f"{path}:{number}")


def find_lmplz() -> str | None:
    """Where KenLM's estimator is, None if it is not on the PATH; no package of PyPI brings it."""
    return shutil.which("lmplz")


def tokens_of(model: ASRModel) -> Callable[[str], list[int]]:
    """A function from a text to the recogniser's token ids; a ValueError for what they cannot write.

    Raises:
        TypeError: if the tokens depend on the language.
    """
    tokenizer = getattr(model, "tokenizer", None)
    if isinstance(tokenizer, AggregateTokenizer):
        raise TypeError(f"{type(model).__name__} has one tokenizer per language, for which no n-gram can be trained.")
    if tokenizer is None:
        labels = vocabulary_of(model)
        ids = {label: number for number, label in enumerate(labels)}

        def encode_characters(text: str) -> list[int]:
            unknown = sorted(set(text) - ids.keys())
            if unknown:
                raise ValueError(f"the recogniser has no {''.join(unknown)!r}, its characters are {labels}")
            return [ids[character] for character in text]

        return encode_characters
    unknown_id = getattr(tokenizer, "unk_id", None)

    def encode_subwords(text: str) -> list[int]:
        tokens = [int(token) for token in tokenizer.text_to_ids(text)]
        if unknown_id in tokens:
            raise ValueError(f"{text!r} has characters that the recogniser's tokenizer does not have")
        return tokens

    return encode_subwords


def _encode_all(lines: list[TextLine], encode: Callable[[str], list[int]], unknown: UnknownText) -> list[list[str]]:
    """Sentences in the notation of NeMo's searches: a token is a character, that of its number plus an offset."""
    sentences, skipped = [], []
    for line in lines:
        try:
            tokens = _encode(line.text, encode)
        except ValueError as error:
            if unknown is UnknownText.REFUSE:
                raise TextError(
                    f"{line.source}: {error}; change the text, or skip such sentences (unknown_text=skip)"
                ) from error
            skipped.append(f"{line.source}: {error}")
            continue
        sentences.append([chr(token + DEFAULT_TOKEN_OFFSET) for token in tokens])
    if skipped:
        logging.warning(f"{len(skipped)} of {len(lines)} sentences are skipped, the first is {skipped[0]}")
    if not sentences:
        raise TextError("no sentence is left to learn from")
    return sentences


def _encode(text: str, encode: Callable[[str], list[int]]) -> list[int]:
    try:
        return encode(text)
    except ValueError:
        for form in ("NFC", "NFD"):
            with suppress(ValueError):
                return encode(unicodedata.normalize(form, text))
        raise


def _run_lmplz(lmplz: str, sentences: list[list[str]], *, arpa: Path, order: int, memory: str) -> None:
    text = "".join(" ".join(sentence) + "\n" for sentence in sentences)
    with whole_file.writing(arpa) as partial:
        command = [lmplz, "--order", str(order), "--memory", memory, "--discount_fallback", "--arpa", str(partial)]
        done = subprocess.run(command, input=text.encode("utf-8"), capture_output=True, check=False)
        if done.returncode != 0:
            messages = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
            reason = messages[-1] if messages else "no message"
            raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}: {reason}")


def _begins_with_object(path: Path) -> bool:
    with path.open("rb") as file:
        first = next((line for line in file if line.removeprefix(_MARK).strip()), b"").removeprefix(_MARK).strip()
    for start, what in _OTHERS.items():
        if first.lower().startswith(start.lower()):
            raise TextError(f"{path}: {what}, {_EXPECTED}")
    return first.startswith(b"{") and _is_json(first)


def _sentence(raw: bytes, place: str) -> str:
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise TextError(f"{place}: is not UTF-8 ({error.reason}), expected text in UTF-8") from error
    if "\0" in text:
        raise TextError(f"{place}: holds zero bytes (UTF-16?), expected text in UTF-8")
    if text[:1] in ("{", "[") and (len(text) == 1 or _is_json(raw)):
        raise TextError(f"{place}: is JSON ({text[:40]!r}), {_EXPECTED}")
    return text


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True
