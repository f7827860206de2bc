# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Systems that transcribe beeps exactly, with and without times."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from nemo_noise.inference.systems.contract import System, TimedWord
from nemo_noise.recogniser.transcription import Transcript
from tests.inference.transcription.beeps import RATE, beeps_in


class BeepSystem(System):
    """Transcribes beeps with their times; a tone that is cut gives a word more or a wrong one."""

    name, kind, sample_rate, fingerprint, parameter_count = "beeps", "test double", RATE, "0" * 16, 0
    longest_s: float | None = None
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def transcribe(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Transcript]:
        return [Transcript(" ".join(word.text for word in words)) for words in self.transcribe_words(waveforms)]

    def transcribe_words(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[list[TimedWord]]:
        self.batches.append([len(one) for one in waveforms])
        return [[TimedWord(*word, 0.9) for word in beeps_in(one)] for one in waveforms]


class TextBeepSystem(BeepSystem):
    """The same without times."""

    transcribe_words = None  # type: ignore[assignment]

    def transcribe(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Transcript]:
        self.batches.append([len(one) for one in waveforms])
        return [Transcript(" ".join(word.text for word in beeps_in(one))) for one in waveforms]
