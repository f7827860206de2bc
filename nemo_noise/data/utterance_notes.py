# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What perturbations, which see samples only, note about an utterance for the data set that loads it.

Noise without speech has an empty transcript, and a noise may have sensors; a data set that can act on a note opens it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo.utils import logging, logging_mode

from nemo_noise.data.manifests.manifest import ManifestEntry
from nemo_noise.data.manifests.sensors import describes_streams

__all__ = [
    "NOT_STREAMS",
    "ContextAudio",
    "ContextSource",
    "LeadInNote",
    "MixedNoise",
    "TranscriptNote",
    "context_note",
    "empty_transcript",
    "lead_in_note",
    "noise_notes",
    "note_for_context",
    "note_lead_in",
    "note_noise",
    "transcript_note",
]

NOT_STREAMS = "are left out where they are not {name: {file, rate_hz}} on a line with audio_filepath"


class TranscriptNote:
    """Whether the utterance that is being perturbed keeps its transcript."""

    def __init__(self) -> None:
        self.is_emptied = False


class LeadInNote:
    """Seconds that were put before the utterance that is being perturbed."""

    def __init__(self) -> None:
        self.seconds = 0.0


class MixedNoise(NamedTuple):
    """A piece of a noise that was mixed in: its manifest line, where in the noise it begins, how long it is."""

    entry: ManifestEntry
    within_s: float
    duration_s: float


class ContextSource(str, Enum):
    """What a noise context gets beside the utterance, or in place of it."""

    NOTHING = "nothing"
    PREROLL = "preroll"  # the noise before the utterance, in front of it
    NOISE = "noise"  # the noise in the mixture, in place of it: a control


class ContextAudio(NamedTuple):
    """Samples [P] for the noise context of one utterance, as loud as in the mixture."""

    source: ContextSource
    samples: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Notes:
    """The open notes; None where no data set acts on them."""

    transcript: TranscriptNote | None = None
    noises: list[MixedNoise] | None = None
    context: list[ContextAudio] | None = None
    lead_in: LeadInNote | None = None


_NONE = _Notes()
_OPEN: ContextVar[_Notes] = ContextVar("nemo_noise_utterance_notes", default=_NONE)


@contextmanager
def transcript_note() -> Iterator[TranscriptNote]:
    """Promises that the transcript of the utterance perturbed within is emptied if a perturbation asks for it."""
    note = TranscriptNote()
    token = _OPEN.set(replace(_OPEN.get(), transcript=note))
    try:
        yield note
    finally:
        _OPEN.reset(token)


@contextmanager
def noise_notes() -> Iterator[list[MixedNoise]]:
    """Collects the noises with sensors that are mixed into the utterance within."""
    noises: list[MixedNoise] = []
    token = _OPEN.set(replace(_OPEN.get(), noises=noises))
    try:
        yield noises
    finally:
        _OPEN.reset(token)


@contextmanager
def context_note() -> Iterator[list[ContextAudio]]:
    """Promises that what is noted within for a noise context, once at most, goes to the model with the batch."""
    noted: list[ContextAudio] = []
    token = _OPEN.set(replace(_OPEN.get(), context=noted))
    try:
        yield noted
    finally:
        _OPEN.reset(token)


@contextmanager
def lead_in_note() -> Iterator[LeadInNote]:
    """Gets how much is put before the utterance within, for a data set that has more than its samples."""
    note = LeadInNote()
    token = _OPEN.set(replace(_OPEN.get(), lead_in=note))
    try:
        yield note
    finally:
        _OPEN.reset(token)


def note_for_context(audio: ContextAudio) -> None:
    """Hands samples to the noise context of the model; raises a ValueError where no data set acts."""
    noted = _OPEN.get().context
    if noted is None:
        raise ValueError(
            f"for_context: is {audio.source.value!r}, but this data set gives the model nothing beside the utterance; "
            "expected NeMo's Lhotse loader of a multi-task model, or for_context: nothing"
        )
    noted.append(audio)


def note_lead_in(seconds: float) -> None:
    """Notes that so many seconds were put before the utterance being loaded."""
    note = _OPEN.get().lead_in
    if note is not None:
        note.seconds += seconds


def empty_transcript() -> None:
    """Asks for an empty transcript of the utterance being perturbed; raises a ValueError where no data set acts."""
    note = _OPEN.get().transcript
    if note is None:
        raise ValueError(
            "noise_only_prob: this data set cannot empty the transcript of an utterance that becomes noise; expected "
            "NeMo's data set of characters or subwords, or its Lhotse loader, or noise_only_prob: 0"
        )
    note.is_emptied = True


def note_noise(entry: ManifestEntry, within_s: float, duration_s: float) -> None:
    """Notes that a piece of a noise, `within_s` after its start, is mixed into the utterance being loaded."""
    noises, sensors = _OPEN.get().noises, entry.fields.get("sensors")
    if noises is None or not sensors:
        return
    if describes_streams(sensors):
        noises.append(MixedNoise(entry, within_s, duration_s))
    else:
        manifest = entry.source.rpartition(":")[0]
        logging.warning(f"{manifest}: sensors of noises {NOT_STREAMS}", mode=logging_mode.ONCE)
