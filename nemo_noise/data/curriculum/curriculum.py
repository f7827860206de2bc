# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The `curriculum` of `noise_mix`: SNRs, shares, sources and classes of noise as functions of epoch or step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nemo_noise.data.curriculum.schedule import Schedule, read_schedule, read_steps, step_at
from nemo_noise.data.curriculum.snr_schedule import SnrSchedule, read_snr_schedule
from nemo_noise.data.draw.clock import EpochClock, TimeUnit
from nemo_noise.data.noise.sources import NoiseSource

__all__ = ["CurriculumSnr", "LabelSteps", "NoiseCurriculum", "ProbabilityCurriculum"]

_KEYS = {"unit", "snr_db", "mix_prob", "weights", "labels"}
_ALL = "all"


@dataclass(frozen=True)
class LabelSteps:
    """Which classes of noise are allowed from when on; None is all."""

    times: tuple[float, ...]
    allowed: tuple[frozenset[str] | None, ...]

    def at(self, time: float) -> frozenset[str] | None:
        """The classes that are allowed at a time."""
        return self.allowed[step_at(self.times, time)]


class NoiseCurriculum:
    """What `noise_mix` does when.

    Time is the number of the epoch, or the number of optimizer steps before the first batch of the epoch: it stands
    still within an epoch, so that it does not matter how far ahead a worker prepares its batches.

    Args:
        config: `unit` (`epoch` or `step`), and what changes: `snr_db` (`read_snr_schedule`), `mix_prob`, `weights`
            (name of a source -> schedule) and `labels` (a list of `{at, allowed}`, `allowed` a list or `all`).
        clock: gives the time.

    Raises:
        ValueError: names the key and what would be right.
    """

    def __init__(self, config: Mapping[str, Any], clock: EpochClock) -> None:
        if not isinstance(config, Mapping) or not set(config) <= _KEYS or not set(config) - {"unit"}:
            raise ValueError(f"curriculum: is {config!r}, expected unit and some of {sorted(_KEYS - {'unit'})}")
        self.clock, self.unit = clock, TimeUnit.of(config.get("unit", "epoch"), "curriculum.unit")
        self.snr: SnrSchedule | None = None
        if "snr_db" in config:
            self.snr = read_snr_schedule(config["snr_db"], "curriculum.snr_db")
        self._mix_prob: Schedule | None = None
        if "mix_prob" in config:
            self._mix_prob = _probability(config["mix_prob"], "curriculum.mix_prob")
        self._weights = _schedules(config.get("weights", {}), "curriculum.weights")
        self._labels = _label_steps(config["labels"], "curriculum.labels") if "labels" in config else None

    @property
    def time(self) -> int:
        """The present time, in units."""
        return self.clock.time(self.unit)

    def mix_prob(self, otherwise: float) -> float:
        """The share of utterances that get noise at present."""
        return otherwise if self._mix_prob is None else self._mix_prob.at(self.time)

    def labels(self) -> frozenset[str] | None:
        """The classes of noise that are allowed at present; None is all."""
        return None if self._labels is None else self._labels.at(self.time)

    def weights(self, sources: Sequence[NoiseSource]) -> list[float]:
        """How often each source is drawn at present, in relation to the others."""
        return self._weights_at(self.time, sources)

    def turns(self) -> list[float]:
        """The times at which something begins or ends to change."""
        schedules: list[Schedule | SnrSchedule | None] = [self._mix_prob, self.snr, *self._weights.values()]
        times = {time for schedule in schedules if schedule is not None for time in schedule.turns}
        return sorted({0.0, *times, *(() if self._labels is None else self._labels.times)})

    def check(self, sources: Sequence[NoiseSource]) -> None:
        """Looks whether there is noise to draw at all times.

        Raises:
            ValueError: if a name or a class is unknown, a weight falls below 0, or nothing can be drawn.
        """
        names = [source.name for source in sources]
        unknown = sorted(set(self._weights) - set(names))
        if unknown:
            raise ValueError(f"curriculum.weights: names {unknown}, expected sources out of {names}")
        known = set().union(*(source.noises.labels() for source in sources))
        for allowed in () if self._labels is None else self._labels.allowed:
            missing = sorted((allowed or set()) - known)
            if missing:
                raise ValueError(f"curriculum.labels: allows {missing}, but the noises have {sorted(known)[:30]}")
        for time in self.turns():
            weights = self._weights_at(time, sources)
            if min(weights) < 0 or sum(weights) <= 0:
                raise ValueError(
                    f"curriculum: at {self.unit.value} {time:g} the sources {names} have the weights {weights} "
                    "with the classes allowed then; expected 0 or more, and one above"
                )

    def _weights_at(self, time: float, sources: Sequence[NoiseSource]) -> list[float]:
        labels = None if self._labels is None else self._labels.at(time)
        weights = []
        for source in sources:
            schedule = self._weights.get(source.name)
            is_allowed = labels is None or bool(labels & source.noises.labels())
            weights.append((source.weight if schedule is None else schedule.at(time)) if is_allowed else 0.0)
        return weights


class CurriculumSnr:
    """The SNRs of a curriculum at its present time, as a distribution like any other."""

    def __init__(self, curriculum: NoiseCurriculum) -> None:
        self._curriculum = curriculum

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""
        schedule = self._curriculum.snr
        if schedule is None:
            raise ValueError("curriculum: has no snr_db")
        return schedule.at(self._curriculum.time).draw(rng)


class ProbabilityCurriculum:
    """The `curriculum` of `rooms` and `devices`: how many utterances get an effect, as a function of time.

    Args:
        config: `unit` (`epoch` or `step`) and `probs` (name of an effect -> schedule).
        effects: names of the effects that there are.
        clock: gives the time.

    Raises:
        ValueError: names the key and what would be right.
    """

    def __init__(self, config: Mapping[str, Any], effects: Sequence[str], clock: EpochClock) -> None:
        if not isinstance(config, Mapping) or not {"probs"} <= set(config) <= {"unit", "probs"}:
            raise ValueError(f"curriculum: is {config!r}, expected unit and probs")
        self.clock, self.unit = clock, TimeUnit.of(config.get("unit", "epoch"), "curriculum.unit")
        self._probs = _schedules(config["probs"], "curriculum.probs")
        unknown = sorted(set(self._probs) - set(effects))
        if unknown:
            raise ValueError(f"curriculum.probs: names {unknown}, expected effects out of {list(effects)}")
        for name, schedule in self._probs.items():
            _check_probability(schedule, f"curriculum.probs.{name}")

    def probs(self) -> dict[str, float]:
        """The share of utterances that get an effect at present, by its name."""
        time = self.clock.time(self.unit)
        return {name: schedule.at(time) for name, schedule in self._probs.items()}


def _schedules(config: Any, name: str) -> dict[str, Schedule]:
    if not isinstance(config, Mapping):
        raise ValueError(f"{name}: is {config!r}, expected a mapping of names to schedules")
    return {str(key): read_schedule(value, f"{name}.{key}") for key, value in config.items()}


def _probability(value: Any, name: str) -> Schedule:
    schedule = read_schedule(value, name)
    _check_probability(schedule, name)
    return schedule


def _check_probability(schedule: Schedule, name: str) -> None:
    """All schedules run between their values at the turns."""
    for time in schedule.turns:
        if not 0.0 <= schedule.at(time) <= 1.0:
            raise ValueError(f"{name}: is {schedule.at(time):g} at {time:g}, expected 0 to 1")


def _label_steps(config: Any, name: str) -> LabelSteps:
    times, sets = read_steps(config, "allowed", name)
    allowed: list[frozenset[str] | None] = []
    for number, labels in enumerate(sets):
        if labels == _ALL:
            allowed.append(None)
        elif isinstance(labels, Sequence) and not isinstance(labels, str) and labels:
            allowed.append(frozenset(str(label) for label in labels))
        else:
            raise ValueError(f"{name}[{number}].allowed: is {labels!r}, expected a list of classes, or {_ALL!r}")
    return LabelSteps(times, tuple(allowed))
