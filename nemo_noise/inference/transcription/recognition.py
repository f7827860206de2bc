# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pieces of recordings through a system, batch by batch, with guards; one text does not depend on the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nemo_noise.data.audio.blocks import AudioError
from nemo_noise.inference.transcription.guards import Guards
from nemo_noise.inference.transcription.pauses import Piece, pieces_of
from nemo_noise.inference.transcription.segments import (
    Dropped,
    DropReason,
    Segment,
    TranscribedFile,
    Word,
    one_line,
    segments_of,
)
from nemo_noise.inference.transcription.sources import Source

__all__ = ["Recognised", "Recogniser", "recognise"]

_BATCHES_HELD = 2  # of pieces that are read before some are transcribed, so that those of like length share a batch


class Recognised(NamedTuple):
    """What a recogniser gives for one piece.

    Attributes:
        text: of it.
        words: with times in seconds from its start; None where it gives none.
        no_speech_probability: that nobody speaks, None where it has none.
        mean_log_probability: of the text's tokens, likewise.
    """

    text: str
    words: Sequence[Word] | None = None
    no_speech_probability: float | None = None
    mean_log_probability: float | None = None


class Detector(Protocol):
    """What finds speech."""

    def speech_s(self, samples: npt.NDArray[np.float32]) -> float:
        """Seconds of speech in samples [T]."""


class Recogniser(Protocol):
    """What transcribes pieces.

    Attributes:
        name: for outputs.
        sample_rate: of waveforms, Hz.
    """

    name: str
    sample_rate: int

    def __call__(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Recognised]:
        """Transcribes waveforms, [T] each, as one batch, in order."""


@dataclass
class _Work:
    """A recording on its way."""

    source: Source
    segments: dict[int, list[Segment]] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    end_s: float = 0.0
    error: str | None = None

    def finished(self, system: str, language: str | None) -> TranscribedFile:
        segments = tuple(one for number in sorted(self.segments) for one in self.segments[number])
        error = self.error
        if error is not None and segments:
            error += f"; its first {self.end_s:.1f} s are transcribed"
        return TranscribedFile(
            self.source.name,
            system,
            duration_s=self.end_s,
            segments=segments,
            dropped=tuple(sorted(self.dropped)),
            remarks=tuple(self.remarks),
            language=language,
            error=error,
        )


class _Waiting(NamedTuple):
    work: _Work
    number: int
    piece: Piece


@dataclass
class _Counter:
    """Seconds of audio that are done, in whole ones for a bar."""

    update: Callable[[int], object]
    read_s: float = 0.0
    shown_s: int = 0

    def show(self, share: float) -> None:
        """So much of what was read and not yet shown is done."""
        seconds = int((self.read_s - self.shown_s) * share)
        if seconds > 0:
            self.shown_s += seconds
            self.update(seconds)


def recognise(
    recogniser: Recogniser,
    sources: Sequence[Source],
    *,
    longest_s: float,
    batch_size: int,
    guards: Guards,
    detector: Detector | None = None,
    channel: int | None = None,
    language: str | None = None,
    done: Callable[[int], object] = lambda seconds: None,
) -> Iterator[tuple[Source, TranscribedFile]]:
    """Transcribes recordings one after the other; memory does not grow with their length.

    Args:
        recogniser: transcribes pieces.
        sources: recordings.
        longest_s: of a piece, seconds.
        batch_size: pieces at a time.
        guards: what is left out.
        detector: finds speech; pieces without any are not transcribed. None: all are.
        channel: of the audio, None for their mean.
        language: that outputs name.
        done: gets seconds of audio, as they are transcribed.

    Yields:
        Each recording when all of it is done, in order; one that cannot be read has its `error`.
    """
    waiting: list[_Waiting] = []
    complete: list[_Work] = []
    counter = _Counter(done)
    for source in sources:
        work = _Work(source)
        for piece, number in _pieces(work, recogniser.sample_rate, longest_s, channel, counter):
            reason = guards.reason_against(piece)
            if reason is None and detector is not None and detector.speech_s(piece.samples) == 0:
                reason = DropReason.NO_VOICE
            if reason is not None:
                work.dropped.append(Dropped(piece.start_s, piece.end_s, reason))
                continue
            waiting.append(_Waiting(work, number, piece))
            if sum(one.piece.end_s - one.piece.start_s for one in waiting) > _BATCHES_HELD * batch_size * longest_s:
                _run(recogniser, waiting, batch_size, guards, counter)
                waiting = []
                yield from _emptied(complete, recogniser.name, language)
        complete.append(work)
        if not waiting:
            yield from _emptied(complete, recogniser.name, language)
    _run(recogniser, waiting, batch_size, guards, counter)
    yield from _emptied(complete, recogniser.name, language)


def _emptied(complete: list[_Work], system: str, language: str | None) -> Iterator[tuple[Source, TranscribedFile]]:
    while complete:
        work = complete.pop(0)
        yield work.source, work.finished(system, language)


def _pieces(
    work: _Work, sample_rate: int, longest_s: float, channel: int | None, counter: _Counter
) -> Iterator[tuple[Piece, int]]:
    try:
        with work.source.opened(sample_rate, channel) as stream:
            begins_s = stream.begins_s + work.source.offset_s
            work.end_s = begins_s

            def counted() -> Iterator[npt.NDArray[np.float32]]:
                for block in stream.blocks():
                    work.end_s += len(block) / sample_rate
                    counter.read_s += len(block) / sample_rate
                    yield block

            pieces = pieces_of(counted(), sample_rate, longest_s=longest_s, begins_s=begins_s)
            yield from ((piece, number) for number, piece in enumerate(pieces))
            work.remarks += stream.remarks
    except AudioError as error:
        work.error = str(error)
    except OSError as error:
        work.error = f"{work.source.name}: {error.strerror or error}"


def _run(
    recogniser: Recogniser, waiting: Sequence[_Waiting], batch_size: int, guards: Guards, counter: _Counter
) -> None:
    """Transcribes what waits, pieces of like length together."""
    order = sorted(waiting, key=lambda one: len(one.piece.samples))
    batches = ceil(len(order) / batch_size)
    for number in range(batches):
        batch = order[number * batch_size : (number + 1) * batch_size]
        results = recogniser([one.piece.samples for one in batch])
        for one, result in zip(batch, results, strict=True):
            _keep(one, result, guards)
        counter.show(1.0 / (batches - number))
    counter.show(1.0)


def _keep(one: _Waiting, result: Recognised, guards: Guards) -> None:
    text = one_line(result.text)
    reason = guards.reason_against_text(text, result.no_speech_probability, result.mean_log_probability)
    if reason is not None:
        one.work.dropped.append(Dropped(one.piece.start_s, one.piece.end_s, reason, text))
        return
    one.work.segments[one.number] = segments_of(one.piece, text, result.words)
