# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`transcribe` of every model with a part of ours checks the samples that it is given; NeMo's own models do not."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nemo_noise.foreign_text import printable
from nemo_noise.recogniser.waveforms import check_waveform, check_waveforms

__all__ = ["WRAPPERS"]

CHOOSE_CHANNEL = "choose one by channel_selector=0, or channel_selector='average'"


def _checked_input(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NeMo's own loader of what `transcribe` is given, between a look at the arrays and one at the batches."""
    if not any(type(module).__module__.startswith("nemo_noise.") for module in instance.modules()):
        return wrapped(*args, **kwargs)

    def process(audio: Any, trcfg: Any) -> Any:
        items = list(audio) if isinstance(audio, list | tuple) else [audio]
        if any(isinstance(item, np.ndarray | Tensor) for item in items):
            return wrapped(check_waveforms(items), trcfg)
        return _FiniteBatches(wrapped(audio, trcfg), items)

    return process(*args, **kwargs)


class _FiniteBatches:
    """NeMo's batches of audio files; one with NaN, or of several channels, is refused by the name of its file."""

    def __init__(self, batches: Any, files: Sequence[Any]) -> None:
        self.batches, self.files = batches, files

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        count = 0
        batches = iter(self.batches)
        while (batch := self._next(batches, count)) is not None:
            audio, lengths = (batch.audio, batch.audio_lens) if hasattr(batch, "audio") else batch[:2]
            if audio.ndim != 2:
                raise ValueError(f"{self._name(count)} has {min(audio.shape[1:])} channels: {CHOOSE_CHANNEL}.")
            for number, (samples, length) in enumerate(zip(audio, lengths, strict=True)):
                if not bool(torch.isfinite(samples[: int(length)]).all()):
                    check_waveform(samples[: int(length)], self._name(count + number))
            count += len(audio)
            yield batch

    def _next(self, batches: Iterator[Any], count: int) -> Any:
        """The next batch; of several channels, NeMo's classic loader raises a TypeError without the file."""
        try:
            return next(batches, None)
        except TypeError as error:
            reason = printable(error, longest=300)
            raise ValueError(
                f"{self._name(count)} or one after it has several channels: {CHOOSE_CHANNEL} ({reason})."
            ) from error

    def _name(self, number: int) -> str:
        is_manifest = len(self.files) == 1 and str(self.files[0]).endswith((".json", ".jsonl"))
        if is_manifest or number >= len(self.files):
            return f"utterance {number} of {printable(self.files[0])}"
        return f"audio[{number}], {printable(self.files[number])},"


WRAPPERS = {
    "nemo.collections.asr.parts.mixins.transcription:TranscriptionMixin._transcribe_input_processing": _checked_input
}
