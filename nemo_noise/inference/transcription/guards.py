# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Guards against text that nobody said: pieces without speech, and recognisers that repeat themselves."""

from dataclasses import dataclass

from nemo_noise.checks import maybe, number
from nemo_noise.inference.decoding.repetition import compression_ratio, longest_loop
from nemo_noise.inference.transcription.pauses import Piece
from nemo_noise.inference.transcription.segments import DropReason

__all__ = ["NO_GUARDS", "Guards", "compression_ratio", "longest_loop"]

_LEAST_WORDS = 10  # of a run of repetitions that is a loop by itself
_LEAST_WORDS_IF_DENSE = 6  # where the compression ratio says so too
_REPETITIONS_IF_DENSE = 4  # a sentence is said three times in a row, as in several takes
_SHORTEST_STEADY_S = 0.4


@dataclass(frozen=True)
class Guards:
    """What is left out; None switches a guard off.

    Args:
        lowest_db: pieces whose loudest 50 ms are below are not transcribed, dB of full scale.
        least_contrast_db: nor are pieces of 0.4 s or more whose level changes by less, dB.
        compression_ratio: text that zlib makes so many times smaller is a loop if the same words stand in it four
            times in a row, with six words or more in all; 2.4 is Whisper's. A list of numbers is as small, and none.
        repetitions: so is any text in which the same words stand so often in a row, with ten words or more in all.
        no_speech_probability: text of a piece that the recogniser itself takes for no speech with this probability is
            left out, unless its mean log probability is above -1; as in Whisper.

    Raises:
        ValueError: if a number is out of its range.
    """

    lowest_db: float | None = -70.0
    least_contrast_db: float | None = 3.0
    compression_ratio: float | None = 2.4
    repetitions: int | None = 5
    no_speech_probability: float | None = 0.6

    def __post_init__(self) -> None:
        rules = {
            "lowest_db": number(high=0.0),
            "least_contrast_db": number(low=0.0),
            "compression_ratio": number(low=1.0),
            "repetitions": number(low=2),
            "no_speech_probability": number(low=0.0, high=1.0),
        }
        for name, rule in rules.items():
            maybe(rule).check(name, getattr(self, name))

    def reason_against(self, piece: Piece) -> DropReason | None:
        """Why a piece is not worth transcribing; None if it is."""
        if self.lowest_db is not None and piece.loudest_db < self.lowest_db:
            return DropReason.SILENCE
        is_long = piece.end_s - piece.start_s >= _SHORTEST_STEADY_S
        if self.least_contrast_db is not None and is_long and piece.contrast_db < self.least_contrast_db:
            return DropReason.STEADY
        return None

    def reason_against_text(
        self, text: str, no_speech_probability: float | None = None, mean_log_probability: float | None = None
    ) -> DropReason | None:
        """Why a text is not believed; None if it is.

        Args:
            text: of one piece.
            no_speech_probability: of the recogniser, None where it has none.
            mean_log_probability: of its tokens, likewise.
        """
        if self.no_speech_probability is not None and no_speech_probability is not None:
            is_sure = mean_log_probability is not None and mean_log_probability > -1.0
            if no_speech_probability > self.no_speech_probability and not is_sure:
                return DropReason.NO_SPEECH
        is_dense = self.compression_ratio is not None and compression_ratio(text) > self.compression_ratio
        if is_dense and longest_loop(text, _LEAST_WORDS_IF_DENSE) >= _REPETITIONS_IF_DENSE:
            return DropReason.LOOP
        is_repeated = self.repetitions is not None and longest_loop(text, _LEAST_WORDS) >= self.repetitions
        return DropReason.LOOP if is_repeated else None


NO_GUARDS = Guards(None, None, None, None, None)
