# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Effects in a row, each with a probability, as a config writes them down."""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise.checks import is_number
from nemo_noise.data.acoustics.codecs import G711Codec, GsmCodec, OpusCodec
from nemo_noise.data.acoustics.effect import Effect, Samples, Settings
from nemo_noise.data.acoustics.gain import AutomaticGain, Clipping
from nemo_noise.data.acoustics.packet_loss import FrameDrops, PacketLoss
from nemo_noise.data.acoustics.reverberation import MovingTalker, Reverberation
from nemo_noise.data.acoustics.rooms import RecordedRooms, Rooms, SimulatedRooms
from nemo_noise.data.acoustics.spectrum import MicrophoneResponse, TelephoneBand

__all__ = ["EFFECTS", "ROOMS", "ChainStep", "Chained", "EffectChain", "build_chain"]

EFFECTS: dict[str, type[Effect]] = {
    "reverberation": Reverberation,
    "moving_talker": MovingTalker,
    "microphone": MicrophoneResponse,
    "automatic_gain": AutomaticGain,
    "clipping": Clipping,
    "telephone_band": TelephoneBand,
    "g711": G711Codec,
    "gsm": GsmCodec,
    "opus": OpusCodec,
    "frame_drops": FrameDrops,
    "packet_loss": PacketLoss,
}
ROOMS: dict[str, type[Any]] = {"simulated": SimulatedRooms, "recorded": RecordedRooms}


class ChainStep(NamedTuple):
    """One effect of a chain: its name in the config, the effect, and the share of utterances that get it."""

    name: str
    effect: Effect
    prob: float


class Chained(NamedTuple):
    """What a chain made: samples [T], and for each effect that was applied its settings."""

    samples: Samples
    settings: dict[str, Settings]


class EffectChain:
    """Applies effects one after the other.

    Each effect has a generator of its own, made from the utterance's seeds and the effect's name: taking one effect
    out of a chain, or changing its probability, leaves the draws of the others as they were.

    Args:
        steps: the effects in their order; names differ.
    """

    def __init__(self, steps: Sequence[ChainStep]) -> None:
        names = [step.name for step in steps]
        if len(set(names)) < len(names):
            raise ValueError(f"steps: have the names {names}, expected each name once")
        for step in steps:
            _check_prob(step.name, step.prob)
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
            ValueError: what an effect found wrong, after the name of the effect.
        """
        settings: dict[str, Settings] = {}
        changed = np.asarray(samples)
        for step in self.steps:
            rng = np.random.default_rng([*seeds, _number(step.name)])
            if rng.random() >= (probs or {}).get(step.name, step.prob):
                continue
            try:
                changed, settings[step.name] = step.effect.apply(changed, sample_rate, rng)
            except ValueError as error:
                raise ValueError(f"{step.name}: {error}") from error
        return Chained(changed.astype(np.float32), settings)


def build_chain(effects: Mapping[str, Mapping[str, Any] | None]) -> EffectChain:
    """Builds a chain from a config.

    Args:
        effects: in the order in which they act, name -> options of the effect, and `prob` (1.0 where it is not said).
            The name is a key of `EFFECTS`; an effect that occurs twice gets another name and says `effect: <key>`. An
            option `rooms` is `{simulated: {...}}` or `{recorded: {...}}`. None takes an effect out.

    Returns:
        The chain.

    Raises:
        ValueError: if an effect or an option does not exist or is out of its range; names both.
    """
    if not isinstance(effects, Mapping):
        raise ValueError(f"effects: is {effects!r}, expected a mapping such as {{clipping: {{clipped_share: 0.01}}}}")
    return EffectChain([_step(name, options) for name, options in effects.items() if options is not None])


def _step(name: str, options: Mapping[str, Any]) -> ChainStep:
    if not isinstance(options, Mapping):
        raise ValueError(f"effects.{name}: is {options!r}, expected a mapping of options, or null")
    chosen = dict(options)
    prob, kind = chosen.pop("prob", 1.0), chosen.pop("effect", name)
    if kind not in EFFECTS:
        raise ValueError(f"effects.{name}: there is no effect {kind!r}, expected one of {', '.join(EFFECTS)}")
    _check_prob(name, prob)
    if "rooms" in chosen:
        chosen["rooms"] = _rooms(name, chosen["rooms"])
    return ChainStep(name, _made(EFFECTS[kind], chosen, f"effects.{name}"), float(prob))


def _rooms(name: str, options: Any) -> Rooms:
    kinds = list(options) if isinstance(options, Mapping) else []
    if len(kinds) != 1 or kinds[0] not in ROOMS:
        raise ValueError(f"effects.{name}.rooms: is {options!r}, expected one of {', '.join(ROOMS)} with its options")
    made: Rooms = _made(ROOMS[kinds[0]], dict(options[kinds[0]] or {}), f"effects.{name}.rooms.{kinds[0]}")
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


def _check_prob(name: str, prob: Any) -> None:
    if not is_number(prob, 0.0, 1.0):
        raise ValueError(f"effects.{name}.prob: is {prob!r}, expected 0 to 1")


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
