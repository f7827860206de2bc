# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where effects (rooms, microphones, codecs) act around the mixing: on the speech, on the noise, on the mixture."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from omegaconf import OmegaConf

from nemo.core.classes.common import safe_instantiate

from nemo_noise.foreign_text import printable

__all__ = ["Effect", "EffectChain"]

Samples = npt.NDArray[np.float32]
PLACES = ("speech", "noise", "mixture")


class Changed(Protocol):
    """What an effect returns: at least samples [T]."""

    @property
    def samples(self) -> Samples:
        """The changed samples, [T]."""


class Effect(Protocol):
    """Something that changes samples and keeps their number."""

    def apply(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Changed:
        """Changes samples [T]; everything random comes from rng."""


class EffectChain:
    """The effects of a config, in their order, at the three places where something can happen to sound.

    The SNR is that of what reaches the microphone: speech and noise after their effects. Each effect gets a generator
    of its own, so that another effect before it changes nothing in what it draws.

    Args:
        effects: `{speech: [...], noise: [...], mixture: [...]}`, each entry an effect or its config with `_target_`.
    """

    def __init__(self, effects: Mapping[str, Sequence[Any]] | None = None) -> None:
        if effects is not None and not isinstance(effects, Mapping):
            raise ValueError(f"effects: is {effects!r}, expected a mapping of some of {list(PLACES)}")
        unknown = set(effects or {}) - set(PLACES)
        if unknown:
            raise ValueError(f"effects: has the keys {sorted(unknown)}, expected some of {list(PLACES)}")
        for place, entries in (effects or {}).items():
            if isinstance(entries, (str, Mapping)) or not isinstance(entries, Sequence | None):
                raise ValueError(f"effects.{place}: is {entries!r}, expected a list of effects")
        self._effects = {
            place: [_effect(entry, f"effects.{place}[{number}]") for number, entry in enumerate(entries or [])]
            for place, entries in (effects or {}).items()
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing would happen."""
        return not any(self._effects.values())

    def apply(self, place: str, samples: Samples, sample_rate: int, seed: Sequence[int]) -> Samples:
        """Runs the effects of a place one after the other.

        Args:
            place: `speech`, `noise` or `mixture`.
            samples: [T].
            sample_rate: samples per second.
            seed: whole numbers that name the utterance and the epoch.

        Returns:
            [T].
        """
        for number, effect in enumerate(self._effects.get(place, [])):
            rng = np.random.default_rng([*seed, PLACES.index(place), number])
            changed = effect.apply(samples, sample_rate, rng).samples
            if changed.shape != samples.shape or not np.isfinite(changed).all():
                raise ValueError(
                    f"effects.{place}[{number}]: {type(effect).__name__} made {list(changed.shape)} samples, not all "
                    f"finite perhaps, of {list(samples.shape)}; expected as many, finite"
                )
            samples = changed
        return samples


def _effect(entry: Any, name: str) -> Effect:
    if isinstance(entry, Mapping):
        if "_target_" not in entry:
            raise ValueError(f"{name}: is {dict(entry)!r}, expected a _target_")
        try:
            entry = safe_instantiate(OmegaConf.create(dict(entry)))
        except Exception as error:  # of NeMo, Hydra or any class that is named
            reason = printable(str(error).strip().split("\n")[0], 200)
            raise ValueError(
                f"{name}: {printable(entry, 200)} cannot be made ({reason}), expected the _target_ of a class with "
                "apply(samples, sample_rate, rng), and its arguments"
            ) from error
    if not callable(getattr(entry, "apply", None)):
        raise ValueError(f"{name}: {type(entry).__name__} has no apply(samples, sample_rate, rng)")
    made: Effect = entry
    return made
