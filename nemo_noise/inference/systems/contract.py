# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of a system: anything that turns waveforms into transcripts, whoever made it."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from nemo_noise.recogniser.transcription import Transcript

__all__ = ["System", "TimedWord", "TimesWords", "Waveforms", "with_options"]

Waveforms = Sequence[NDArray[np.float32]]


class System(ABC):
    """A recogniser as a function from waveforms to transcripts, with what a report needs to name it.

    Attributes:
        name: as it was given to `open_system`.
        kind: what it is, in words, such as "Hugging Face model".
        sample_rate: of the waveforms that it takes, in Hz.
        longest_s: the longest audio that it takes, in seconds; None for any length.
        fingerprint: hexadecimal digits of the weights and of all options: two systems of one fingerprint write the
            same texts.
        parameter_count: numbers that were learned; None where nobody can count them.
        device: where it runs.
        is_torch: whether torch allocates its memory, so that torch can measure it on a GPU.
    """

    name: str
    kind: str
    sample_rate: int
    longest_s: float | None = None
    fingerprint: str
    parameter_count: int | None = None
    device: torch.device
    is_torch: bool = True

    @abstractmethod
    def transcribe(self, waveforms: Waveforms) -> list[Transcript]:
        """Transcribe waveforms as one batch, in order.

        Args:
            waveforms: mono float32 at `sample_rate`, full scale 1.0. [T] each; none is no batch, and gives nothing

        Returns:
            One transcript for each waveform; an empty text where no word was found.

        Raises:
            TypeError: a waveform is no array of floats.
            ValueError: a waveform is not mono, empty, not finite, or longer than `longest_s`.
        """


class TimedWord(NamedTuple):
    """A word with its place in the audio, in seconds, and its confidence from 0 to 1 where the system gives one."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


@runtime_checkable
class TimesWords(Protocol):
    """A system that also places its words in time. A NeMo model of another family than it can time raises."""

    def transcribe_words(self, waveforms: Waveforms) -> list[list[TimedWord]]:
        """Transcribe as `System.transcribe` does: the words of each waveform, in order, with their times.

        Raises:
            TypeError: the model gives no times.
        """


def with_options(fingerprint: str, options: Mapping[str, Any]) -> str:
    """A fingerprint that options are part of: 8 more digits behind a plus, none without options."""
    if not options:
        return fingerprint
    text = json.dumps(options, sort_keys=True, default=str)
    return f"{fingerprint}+{hashlib.sha256(text.encode()).hexdigest()[:8]}"
