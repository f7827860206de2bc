# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What an utterance gets from `noise_mix`, and what comes of it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise.data.mixing.surroundings import NO_SURROUNDINGS, Surroundings
from nemo_noise.data.noise.noise_list import NoiseCrop

__all__ = ["Mixture", "NoiseDraw"]

Samples = npt.NDArray[np.float32]


class NoiseDraw(NamedTuple):
    """What an utterance gets.

    Attributes:
        noise: the noise crop [T].
        snr_db: the SNR in dB; None where each band has its own.
        source: name of the noise source.
        band_snrs_db: the SNR of each band in dB, from the lowest to the highest; empty without bands.
        is_noise_only: the speech is left out, and the transcript is empty.
        seed: what effects draw from.
        before: the noise before the crop [P]; empty without a pre-roll.
        around: what goes before and behind the speech; the noise covers it.
    """

    noise: NoiseCrop
    snr_db: float | None
    source: str = ""
    band_snrs_db: tuple[float, ...] = ()
    is_noise_only: bool = False
    seed: tuple[int, ...] = ()
    before: Samples = np.zeros(0, np.float32)
    around: Surroundings = NO_SURROUNDINGS


class Mixture(NamedTuple):
    """A mixture [T] and the speech that is in it [T], both before the effects on the mixture and the full scale."""

    samples: Samples
    speech: Samples
