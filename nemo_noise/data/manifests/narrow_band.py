# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings at a lower rate than the model's: above half of it they hold nothing, and noise is alone there."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from nemo_noise.data.audio.blocks import AudioError, open_audio
from nemo_noise.data.manifests.manifest import ManifestEntry

__all__ = ["is_telephone_band", "lower_rates", "narrow_band_note"]

_NOTHING = 10.0**-5.5  # of the power; speech and noises of the whole band were found above 10^-4.7
_NARROW = 0.9  # of the model's rate
_ABOVE_HZ, _WIDE_HZ = 5000.0, 12_000  # what a resampler leaves above 4 kHz ends there


def lower_rates(entries: Sequence[ManifestEntry], sample_rate: int) -> Counter[int]:
    """Counts the recordings whose rate is clearly below the model's; only headers are read.

    Args:
        entries: lines of manifests; files that cannot be read count as nothing.
        sample_rate: of the model, samples per second.

    Returns:
        Rate of the files in Hz -> how many lines.
    """
    counts: Counter[int] = Counter()
    for entry in entries:
        with suppress(AudioError), open_audio(entry.audio_filepath) as audio:
            counts[audio.rate] += audio.rate < _NARROW * sample_rate
    return +counts


def is_telephone_band(samples: npt.NDArray[np.floating], sample_rate: int) -> bool:
    """Whether a recording [T] at a rate above 12 kHz holds nothing above 5 kHz: less than 55 dB under the whole."""
    if sample_rate < _WIDE_HZ or len(samples) < 2:
        return False
    power = np.square(np.abs(rfft(samples * np.hanning(len(samples)))))  # [lines]
    above = int(_ABOVE_HZ / (sample_rate / 2) * len(power))
    return bool(power[above:].sum() < _NOTHING * power.sum())


def narrow_band_note(entries: Sequence[ManifestEntry], sample_rate: int, what: str = "utterances") -> str | None:
    """One sentence on how many recordings lack the upper part of the model's band, and what to do.

    Args:
        entries: lines of manifests.
        sample_rate: of the model, samples per second.
        what: what they are.

    Returns:
        The sentence; None where all have the whole band.
    """
    counts = lower_rates(entries, sample_rate)
    if not counts:
        return None
    rates = " and ".join(f"{rate} Hz" for rate in sorted(counts))
    return (
        f"{sum(counts.values())} of {len(entries)} {what} are resampled from {rates} to {sample_rate} Hz: above "
        f"{max(counts) / 2000:g} kHz there is noise alone; use channels: {{telephone: ...}} in the evaluation, and "
        "devices in training, so that the noise passes the same band"
    )
