# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise without speech has an empty transcript: in NeMo's classic data sets, tarred or not, and on Lhotse's cuts."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nemo_noise.data.utterance_notes import transcript_note

__all__ = ["WRAPPERS", "without_transcript"]

_FORMATTED = ("input_ids", "context_ids", "answer_ids", "mask")  # what NeMo's prompt formatting leaves on a cut


def without_transcript(cut: Any) -> Any:
    """Returns a Lhotse cut of the same audio with empty texts, and without what was made of the texts before."""
    if hasattr(cut, "tracks"):
        tracks = [replace(track, cut=without_transcript(track.cut)) for track in cut.tracks]
        return replace(cut, tracks=tracks)
    if not cut.supervisions:
        return cut
    no_tokens = np.zeros(0, dtype=np.int64)
    emptied = [
        replace(spoken, text="", custom={**(spoken.custom or {}), "tokens": no_tokens}) for spoken in cut.supervisions
    ]
    custom = {name: value for name, value in (cut.custom or {}).items() if name not in _FORMATTED}
    return replace(cut, supervisions=emptied, custom=custom)


def _sample(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """NeMo's sample (audio, its length, tokens, their number, perhaps an id) with the tokens of no text."""
    with transcript_note() as transcript:
        sample = wrapped(*args, **kwargs)
    if not transcript.is_emptied:
        return sample
    processor = instance.manifest_processor
    tokens = torch.tensor([number for number in (processor.bos_id, processor.eos_id) if number is not None]).long()
    return (*sample[:2], tokens, torch.tensor(len(tokens)), *sample[4:])


WRAPPERS = {
    "nemo.collections.asr.data.audio_to_text:_AudioTextDataset._process_sample": _sample,
    "nemo.collections.asr.data.audio_to_text:_TarredAudioToTextDataset._build_sample": _sample,
}
