# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a model can write the transcripts that it is to learn."""

from collections import Counter
from collections.abc import Callable, Iterable

from nemo.collections.asr.models import ASRModel
from nemo.collections.common.tokenizers import AggregateTokenizer
from nemo.collections.common.tokenizers.sentencepiece_tokenizer import SentencePieceTokenizer

from nemo_noise.foreign_text import printable

__all__ = ["check_characters", "check_transcripts"]

MOST_LINES = 0.01  # of the transcripts that may hold what the model cannot write
NAMED = 12


def check_characters(texts: Iterable[str], labels: Iterable[str], note: Callable[[str], object]) -> None:
    """Refuses transcripts with characters that are none of a model's labels; see `check_transcripts`."""
    known = set(labels)
    _check(texts, lambda character: character in known, note)


def check_transcripts(texts: Iterable[str], model: ASRModel, note: Callable[[str], object]) -> None:
    """Refuses transcripts with characters that are not in the vocabulary of a model.

    Args:
        texts: the different transcripts.
        model: with a tokenizer; one of bytes, as Whisper's, writes all characters.
        note: gets a line where a few hold such characters.

    Raises:
        ValueError: more than one in a hundred holds one; names the characters and what to do.
    """
    tokenizers = _sentence_pieces(getattr(model, "tokenizer", None))
    if tokenizers:
        _check(texts, lambda character: any(_knows(one, character) for one in tokenizers), note)


def _check(texts: Iterable[str], is_known: Callable[[str], bool], note: Callable[[str], object]) -> None:
    texts = list(texts)
    unknown = {one for text in texts for one in text if not one.isspace()}
    unknown = {one for one in unknown if not is_known(one)}
    if not unknown:
        return
    lines = [text for text in texts if unknown & set(text)]
    counts = Counter(character for text in lines for character in text if character in unknown)
    listed = printable(" ".join(character for character, _ in counts.most_common(NAMED)))
    example = printable(lines[0], 80)
    count = f"{len(lines)} of {len(texts)} transcripts"
    found = f"text: {count} hold what the model cannot write ({listed}), as in {example!r}"
    if len(lines) <= MOST_LINES * len(texts):
        note(f"{found}: they are trained on without")
        return
    raise ValueError(f"{found}: {_remedy(unknown, is_known)}")


def _remedy(unknown: set[str], is_known: Callable[[str], bool]) -> str:
    steps = ["lower"] if any(one.isupper() and is_known(one.lower()) for one in unknown) else []
    steps += ["strip_punctuation"] if any(not one.isalnum() for one in unknown) else []
    if steps:
        return f"normalise them by --normalize {','.join(steps)}"
    return "write the transcripts in the model's own characters, or take a model for this language"


def _sentence_pieces(tokenizer: object) -> list[SentencePieceTokenizer]:
    """The tokenizers of SentencePiece in one; none where it is of another kind."""
    if isinstance(tokenizer, AggregateTokenizer):
        return [one for each in tokenizer.tokenizers_dict.values() for one in _sentence_pieces(each)]
    return [tokenizer] if isinstance(tokenizer, SentencePieceTokenizer) else []


def _knows(tokenizer: SentencePieceTokenizer, character: str) -> bool:
    processor = tokenizer.tokenizer
    return processor.unk_id() not in processor.encode_as_ids(character)
