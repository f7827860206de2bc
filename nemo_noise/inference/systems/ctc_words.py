# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of transformers' CTC models: how many are those of the audio, and in which the letters of a word stand."""

from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from nemo_noise.inference.systems.contract import TimedWord

__all__ = ["timed_words", "valid_frames"]

COUNTERS = ("_get_feat_extract_output_lengths", "_get_subsampling_output_length")


def valid_frames(model: Any, mask: Tensor) -> list[int] | None:
    """The frames of the output that are those of audio, not of padding.

    Args:
        model: of transformers.
        mask: of its input. [B, T]

    Returns:
        A number for each row; None where the model does not say.
    """
    counter = next((getattr(model, name) for name in COUNTERS if hasattr(model, name)), None)
    return None if counter is None else [int(count) for count in counter(mask.sum(-1)).flatten()]


def timed_words(tokenizer: Any, ids: Tensor, length_s: float) -> list[TimedWord]:
    """The words of one utterance with their times.

    Args:
        tokenizer: of transformers; words end at its word delimiter, or begin with the mark of SentencePiece.
        ids: the best token of each frame. [T]
        length_s: of the audio, in seconds; its frames lie evenly in it.
    """
    frame_s = length_s / max(1, len(ids))
    delimiter, blank = getattr(tokenizer, "word_delimiter_token", None), tokenizer.pad_token_id
    words: list[tuple[list[int], int, int]] = []
    is_open, place = False, 0
    for token, run in groupby(ids.tolist()):
        start, place = place, place + len(list(run))
        text = str(tokenizer.convert_ids_to_tokens(token))
        if token == blank or (token in tokenizer.all_special_ids and text != delimiter):
            continue
        if text == delimiter:
            is_open = False
            continue
        if not is_open or text.startswith("\N{LOWER ONE EIGHTH BLOCK}"):
            words.append(([], start, place))
        letters, first, _ = words[-1]
        words[-1] = ([*letters, token], first, place)
        is_open = True
    return [
        TimedWord(_text(tokenizer, letters), round(first * frame_s, 3), round(end * frame_s, 3))
        for letters, first, end in words
    ]


def _text(tokenizer: Any, letters: list[int]) -> str:
    """The text of tokens that are no frames: a blank between them keeps doubled letters apart."""
    apart = [number for letter in letters for number in (letter, tokenizer.pad_token_id)]
    return str(tokenizer.decode(torch.tensor(apart), skip_special_tokens=True)).strip()
