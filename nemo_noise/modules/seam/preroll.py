# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-roll: the noise before the speech begins, as further evidence for the noise context; and noise in its place.

The context encoder reads the pre-roll and then the utterance; the recogniser reads the utterance alone, at the same
frames as ever. So the context covers the noise before the first word, and a plain checkpoint keeps its output.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.context.side_inputs import Preroll, side_inputs
from nemo_noise.modules.seam.noise_aware import NoiseAwareMixin

__all__ = ["cache_after_preroll", "noise_before", "noise_in_place"]


@contextmanager
def noise_before(model: nn.Module, signal: Tensor, length: Tensor) -> Iterator[None]:
    """Give the noise context of a model something to read before every utterance of the forwards within.

    Args:
        model: a recogniser of ours, with its preprocessor. A second attention's own memory does not read it.
        signal: samples at the model's rate [B, N], in the order of the batch.
        length: valid samples of each [B]; 0 for an utterance that nothing goes before.

    Raises:
        ValueError: if the model has no noise-aware encoder, its preprocessor normalises the features, or the shapes
            do not fit.
    """
    encoder = _encoder_of(model)
    with side_inputs([encoder], preroll=_features(model, signal, length)):
        yield


@contextmanager
def noise_in_place(model: nn.Module, signal: Tensor, length: Tensor) -> Iterator[None]:
    """Let the noise context of a model read other audio than the utterances of the forwards within.

    With the noise that is in each mixture it is an oracle, the upper bound of what a context can give.

    Args:
        model: a recogniser of ours, with its preprocessor.
        signal: samples at the model's rate [B, N], in the order of the batch.
        length: valid samples of each [B].

    Raises:
        ValueError: as `noise_before`, or if the context follows the time of the utterance.
    """
    with side_inputs([_encoder_of(model)], in_place=_features(model, signal, length)):
        yield


def cache_after_preroll(model: nn.Module, cache_last_time: Tensor, signal: Tensor) -> Tensor:
    """The cache of streams whose noise context has read something before their first chunk.

    ``cache_last_time`` is the second part of ``encoder.get_initial_cache_state()``, of a model with a causal noise
    context; ``signal`` [B, N] are samples at the model's rate, as many of every stream.

    Raises:
        ValueError: as `noise_before`, or if the context cannot stream.
    """
    encoder = _encoder_of(model)
    length = torch.full((len(signal),), signal.shape[1], dtype=torch.int64)
    features, frames = _features(model, signal, length)
    return encoder.cache_after(features[:, :, : int(frames.max())], cache_last_time)


def _encoder_of(model: nn.Module) -> Any:
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, NoiseAwareMixin) or encoder.context_encoder is None:
        raise ValueError(
            f"model: {type(model).__name__} has no encoder with a noise context that could read a pre-roll."
        )
    return encoder


def _features(model: Any, signal: Tensor, length: Tensor) -> Preroll:
    encoder = _encoder_of(model)
    if signal.dim() != 2 or length.shape != signal.shape[:1]:
        shapes = f"{list(signal.shape)} and {list(length.shape)}"
        raise ValueError(f"signal, length: have the shapes {shapes}, expected [B, N] and [B].")
    device = next(encoder.parameters()).device
    signal, length = signal.to(device), length.to(device)
    signal = nn.functional.pad(signal, (0, max(0, 1 - signal.shape[1])))
    signal = signal.masked_fill(~valid_frames(length, signal.shape[1]), 0.0)
    make = getattr(encoder, "context_features", None) or model.preprocessor
    normalize = getattr(getattr(make, "featurizer", None), "normalize", None)
    if normalize not in (None, "NA"):
        raise ValueError(
            f"model: its preprocessor normalises ({normalize!r}), and a pre-roll normalised by itself has lost its "
            "level; use preprocessor.normalize: NA and encoder.feature_normalization."
        )
    features, frames = make(input_signal=signal, length=length)
    return Preroll(features.detach(), torch.where(length > 0, frames, torch.zeros_like(frames)))
