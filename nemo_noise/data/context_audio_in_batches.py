# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio for a noise context beside NeMo's Lhotse batches: its cuts carry it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from lhotse.cut import PaddingCut
from torch import Tensor

from nemo_noise.data.utterance_notes import ContextAudio, ContextSource

__all__ = ["ContextAudioBatch", "context_audio_of", "with_context_audio"]

_FIELD = "nemo_noise_context_audio"


class ContextAudioBatch(NamedTuple):
    """Samples [B, P] for the noise contexts of a batch, and how many of each are valid [B]."""

    source: ContextSource
    signal: Tensor
    length: Tensor


def with_context_audio(cut: Any, audio: ContextAudio) -> Any:
    """A Lhotse cut of the same audio that carries samples for a noise context; of several in one the first does."""
    if not hasattr(cut, "tracks"):
        return cut.with_custom(_FIELD, (audio.source.value, audio.samples))
    first = _first_recorded(cut)
    tracks = [
        replace(track, cut=with_context_audio(track.cut, audio)) if track.cut is first else track
        for track in cut.tracks
    ]
    return replace(cut, tracks=tracks)


def context_audio_of(batch: Any) -> ContextAudioBatch | None:
    """The audio that the cuts of a batch carry for its noise contexts; None where they carry none."""
    cuts = getattr(batch, "cuts", None)
    carried = [] if cuts is None else [(_first_recorded(cut).custom or {}).get(_FIELD) for cut in cuts]
    if not carried or any(one is None for one in carried):
        return None
    return _stacked(carried)


def _first_recorded(cut: Any) -> Any:
    """The cut itself, or of several in one the first that is not padding."""
    tracks = getattr(cut, "tracks", None)
    return cut if tracks is None else next(track.cut for track in tracks if not isinstance(track.cut, PaddingCut))


def _stacked(carried: Sequence[Any]) -> ContextAudioBatch:
    rows = [torch.from_numpy(samples) for _, samples in carried]
    signal = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return ContextAudioBatch(ContextSource(carried[0][0]), signal, torch.tensor([len(row) for row in rows]))
