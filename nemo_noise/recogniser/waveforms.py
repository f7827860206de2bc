# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Samples that a recogniser is given from Python: mono, float, full scale 1.0, finite and some, or refused.

A recogniser gives a text for anything: for whole numbers, for NaN, for nothing. NeMo does not look, so our models do.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from wrapt import register_post_import_hook, wrap_function_wrapper

from nemo_noise.foreign_text import printable

__all__ = ["check_waveform", "check_waveforms", "install_waveform_check"]

CHOOSE_CHANNEL = "choose one by channel_selector=0, or channel_selector='average'"
_TRANSCRIPTION = "nemo.collections.asr.parts.mixins.transcription"
_IMPORTED_LATER = "nemo.collections.asr.models.ctc_models"
LOUDEST = 500.0  # full scales; loud noise is below it, samples of 16 bits as float are above it


def check_waveform(samples: Any, name: str, *, may_be_empty: bool = False) -> Any:
    """Refuses samples that no recogniser can transcribe.

    Args:
        samples: a numpy array or a tensor of floats, [T].
        name: what they are, for messages, such as `audio[0]`.
        may_be_empty: whether T may be 0, as in a piece of a stream.

    Returns:
        The same samples in float32: an array if they were one, a tensor on its device if not.

    Raises:
        TypeError: if they are no array, or no floats.
        ValueError: if they are not mono, none, not finite, or beyond any full scale.
    """
    if not isinstance(samples, np.ndarray | Tensor):
        raise TypeError(f"{name} is a {type(samples).__name__}, must be a numpy array or a tensor of samples [T].")
    if not (samples.is_floating_point() if isinstance(samples, Tensor) else samples.dtype.kind == "f"):
        raise TypeError(f"{name} is of type {samples.dtype}, {_scale_of(samples.dtype)}.")
    if samples.ndim != 1:
        raise ValueError(
            f"{name} has the shape {tuple(samples.shape)}; it must be mono, [T]: give one channel, such as samples[0] "
            "of [C, T] or samples[:, 0] of [T, C], or their mean."
        )
    if len(samples) == 0 and not may_be_empty:
        raise ValueError(f"{name} holds 0 samples, must hold at least one.")
    if isinstance(samples, Tensor):
        converted: Any = samples.detach().to(torch.float32)
        finite = torch.isfinite(converted)
    else:
        with np.errstate(over="ignore"):
            converted = np.ascontiguousarray(samples, dtype=np.float32)
        finite = np.isfinite(converted)
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0][0])
        bad = len(samples) - int(finite.sum())
        raise ValueError(
            f"{name} holds {float(samples[first])!r} at sample {first}; {bad} of {len(samples)} samples are not "
            "finite float32, must all be."
        )
    peak = float(abs(converted).max()) if len(samples) else 0.0
    if peak > LOUDEST:
        raise ValueError(
            f"{name} has a peak of {peak:g}, must have a full scale of 1.0: divide samples of 16 bits by 32768."
        )
    return converted


def check_waveforms(samples: Sequence[Any], name: str = "audio") -> list[Any]:
    """Refuses a list of samples for which `check_waveform` refuses one, and returns them as that does."""
    if isinstance(samples, str):
        shown = printable(repr(samples), longest=100)
        raise TypeError(f"{name} is {shown}, must be a list of arrays of samples [T]; load_audio reads a file.")
    return [check_waveform(one, f"{name}[{number}]") for number, one in enumerate(samples)]


def install_waveform_check() -> None:
    """Lets `transcribe` of every model with a part of ours check what it is given; safe to call again.

    NeMo's own models stay as they are. NeMo's module may be in the middle of its import when we are: then one that
    NeMo imports after it gives the occasion.
    """
    for name in (_TRANSCRIPTION, _IMPORTED_LATER):
        register_post_import_hook(_wrap_transcription, name)


def _wrap_transcription(_: ModuleType) -> None:
    """Wrap NeMo's method once, as soon as it is there."""
    module = sys.modules.get(_TRANSCRIPTION)
    mixin = getattr(module, "TranscriptionMixin", None)
    if mixin is not None and getattr(mixin._transcribe_input_processing, "_self_wrapper", None) is not _checked_input:
        wrap_function_wrapper(module, "TranscriptionMixin._transcribe_input_processing", _checked_input)


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
    """NeMo's batches of audio files; one with NaN, or of several channels, is refused by the name of its file.

    Args:
        batches: NeMo's loader, which keeps the order of the files.
        files: what `transcribe` was given: files, or one manifest.
    """

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
        """The next batch; NeMo's classic loader refuses channels by the types of a module that nobody named."""
        try:
            return next(batches, None)
        except TypeError as error:
            reason = printable(error, longest=300)
            raise ValueError(
                f"{self._name(count)} or one after it has several channels: {CHOOSE_CHANNEL} ({reason})."
            ) from error

    def _name(self, number: int) -> str:
        """An utterance as a message calls it."""
        is_manifest = len(self.files) == 1 and str(self.files[0]).endswith((".json", ".jsonl"))
        if is_manifest or number >= len(self.files):
            return f"utterance {number} of {printable(self.files[0])}"
        return f"audio[{number}], {printable(self.files[number])},"


def _scale_of(dtype: Any) -> str:
    """What is right instead of a type that is no float."""
    name = str(dtype).removeprefix("torch.")
    known = {"int16": "32768", "int32": "2147483648", "int8": "128"}
    if name in known:
        return f"must be float with a full scale of 1.0: divide by {known[name]}, as in samples / {known[name]}"
    if name == "uint8":
        return "must be float with a full scale of 1.0: (samples - 128.0) / 128 for unsigned 8 bits"
    return "must be float with a full scale of 1.0, such as numpy.float32"
