# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise without speech has an empty transcript: how a perturbation, which sees samples only, gets the text emptied."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import torch
from wrapt import wrap_function_wrapper

__all__ = ["Transcript", "empty_transcript", "install_empty_transcripts", "listening", "without_transcript"]

_DATA_SETS = "nemo.collections.asr.data.audio_to_text"
_METHODS = ("_AudioTextDataset._process_sample", "_TarredAudioToTextDataset._build_sample")
_FORMATTED = ("input_ids", "context_ids", "answer_ids", "mask")  # what NeMo's prompt formatting leaves on a cut


class Transcript:
    """Whether the utterance that is being perturbed keeps its transcript."""

    def __init__(self) -> None:
        self.is_emptied = False


_CURRENT: ContextVar[Transcript | None] = ContextVar("nemo_noise_transcript", default=None)


@contextmanager
def listening() -> Iterator[Transcript]:
    """Promises that the transcript of the utterance perturbed within is emptied if a perturbation asks for it."""
    transcript = Transcript()
    token = _CURRENT.set(transcript)
    try:
        yield transcript
    finally:
        _CURRENT.reset(token)


def empty_transcript() -> None:
    """Asks for an empty transcript of the utterance that is being perturbed.

    Raises:
        ValueError: if nobody has promised to empty it, since noise with the words of speech teaches to hallucinate.
    """
    transcript = _CURRENT.get()
    if transcript is None:
        raise ValueError(
            "noise_only_prob: this data set cannot empty the transcript of an utterance that becomes noise; expected "
            "NeMo's data set of characters or subwords, or its Lhotse loader, or noise_only_prob: 0"
        )
    transcript.is_emptied = True


def install_empty_transcripts() -> None:
    """Lets NeMo's classic data sets, tarred or not, obey `empty_transcript`; calling this again changes nothing.

    A perturbation that may ask for it calls this when it is made, in every process, and not `import nemo_noise`: that
    can happen in the middle of the import of the data sets, and most trainings need nothing of it.
    """
    module = import_module(_DATA_SETS)
    for name in _METHODS:
        class_name, method = name.split(".")
        if getattr(getattr(getattr(module, class_name), method), "_self_wrapper", None) is not _sample:
            wrap_function_wrapper(module, name, _sample)


def without_transcript(cut: Any) -> Any:
    """Returns a Lhotse cut of the same audio with empty texts, and without what was made of the texts before."""
    if hasattr(cut, "tracks"):
        tracks = [replace(track, cut=without_transcript(track.cut)) for track in cut.tracks]
        return replace(cut, tracks=tracks)
    if not cut.supervisions:
        return cut
    no_tokens = np.zeros(0, dtype=np.int64)
    emptied = [
        replace(said, text="", custom={**(said.custom or {}), "tokens": no_tokens}) for said in cut.supervisions
    ]
    custom = {name: value for name, value in (cut.custom or {}).items() if name not in _FORMATTED}
    return replace(cut, supervisions=emptied, custom=custom)


def _sample(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Loads NeMo's sample (audio, its length, tokens, their number, perhaps an id) with the tokens of no text."""
    with listening() as transcript:
        sample = wrapped(*args, **kwargs)
    if not transcript.is_emptied:
        return sample
    processor = instance.manifest_processor
    tokens = torch.tensor([number for number in (processor.bos_id, processor.eos_id) if number is not None]).long()
    return (*sample[:2], tokens, torch.tensor(len(tokens)), *sample[4:])
