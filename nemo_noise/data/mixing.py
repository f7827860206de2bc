# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech plus noise at an exact SNR, and the NeMo perturbation `noise_mix` that does it while training."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nemo.collections.asr.parts.preprocessing.perturb import Perturbation
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment
from nemo.utils import logging

from nemo_noise.data.epoch_clock import EPOCH_CLOCK, shared_integers
from nemo_noise.data.event_counts import EventCounts
from nemo_noise.data.noise_list import NoiseCrop, NoiseList, loop_to_length
from nemo_noise.data.speech_level import (
    SILENCE_DB,
    active_speech_level_db,
    checked_sample_rate,
    checked_signal,
    rms_db,
)

__all__ = [
    "NoiseCrop",
    "NoiseDraw",
    "NoiseList",
    "NoiseMixPerturbation",
    "Refresh",
    "SnrChoices",
    "SnrRange",
    "active_speech_level_db",
    "mix_at_snr",
    "rms_db",
]


def mix_at_snr(
    speech: npt.ArrayLike, noise: npt.ArrayLike, snr_db: float, sample_rate: int
) -> npt.NDArray[np.float32]:
    """Adds noise to speech at an exact signal-to-noise ratio.

    The ratio is the *active* speech level (ITU-T P.56, so pauses do not count) minus the RMS level of the noise over
    the mixed region. The speech keeps its level, the noise is scaled. The mixture may exceed full scale: it is float
    and nothing is clipped (docs/decisions/002-mixing.md).

    Args:
        speech: mono, floating point, [T].
        noise: mono, floating point, [N]; its first T samples are used, a shorter one is looped with cross-faded seams.
        snr_db: wanted ratio, dB.
        sample_rate: of both, samples per second.

    Returns:
        The mixture, [T].

    Raises:
        ValueError: if speech or noise is empty, silent, not mono or not finite, or snr_db or sample_rate is unusable.
    """
    rate = checked_sample_rate(sample_rate)
    clean = checked_signal(speech, "speech")  # [T]
    if not isinstance(snr_db, (int, float, np.number)) or not math.isfinite(snr_db):
        raise ValueError(f"snr_db: is {snr_db!r}, expected a finite number of dB")
    added = loop_to_length(checked_signal(noise, "noise"), len(clean), rate)  # [T]
    if rms_db(clean) < SILENCE_DB:
        raise ValueError(f"speech: is silent (RMS below {SILENCE_DB:g} dB), an SNR has no meaning for noise alone")
    noise_level_db = rms_db(added)
    if noise_level_db < SILENCE_DB:
        raise ValueError(f"noise: is silent over the mixed region ({len(clean)} samples), expected noise")
    gain_db = active_speech_level_db(clean, rate) - noise_level_db - float(snr_db)
    mixture = clean + added * 10.0 ** (gain_db / 20.0)
    if not np.abs(mixture).max() <= np.finfo(np.float32).max:
        raise ValueError(f"snr_db: {snr_db!r} dB puts the noise outside of float32, expected a ratio nearer to 0")
    return mixture.astype(np.float32)


class SnrDistribution(Protocol):
    """Where SNRs come from."""

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""


class SnrChoices:
    """SNRs from a list, all as likely; `choices_db` in dB."""

    def __init__(self, choices_db: Sequence[float]) -> None:
        if len(choices_db) == 0:
            raise ValueError("snr_db: is an empty list, expected at least one SNR in dB")
        self.choices_db = [_finite(value, "snr_db") for value in choices_db]

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""
        return self.choices_db[int(rng.integers(len(self.choices_db)))]


class SnrRange:
    """SNRs uniform between `min_db` and `max_db`."""

    def __init__(self, min_db: float, max_db: float) -> None:
        self.min_db, self.max_db = _finite(min_db, "snr_db.min"), _finite(max_db, "snr_db.max")
        if self.min_db > self.max_db:
            raise ValueError(f"snr_db: min {self.min_db:g} is above max {self.max_db:g}")

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""
        return float(rng.uniform(self.min_db, self.max_db))


class Refresh(Enum):
    """When an utterance gets other noise: in each epoch (training), or never (a fixed noisy validation set)."""

    EACH_EPOCH = "each_epoch"
    NEVER = "never"


class NoiseDraw(NamedTuple):
    """What an utterance gets: the noise crop [T] and the SNR in dB."""

    noise: NoiseCrop
    snr_db: float


class NoiseMixPerturbation(Perturbation):
    """Mixes noise into an utterance; registered with NeMo as `noise_mix` for `train_ds.augmentor`.

    The draw depends on (seed, epoch, samples of the utterance) and on nothing else: not on the number of workers, the
    order or the batch. NeMo's own `prob` draws from a generator that differs per worker, so leave it at 1.0 and use
    `mix_prob`; random perturbations listed before this one change the samples and thereby the draw.

    The epoch comes from `nemo_noise.training.epoch.EpochClockCallback`. Silent utterances stay untouched, counted.

    Args:
        manifest_path: NeMo manifest of noises, or a list of them.
        snr_db: a list of SNRs in dB, or a mapping with `min` and `max`.
        seed: 0 or more.
        mix_prob: share of utterances that get noise, 0 to 1.
        refresh: `each_epoch`, or `never` for a validation set that stays the same.
        cache_limit_mb: memory for decoded noise per process, MB.
    """

    def __init__(
        self,
        manifest_path: str | Path | Sequence[str | Path],
        snr_db: Sequence[float] | Mapping[str, float],
        seed: int = 0,
        mix_prob: float = 1.0,
        refresh: str = "each_epoch",
        cache_limit_mb: float = 512.0,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed: is {seed!r}, expected a whole number, 0 or more")
        if not 0.0 <= _finite(mix_prob, "mix_prob") <= 1.0:
            raise ValueError(f"mix_prob: is {mix_prob!r}, expected 0 to 1")
        self.snr = snr_distribution(snr_db)
        self.seed, self.mix_prob = seed, float(mix_prob)
        self.refresh = _refresh(refresh)
        self.counts = EventCounts()
        noises = NoiseList(manifest_path, 16000, cache_limit_mb)  # fails here and not in a worker
        self._noises = {noises.sample_rate: noises}
        self._clock = EPOCH_CLOCK
        self._witness = shared_integers(2)  # [key of one utterance, 1 = warned]

    def perturb(self, data: AudioSegment) -> None:
        """Adds noise to the segment in place.

        Args:
            data: NeMo's mono segment.

        Raises:
            ValueError: if the segment is empty, multi-channel or holds NaN; ManifestError for a bad noise.
        """
        samples = _checked_segment(data)
        if rms_db(samples) < SILENCE_DB:
            self.counts.note("silent speech", f"{_segment_name(data)}: is silent, noise_mix leaves it untouched")
            return
        draw = self.draw(samples, data.sample_rate)
        if draw is not None:
            data._samples = mix_at_snr(samples, draw.noise.samples, draw.snr_db, data.sample_rate)

    def draw(self, samples: npt.NDArray[np.float32], sample_rate: int) -> NoiseDraw | None:
        """Decides which noise, which part of it and which SNR an utterance gets in the current epoch.

        Args:
            samples: the utterance, [T].
            sample_rate: samples per second.

        Returns:
            The draw, noise [T]; None for the share 1 - mix_prob that stays clean.
        """
        key = int.from_bytes(hashlib.blake2b(np.ascontiguousarray(samples).tobytes(), digest_size=8).digest(), "big")
        epoch = 0
        if self.refresh is Refresh.EACH_EPOCH:
            epoch = self._clock.epoch
            self._warn_when_time_stands_still(key)
        rng = np.random.default_rng([self.seed, epoch, key])
        if rng.random() >= self.mix_prob:
            return None
        snr_db = self.snr.draw(rng)
        return NoiseDraw(self.noise_list(sample_rate).crop(rng, len(samples)), snr_db)

    def noise_list(self, sample_rate: int) -> NoiseList:
        """Returns the noises at a rate; the speech decides which."""
        if sample_rate not in self._noises:
            self._noises[sample_rate] = next(iter(self._noises.values())).at_rate(sample_rate)
        return self._noises[sample_rate]

    def _warn_when_time_stands_still(self, key: int) -> None:
        """Keeps the first utterance as a witness: seen again with a clock that nobody ever set, the noise repeats."""
        if self._clock.times_set or self._witness[1]:
            return
        short_key = key >> 1 or 1  # fits int64, and 0 means no witness
        if self._witness[0] == 0:
            self._witness[0] = short_key
        elif self._witness[0] == short_key:
            self._witness[1] = 1
            logging.warning(
                "noise_mix sees an utterance again, but nobody sets the epoch: every epoch repeats the same noise. "
                "Add nemo_noise.training.epoch.EpochClockCallback to trainer.callbacks, or set `refresh: never`."
            )


def snr_distribution(snr_db: Sequence[float] | Mapping[str, float]) -> SnrDistribution:
    """Reads the `snr_db` of a config: a list of choices, or a mapping with exactly `min` and `max`, all in dB."""
    if isinstance(snr_db, Mapping):
        if set(snr_db) != {"min", "max"}:
            raise ValueError(f"snr_db: has the keys {sorted(snr_db)}, expected exactly min and max")
        return SnrRange(snr_db["min"], snr_db["max"])
    if isinstance(snr_db, Sequence) and not isinstance(snr_db, str):
        return SnrChoices(snr_db)
    raise ValueError(f"snr_db: is {snr_db!r}, expected a list like [0, 5, 10] or a range {{min: 0, max: 20}}")


def _refresh(value: str) -> Refresh:
    try:
        return Refresh(value)
    except ValueError:
        allowed = [option.value for option in Refresh]
        raise ValueError(f"refresh: is {value!r}, expected one of {allowed}") from None


def _finite(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name}: is {value!r}, expected a finite number")
    return float(value)


def _checked_segment(data: AudioSegment) -> npt.NDArray[np.float32]:
    try:
        checked_signal(data._samples, "samples")
    except ValueError as error:
        raise ValueError(f"{_segment_name(data)}: noise_mix cannot use it, {error}") from error
    samples: npt.NDArray[np.float32] = data._samples
    return samples


def _segment_name(data: AudioSegment) -> str:
    return str(getattr(data, "_audio_file", None) or "a segment without a file name")
