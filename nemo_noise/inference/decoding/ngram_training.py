# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A language model for a recogniser: its texts cut into the recogniser's tokens or into words, and an ARPA file."""

import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.parts.submodules.ngram_lm import DEFAULT_TOKEN_OFFSET
from nemo.collections.common.tokenizers import AggregateTokenizer
from nemo.utils import logging

from nemo_noise import whole_file
from nemo_noise.inference.decoding.kneser_ney import check_order, estimate, write_arpa
from nemo_noise.inference.decoding.ngram_texts import TextError, TextLine, read_text
from nemo_noise.recogniser.facts import vocabulary_of

__all__ = ["Estimator", "TextError", "Unit", "UnknownText", "find_lmplz", "tokens_of", "train_ngram"]


class Unit(str, Enum):
    """What the model's words are: the recogniser's tokens, as NeMo's searches want, or words, as pyctcdecode wants."""

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
    """Train an n-gram language model for the searches of a recogniser.

    Args:
        model: the recogniser, whose tokens count.
        texts: one or several NeMo manifests, recognised by their content, or UTF-8 text files, one sentence a line.
        arpa: the file to write.
        order: tokens or words of the longest n-gram.
        unit: tokens for NeMo's searches, words for pyctcdecode.
        unknown: what to do with sentences that the recogniser cannot write.
        estimator: who estimates.
        lmplz_memory: how much memory lmplz may take, as it takes such numbers.

    Returns:
        How many sentences were learned from.

    Raises:
        TextError: if a text cannot be used.
        ValueError: if the order is out of range.
        FileNotFoundError: if lmplz is asked for and not on the PATH.
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


def find_lmplz() -> str | None:
    """Where KenLM's estimator is, None if it is not on the PATH; no package of PyPI brings it."""
    return shutil.which("lmplz")


def tokens_of(model: ASRModel) -> Callable[[str], list[int]]:
    """A function from a text to the recogniser's token ids; it raises a ValueError for what they cannot write.

    Args:
        model: a NeMo recogniser with subword tokens or characters.

    Raises:
        TypeError: if its tokens depend on the language.
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
                raise ValueError(f"the recogniser does not know {''.join(unknown)!r}, its characters are {labels}")
            return [ids[character] for character in text]

        return encode_characters
    unknown_id = getattr(tokenizer, "unk_id", None)

    def encode_subwords(text: str) -> list[int]:
        tokens = [int(token) for token in tokenizer.text_to_ids(text)]
        if unknown_id in tokens:
            raise ValueError(f"{text!r} has characters that the recogniser's tokenizer does not know")
        return tokens

    return encode_subwords


def _encode_all(lines: list[TextLine], encode: Callable[[str], list[int]], unknown: UnknownText) -> list[list[str]]:
    """Sentences as NeMo's searches write their tokens: each a character, that of the token's number plus an offset."""
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
    """Tokens of a text as it is, or with its accents composed or decomposed where the recogniser writes them so."""
    try:
        return encode(text)
    except ValueError:
        for form in ("NFC", "NFD"):
            with suppress(ValueError):
                return encode(unicodedata.normalize(form, text))
        raise


def _run_lmplz(lmplz: str, sentences: list[list[str]], *, arpa: Path, order: int, memory: str) -> None:
    """KenLM's estimator, with the discounts that ours takes where there is too little text to estimate them."""
    text = "".join(" ".join(sentence) + "\n" for sentence in sentences)
    with whole_file.writing(arpa) as partial:
        command = [lmplz, "--order", str(order), "--memory", memory, "--discount_fallback", "--arpa", str(partial)]
        done = subprocess.run(command, input=text.encode("utf-8"), capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
            reason = said[-1] if said else "no message"
            raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}: {reason}")
