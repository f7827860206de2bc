# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Samples that a recogniser is given from Python: mono, float, full scale 1.0, finite and some, or refused.

A recogniser gives a text for anything: for whole numbers, for NaN, for nothing. NeMo does not look, so our models do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nemo_noise.foreign_text import printable

__all__ = ["check_waveform", "check_waveforms"]

LOUDEST = 500.0  # full scales; loud noise is below it, samples of 16 bits as float are above it


def check_waveform(samples: Any, name: str, *, may_be_empty: bool = False) -> Any:
    """Refuses samples that no recogniser can transcribe; returns the others in float32, of the same kind.

    Args:
        samples: a numpy array or a tensor of floats, [T].
        name: for messages, such as `audio[0]`.
        may_be_empty: whether T may be 0, as in a piece of a stream.

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
    """`check_waveform` of every one in a list."""
    if isinstance(samples, str):
        shown = printable(repr(samples), longest=100)
        raise TypeError(f"{name} is {shown}, must be a list of arrays of samples [T]; load_audio reads a file.")
    return [check_waveform(one, f"{name}[{number}]") for number, one in enumerate(samples)]


def _scale_of(dtype: Any) -> str:
    name = str(dtype).removeprefix("torch.")
    known = {"int16": "32768", "int32": "2147483648", "int8": "128"}
    if name in known:
        return f"must be float with a full scale of 1.0: divide by {known[name]}, as in samples / {known[name]}"
    if name == "uint8":
        return "must be float with a full scale of 1.0: (samples - 128.0) / 128 for unsigned 8 bits"
    return "must be float with a full scale of 1.0, such as numpy.float32"
