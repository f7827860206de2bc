# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Normalisation of whole utterances inside the encoder, so that a noise context can read the features before it."""

from collections.abc import Mapping

from torch import Tensor

from nemo.collections.asr.parts.preprocessing.features import normalize_batch

from nemo_noise.modules.context.encoders import masked_moments, observe
from nemo_noise.modules.precision import at_least_float32

__all__ = ["Normalization", "checked_normalization", "normalized_utterances"]

Normalization = str | Mapping[str, float] | None


def checked_normalization(value: Normalization) -> str | dict[str, float] | None:
    """The normalisation as plain numbers or its name.

    Raises:
        ValueError: if it is another.
    """
    has_numbers = isinstance(value, Mapping) and all(isinstance(number, (int, float)) for number in value.values())
    if isinstance(value, Mapping) and has_numbers and set(value) == {"mean", "std"} and value["std"] > 0:
        return {name: float(number) for name, number in value.items()}
    if value in (None, "per_feature", "running"):
        return value
    raise ValueError(
        f"feature_normalization={value!r} is unknown; use 'per_feature', 'running' or {{mean: -8.0, std: 4.0}} (each "
        "with the preprocessor's normalize: NA), or leave it out."
    )


def normalized_utterances(
    audio_signal: Tensor, length: Tensor, normalization: Normalization, is_training: bool
) -> Tensor:
    """The features [B, D, T] as the recogniser reads them, zero in the padding; sums over time are float32 at least.

    Args:
        audio_signal: features [B, D, T].
        length: valid frames [B].
        normalization: ``per_feature``, ``{mean, std}``, or None to leave the features as they are.
        is_training: whether SpecAugment may have set cells to zero, which are no spectrum and stay zero.

    Returns:
        Features [B, D, T] in the type of the given ones.
    """
    if normalization == "per_feature" and not is_training:
        exact = audio_signal.to(at_least_float32(audio_signal))
        return normalize_batch(exact, length, "per_feature")[0].to(audio_signal.dtype)
    observed = observe(audio_signal, length)
    if normalization is None:
        return observed.features.to(audio_signal.dtype)
    if isinstance(normalization, Mapping):
        scaled = (observed.features - normalization["mean"]) / normalization["std"]
    else:
        mean, deviation = masked_moments(observed)
        scaled = (observed.features - mean.unsqueeze(2)) / deviation.unsqueeze(2)
    return scaled.masked_fill(~observed.mask, 0.0).to(audio_signal.dtype)
