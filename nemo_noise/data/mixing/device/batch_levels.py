# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The active speech level (ITU-T P.56) of a whole batch on the device where it lies."""

import math

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from nemo_noise.data.signal.speech_level import (
    HANGOVER_S,
    NUM_THRESHOLDS,
    SILENCE_DB,
    TIME_CONSTANT_S,
    checked_sample_rate,
    level_of_counts_db,
)

__all__ = ["batch_levels_db"]

_NEGLIGIBLE = 1e-12  # of the envelope's impulse response


def batch_levels_db(audio: Tensor, lengths: list[int], sample_rate: int) -> list[float]:
    """Measures what `active_speech_level_db` measures, for all utterances at once.

    The envelope is the same filter, by Fourier transform in float64; the hang-over is a running maximum; how many
    samples are active is counted exactly. Levels differ from the host's by rounding: below 0.001 dB.

    Args:
        audio: floating point, padded with anything, [B, T].
        lengths: in samples, 1 or more, [B].
        sample_rate: samples per second.

    Returns:
        In dB, minus infinity for silence. [B]

    Raises:
        ValueError: if an utterance holds NaN or infinity.
    """
    rate = checked_sample_rate(sample_rate)
    ends = torch.tensor(lengths, device=audio.device)[:, None]  # [B, 1]
    inside = torch.arange(audio.shape[1], device=audio.device) < ends  # [B, T]
    loudness = torch.where(inside, audio.double().abs(), 0.0)  # [B, T]
    peaks = loudness.amax(dim=1)  # [B]
    loudness = loudness / peaks.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
    energies = loudness.square().sum(dim=1)  # [B]
    held = _running_maximum(_envelope(loudness, rate), int(np.ceil(HANGOVER_S * rate)) + 1)
    _, exponents = torch.frexp(held)  # held is at least 2^-h for h from 1 - exponent on
    halvings = (1 - exponents.long()).clamp(1, NUM_THRESHOLDS + 1)
    halvings = torch.where(inside & (held > 0), halvings, NUM_THRESHOLDS + 1)  # nowhere
    counts = torch.zeros(len(audio), NUM_THRESHOLDS + 2, dtype=torch.float64, device=audio.device)
    counts.scatter_add_(1, halvings, torch.ones_like(held))
    active = counts[:, 1 : NUM_THRESHOLDS + 1].cumsum(dim=1)  # [B, thresholds]
    rows = torch.cat([peaks[:, None], energies[:, None], active], dim=1).cpu().numpy()  # one transfer
    return [_level_db(row, length) for row, length in zip(rows, lengths, strict=True)]


def _level_db(row: np.ndarray[tuple[int, ...], np.dtype[np.float64]], length: int) -> float:
    peak, energy, active = float(row[0]), float(row[1]), row[2:]
    if not math.isfinite(peak):
        raise ValueError("audio: an utterance holds NaN or infinity, expected finite samples")
    if not peak > 0.0 or 20.0 * math.log10(peak) + 10.0 * math.log10(energy / length) < SILENCE_DB:
        return -math.inf
    level_db = level_of_counts_db(energy, active) if active.any() else 10.0 * math.log10(energy / length)
    return level_db + 20.0 * math.log10(peak)


def _envelope(loudness: Tensor, rate: int) -> Tensor:
    """Two one-pole smoothers in a row, [B, T]."""
    pole = math.exp(-1.0 / (rate * TIME_CONSTANT_S))
    times = torch.arange(loudness.shape[1], dtype=torch.float64, device=loudness.device)
    response = (1.0 - pole) ** 2 * (times + 1.0) * pole**times
    response = response[: max(int((response > _NEGLIGIBLE * response.max()).nonzero().max()) + 1, 1)]
    size = next_fast_len(loudness.shape[1] + len(response) - 1, real=True)
    spectrum = torch.fft.rfft(loudness, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(spectrum, size)[:, : loudness.shape[1]]


def _running_maximum(signal: Tensor, width: int) -> Tensor:
    """The largest of each sample and the `width - 1` before it, [B, T], in steps that double."""
    span = 1
    while span < width:
        shift = min(span, width - span)
        later = torch.maximum(signal[:, shift:], signal[:, :-shift]) if shift < signal.shape[1] else signal[:, :0]
        signal = torch.cat([signal[:, : signal.shape[1] - later.shape[1]], later], dim=1)
        span += shift
    return signal
