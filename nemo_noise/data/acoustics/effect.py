# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What an acoustic effect is: speech in, speech of the same length and at the same place out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, TypeVar, final

import numpy as np
import numpy.typing as npt

from nemo_noise.data.signal.speech_level import checked_sample_rate, checked_signal

__all__ = ["EFFECTS", "Applied", "Effect", "Samples", "Settings", "Wave", "effect"]

Samples = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]
Settings = dict[str, float | str]
AnyEffect = TypeVar("AnyEffect", bound="type[Effect]")

# All effects by the names that configs give them; importing `nemo_noise.data.acoustics` fills it.
EFFECTS: "dict[str, type[Effect]]" = {}


def effect(name: str) -> Callable[[AnyEffect], AnyEffect]:
    """Gives a class of effects the name by which configs choose it; the class reads its options in the constructor."""

    def named(kind: AnyEffect) -> AnyEffect:
        if name in EFFECTS:
            raise ValueError(f"effect: {name!r} names {EFFECTS[name].__name__} already, expected another name")
        EFFECTS[name] = kind
        return kind

    return named


class Applied(NamedTuple):
    """What an effect made: samples [T], and the settings that were drawn or measured for this utterance."""

    samples: Samples
    settings: Settings


class Effect(ABC):
    """Something that happens to speech between mouth and recogniser.

    The output has the length of the input, and the speech in it starts where it started: an effect with a delay takes
    the delay out again. Everything random comes from the generator that is passed in, nothing else decides.
    """

    @final
    def apply(self, samples: npt.NDArray[np.floating], sample_rate: int, rng: np.random.Generator) -> Applied:
        """Applies the effect with settings drawn from a generator.

        Args:
            samples: mono, floating point, [T]; may exceed full scale.
            sample_rate: samples per second.
            rng: decides on everything random.

        Returns:
            Samples [T] and the settings; digital silence comes back as it is, with no settings.

        Raises:
            ValueError: if the samples are empty, not mono, not floating point or not finite, or the effect cannot work
                at this rate.
        """
        wave = checked_signal(samples, "samples")  # [T]
        rate = checked_sample_rate(sample_rate)
        if not wave.any():
            return Applied(wave.astype(np.float32), {})
        changed, settings = self._process(wave, rate, rng)
        if changed.shape != wave.shape:
            raise AssertionError(f"{type(self).__name__} changed the length from {len(wave)} to {len(changed)}")
        return Applied(changed.astype(np.float32), settings)

    @abstractmethod
    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        """Changes a checked wave that is not silent: [T] -> [T]."""
