# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Effects in a row, as a config writes them down: by name with a probability each, or as a list of classes."""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from omegaconf import OmegaConf

from nemo.core.classes.common import safe_instantiate

from nemo_noise.configuration import is_number
from nemo_noise.data.acoustics.effect import EFFECTS, Applied, Samples, Settings
from nemo_noise.data.acoustics.rooms import RecordedRooms, Rooms, SimulatedRooms
from nemo_noise.foreign_text import printable

__all__ = ["ROOMS", "ChainStep", "Chained", "EffectChain", "MixturePart", "build_chain", "build_mixture_chains"]

ROOMS: dict[str, type[Any]] = {"simulated": SimulatedRooms, "recorded": RecordedRooms}


class MixturePart(Enum):
    """Where effects act around a mixing: before it on speech or noise, behind it on the mixture."""

    SPEECH = "speech"
    NOISE = "noise"
    MIXTURE = "mixture"


class Changed(Protocol):
    """What anything in a chain returns: at least samples [T]."""

    @property
    def samples(self) -> Samples:
        """The changed samples, [T]."""


class SoundChange(Protocol):
    """What may stand in a chain: our effects, and any class of a user that changes samples and keeps their number."""

    def apply(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Changed:
        """Changes samples [T]; everything random comes from rng."""


class ChainStep(NamedTuple):
    """One effect of a chain.

    Attributes:
        name: in the config, or its place there.
        effect: what acts.
        prob: share of utterances that get it; None for all, without a draw.
        stream: whole numbers behind the seeds of an utterance that make the generator of this effect its own.
    """

    name: str
    effect: SoundChange
    prob: float | None
    stream: tuple[int, ...]


class Chained(NamedTuple):
    """What a chain made: samples [T], and for each effect that was applied its settings."""

    samples: Samples
    settings: dict[str, Settings]


class EffectChain:
    """Applies effects one after the other.

    Each effect has a generator of its own: taking one out of a chain, or changing its probability, leaves the draws of
    the others as they were.

    Args:
        steps: the effects in their order; names differ.
    """

    def __init__(self, steps: Sequence[ChainStep]) -> None:
        names = [step.name for step in steps]
        if len(set(names)) < len(names):
            raise ValueError(f"steps: have the names {names}, expected each name once")
        self.steps = list(steps)

    def apply(
        self,
        samples: npt.NDArray[np.floating],
        sample_rate: int,
        seeds: Sequence[int],
        probs: Mapping[str, float] | None = None,
    ) -> Chained:
        """Applies the chain to an utterance.

        Args:
            samples: mono, floating point, [T].
            sample_rate: samples per second.
            seeds: whole numbers, 0 or more, that decide everything, such as seed, epoch and a hash of the utterance.
            probs: by name of the effect, in place of the probability of its step.

        Returns:
            Samples [T] and the settings of the effects that were applied.

        Raises:
            ValueError: what an effect found wrong, or that it breaks the samples, after the name of the effect.
        """
        settings: dict[str, Settings] = {}
        changed: Samples = samples.astype(np.float32, copy=False)
        for step in self.steps:
            rng = np.random.default_rng([*seeds, *step.stream])
            prob = (probs or {}).get(step.name, step.prob)
            if prob is not None and rng.random() >= prob:
                continue
            try:
                made = step.effect.apply(changed, sample_rate, rng)
            except ValueError as error:
                raise ValueError(f"{step.name}: {error}") from error
            _check_kept(step, changed, made.samples)
            changed = made.samples
            settings[step.name] = made.settings if isinstance(made, Applied) else {}
        return Chained(changed, settings)


def build_chain(effects: Mapping[str, Mapping[str, Any] | None]) -> EffectChain:
    """Builds the chain of `rooms` or `devices` from a config.

    Args:
        effects: in the order in which they act, name -> options of the effect, and `prob` (1.0 by default).
            The name is a key of `EFFECTS`; an effect that occurs twice gets another name and `effect: <key>`. An
            option `rooms` is `{simulated: {...}}` or `{recorded: {...}}`. None takes an effect out.

    Raises:
        ValueError: if an effect or an option does not exist or is out of its range; names both.
    """
    if not isinstance(effects, Mapping):
        raise ValueError(f"effects: is {effects!r}, expected a mapping such as {{clipping: {{clipped_share: 0.01}}}}")
    steps = []
    for name, options in effects.items():
        if options is None:
            continue
        if not isinstance(options, Mapping):
            raise ValueError(f"effects.{name}: is {options!r}, expected a mapping of options, or null")
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        chosen = {"effect": name, "prob": 1.0, **options}
        steps.append(_step(name, f"effects.{name}", options=chosen, stream=(int.from_bytes(digest, "big"),)))
    return EffectChain(steps)


def build_mixture_chains(effects: Mapping[str, Sequence[Any] | None] | None) -> dict[MixturePart, EffectChain]:
    """Builds the chains of `noise_mix` from a config.

    The SNR is that of what reaches the microphone: speech and noise after their effects.

    Args:
        effects: `{speech: [...], noise: [...], mixture: [...]}`. An entry is `{effect: <key of EFFECTS>}`, its options
            and perhaps `prob` beside it; a config with the `_target_` of a class with
            `apply(samples, sample_rate, rng)`; or such an object.

    Returns:
        The chains of the parts that have effects.

    Raises:
        ValueError: names the entry and what would be right.
    """
    parts = [part.value for part in MixturePart]
    if effects is not None and not isinstance(effects, Mapping):
        raise ValueError(f"effects: is {effects!r}, expected a mapping of some of {parts}")
    unknown = set(effects or {}) - set(parts)
    if unknown:
        raise ValueError(f"effects: has the keys {sorted(unknown)}, expected some of {parts}")
    chains = {}
    for place, entries in (effects or {}).items():
        if isinstance(entries, (str, Mapping)) or not isinstance(entries, Sequence | None):
            raise ValueError(f"effects.{place}: is {entries!r}, expected a list of effects")
        steps = [
            _listed(entry, f"effects.{place}[{number}]", (parts.index(place), number))
            for number, entry in enumerate(entries or [])
        ]
        if steps:
            chains[MixturePart(place)] = EffectChain(steps)
    return chains


def _listed(entry: Any, where: str, stream: tuple[int, ...]) -> ChainStep:
    if isinstance(entry, Mapping) and "effect" in entry:
        return _step(where, where, options=dict(entry), stream=stream)
    if isinstance(entry, Mapping):
        entry = _instantiated(entry, where)
    if not callable(getattr(entry, "apply", None)):
        raise ValueError(f"{where}: {type(entry).__name__} has no apply(samples, sample_rate, rng)")
    return ChainStep(where, entry, None, stream)


def _instantiated(entry: Mapping[str, Any], where: str) -> Any:
    if "_target_" not in entry:
        raise ValueError(
            f"{where}: is {dict(entry)!r}, expected a _target_, or effect: one of {', '.join(sorted(EFFECTS))}"
        )
    try:
        return safe_instantiate(OmegaConf.create(dict(entry)))
    except Exception as error:  # of NeMo, Hydra or any class that is named
        reason = printable(str(error).strip().split("\n")[0], 200)
        raise ValueError(
            f"{where}: {printable(entry, 200)} cannot be made ({reason}), expected the _target_ of a class with "
            "apply(samples, sample_rate, rng), and its arguments"
        ) from error


def _step(name: str, where: str, *, options: dict[str, Any], stream: tuple[int, ...]) -> ChainStep:
    """Makes a step of an effect that is chosen by name; `options` hold `effect` and perhaps `prob` beside its own."""
    prob, kind = options.pop("prob", None), options.pop("effect")
    if kind not in EFFECTS:
        raise ValueError(f"{where}: there is no effect {kind!r}, expected one of {', '.join(sorted(EFFECTS))}")
    if prob is not None and not is_number(prob, 0.0, 1.0):
        raise ValueError(f"{where}.prob: is {prob!r}, expected 0 to 1")
    if "rooms" in options:
        options["rooms"] = _rooms(f"{where}.rooms", options["rooms"])
    return ChainStep(name, _made(EFFECTS[kind], options, where), None if prob is None else float(prob), stream)


def _rooms(where: str, options: Any) -> Rooms:
    kinds = list(options) if isinstance(options, Mapping) else []
    if len(kinds) != 1 or kinds[0] not in ROOMS:
        raise ValueError(f"{where}: is {options!r}, expected one of {', '.join(ROOMS)} with its options")
    made: Rooms = _made(ROOMS[kinds[0]], dict(options[kinds[0]] or {}), f"{where}.{kinds[0]}")
    return made


def _made(kind: type[Any], options: dict[str, Any], where: str) -> Any:
    """Calls a constructor whose arguments come from a config."""
    parameters = inspect.signature(kind).parameters
    unknown = [option for option in options if option not in parameters]
    if unknown:
        raise ValueError(f"{where}: has no option {unknown[0]!r}, expected {', '.join(parameters) or 'none'}")
    needed = [key for key, value in parameters.items() if value.default is inspect.Parameter.empty]
    missing = [option for option in needed if option not in options]
    if missing:
        raise ValueError(f"{where}: lacks the option {missing[0]!r}")
    try:
        return kind(**options)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _check_kept(step: ChainStep, before: Samples, after: Samples) -> None:
    if after.shape != before.shape or not np.isfinite(after).all():
        raise ValueError(
            f"{step.name}: {type(step.effect).__name__} made {list(after.shape)} samples, not all finite perhaps, of "
            f"{list(before.shape)}; expected as many, finite"
        )
