# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs of recordings that share the noise and nothing else: what a noise-context encoder is pretrained on.

One item is two views of one environment. The speech differs (another file, another speaker where the manifest names
speakers), the noise is two crops of one file that do not overlap, the SNR is the same, and the overall level is drawn
for each view on its own, so that level is no cue to the SNR. What the two views have in common is the noise.

Every item is a function of (seed, epoch, index) alone; the number of workers, the batch size and the order in which
items are read do not matter.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from nemo_noise.data.draw.clock import EpochClock
from nemo_noise.data.manifests.sensors import SensorRecording, collate_sensors, read_sensors
from nemo_noise.data.pairs.environments import SILENT_RMS, NoiseBank, NoisePair, SpeechBank, equalize, root_mean_square
from nemo_noise.data.signal.snr import mix_at_snr, snr_distribution
from nemo_noise.data.signal.speech_level import active_speech_level_db

__all__ = ["ContextPair", "ContextPairDataset", "EnvironmentKind", "collate_context_pairs"]

Samples = npt.NDArray[np.float32]

CLEAN_ENVIRONMENT = -1  # the environment id of speech without added noise


class EnvironmentKind(Enum):
    """What a view pair is made of."""

    NOISY = "noisy"
    CLEAN = "clean"
    NOISE_ONLY = "noise_only"


class ContextPair(TypedDict):
    """One item, or a batch of them with a leading B. The two views are the axis of size 2.

    Keys: ``audio`` [2, T] the mixtures, padded with 0; ``audio_noise`` [2, T] the noise inside them at its true scale;
    ``audio_length`` [2] in samples; ``snr_db`` [2] measured on the crops against the active speech level, +inf for
    clean speech and -inf for noise alone; ``environment`` [] the noise file, -1 for clean speech; ``noise_label`` []
    the class of the noise, for probes and logs only; ``speech`` [2] the first speech file of each view, -1 for none;
    ``speaker`` [2] who speaks in it (the file itself where the manifest names no speaker), -1 for none.
    """

    audio: Tensor
    audio_noise: Tensor
    audio_length: Tensor
    snr_db: Tensor
    environment: Tensor
    noise_label: Tensor
    speech: Tensor
    speaker: Tensor


class SensedContextPair(ContextPair, total=False):
    """A pair whose noise has sensors: ``sensors`` of the two views, or those of a batch [2 * B], first views first."""

    sensors: Any


class View(NamedTuple):
    """A mixture [T], the noise inside it [T] and its measured SNR in dB."""

    mixture: Samples
    noise: Samples
    snr_db: float


class ContextPairDataset(Dataset[ContextPair]):
    """Deterministic pairs of views with the same noise under different speech.

    Args:
        manifest_filepath: NeMo manifest(s) of speech; text is not read. Files shorter than a crop are joined.
        noise_manifest: NeMo manifest(s) of noise; a field named ``label`` is used for ``noise_label`` only. Lines may
            have ``sensors``.
        sample_rate: rate of the views in Hz.
        num_pairs: pairs in one epoch.
        crop_s: range [shortest, longest] of the length of a view in seconds, drawn for each view; a long view
            averages its words away, a short one teaches to ignore them.
        snr_db: SNR in dB: a list of choices, or a range {min, max}.
        level_db: range [low, high] of the level of a mixture in dB relative to full scale, drawn for each view.
        equalizer_db: largest gain of a random smooth equaliser on the noise of both views; turns few noise files
            into many environments. 0 leaves the noise as it is.
        clean_fraction: share of pairs without noise.
        noise_only_fraction: share of pairs without speech.
        pairs_per_speech: how many neighbouring items share their two speech crops, 1 or 2. With 2, a batch holds
            the same speech under another noise for every view: a hard negative.
        seed: what the draws derive from.
        cache_mb: decoded audio kept in memory, per process, for speech and for noise each; beyond it files are decoded
            again at every use. An hour at 16 kHz takes 220 MB.

    Raises:
        ValueError: if an argument is out of range.
        ManifestError: if a manifest line or file cannot be used, naming ``file:line``.
    """

    def __init__(
        self,
        manifest_filepath: str | Sequence[str],
        noise_manifest: str | Sequence[str],
        *,
        sample_rate: int = 16000,
        num_pairs: int = 4000,
        crop_s: Sequence[float] = (2.0, 2.0),
        snr_db: Sequence[float] | Mapping[str, float] = MappingProxyType({"min": -5.0, "max": 20.0}),
        level_db: Sequence[float] = (-40.0, -15.0),
        equalizer_db: float = 6.0,
        clean_fraction: float = 0.05,
        noise_only_fraction: float = 0.05,
        pairs_per_speech: int = 2,
        seed: int = 0,
        cache_mb: int = 768,
    ) -> None:
        self.snr = snr_distribution(snr_db)
        self.level_db = _range("level_db", level_db)
        self.crop_s = _range("crop_s", crop_s)
        positive = {"sample_rate": sample_rate, "num_pairs": num_pairs, "crop_s": self.crop_s[0], "cache_mb": cache_mb}
        for name, value in positive.items():
            if value <= 0:
                raise ValueError(f"ContextPairDataset: {name}={value} must be above 0.")
        for name, value in {"clean_fraction": clean_fraction, "noise_only_fraction": noise_only_fraction}.items():
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"ContextPairDataset: {name}={value} must lie in [0, 1].")
        if clean_fraction + noise_only_fraction > 1.0:
            raise ValueError(
                f"ContextPairDataset: clean_fraction={clean_fraction} and noise_only_fraction={noise_only_fraction} "
                "must not exceed 1 together."
            )
        if pairs_per_speech not in (1, 2):
            raise ValueError(f"ContextPairDataset: pairs_per_speech={pairs_per_speech} must be 1 or 2.")
        if equalizer_db < 0:
            raise ValueError(f"ContextPairDataset: equalizer_db={equalizer_db} must be 0 or more.")
        self.sample_rate = sample_rate
        self.num_pairs = num_pairs
        self.num_samples = round(self.crop_s[1] * sample_rate)
        self.equalizer_db = equalizer_db
        self.clean_fraction = clean_fraction
        self.noise_only_fraction = noise_only_fraction
        self.pairs_per_speech = pairs_per_speech
        self.seed = seed
        self._num_processes = 1
        self.speech = SpeechBank(manifest_filepath, sample_rate, cache_mb)
        self.noise = NoiseBank(noise_manifest, sample_rate, cache_mb)
        self.has_sensors = any("sensors" in entry.fields for entry in self.noise.entries)
        self._clock = EpochClock()  # its own: the model that trains sets it

    def set_num_processes(self, count: int) -> None:
        """Set how many processes take the items in turn, as Lightning's distributed sampler deals them.

        Items that share their speech then come to one process, one after the other.
        """
        if count < 1:
            raise ValueError(f"ContextPairDataset: num_processes={count} must be at least 1.")
        self._num_processes = count

    def set_epoch(self, epoch: int) -> None:
        """Move on to the draws of another epoch, here and in running workers."""
        self._clock.set(epoch)

    def __len__(self) -> int:
        """Pairs in one epoch."""
        return self.num_pairs

    def __getitem__(self, index: int) -> ContextPair:
        """Make pair ``index`` of the current epoch."""
        if not 0 <= index < self.num_pairs:
            raise IndexError(f"index={index} must lie in [0, {self.num_pairs}).")
        epoch = self._clock.epoch
        rng = np.random.default_rng((self.seed, epoch, index, 0))
        turn, process = divmod(index, self._num_processes)
        group, side = divmod(turn, self.pairs_per_speech)
        speech_rng = np.random.default_rng((self.seed, epoch, group * self._num_processes + process, 1))
        kind = self._draw_kind(rng)
        snr_db = self.snr.draw(rng)
        noise = self.noise.crop_pair(rng, self.num_samples)
        noises = equalize(noise.samples, rng, self.equalizer_db)
        speeches = self.speech.crop_pair(speech_rng, self.num_samples)
        if side == 1:  # the same speech on the other side: a hard negative for both views
            speeches = speeches[::-1]
        views = [
            self._view(kind, rng, speech=speech.samples, noise=noise_crop, snr_db=snr_db)
            for speech, noise_crop in zip(speeches, noises, strict=True)
        ]
        is_clean, is_noise = kind is EnvironmentKind.CLEAN, kind is EnvironmentKind.NOISE_ONLY
        pair = ContextPair(
            audio=torch.from_numpy(np.stack([self._padded(view.mixture) for view in views])),  # [2, T]
            audio_noise=torch.from_numpy(np.stack([self._padded(view.noise) for view in views])),  # [2, T]
            audio_length=torch.tensor([len(view.mixture) for view in views]),
            snr_db=torch.tensor([view.snr_db for view in views], dtype=torch.float32),
            environment=torch.tensor(CLEAN_ENVIRONMENT if is_clean else noise.file_index),
            noise_label=torch.tensor(CLEAN_ENVIRONMENT if is_clean else noise.label_index),
            speech=torch.tensor([-1 if is_noise else speech.file_index for speech in speeches]),
            speaker=torch.tensor(
                [-1 if is_noise else self.speech.speaker_indices[speech.file_index] for speech in speeches]
            ),
        )
        if not self.has_sensors:
            return pair
        lengths_s = [0.0 if is_clean else len(view.mixture) / self.sample_rate for view in views]
        return SensedContextPair(**pair, sensors=self._sensors(noise, lengths_s))

    def _draw_kind(self, rng: np.random.Generator) -> EnvironmentKind:
        draw = float(rng.uniform())
        if draw < self.clean_fraction:
            return EnvironmentKind.CLEAN
        if draw < self.clean_fraction + self.noise_only_fraction:
            return EnvironmentKind.NOISE_ONLY
        return EnvironmentKind.NOISY

    def _view(
        self, kind: EnvironmentKind, rng: np.random.Generator, *, speech: Samples, noise: Samples, snr_db: float
    ) -> View:
        """One view of random length and level."""
        num_samples = round(rng.uniform(*self.crop_s) * self.sample_rate)
        if min(root_mean_square(speech[:num_samples]), root_mean_square(noise[:num_samples])) > SILENT_RMS:
            speech, noise = speech[:num_samples], noise[:num_samples]
        if kind is EnvironmentKind.CLEAN:
            mixture, scaled_noise, measured_db = speech, np.zeros_like(speech), float("inf")
        elif kind is EnvironmentKind.NOISE_ONLY:
            mixture, scaled_noise, measured_db = noise, noise, float("-inf")
        else:
            mixture = mix_at_snr(speech, noise, snr_db=snr_db, sample_rate=self.sample_rate)
            scaled_noise = mixture - speech
            speech_db = active_speech_level_db(speech, self.sample_rate)
            measured_db = speech_db - 20.0 * float(np.log10(root_mean_square(scaled_noise)))
        level_db = float(rng.uniform(*self.level_db))
        gain = np.float32(10.0 ** (level_db / 20.0) / root_mean_square(mixture))
        return View(mixture * gain, scaled_noise * gain, measured_db)

    def _sensors(self, noise: NoisePair, lengths_s: list[float]) -> list[dict[str, SensorRecording]]:
        """What was measured beside the noise of each view; nothing in clean speech, or where it was repeated."""
        if noise.starts_s is None:
            return [{}, {}]
        entry = self.noise.entries[noise.file_index]
        return [
            read_sensors(entry, start_s, length_s) if length_s else {}
            for start_s, length_s in zip(noise.starts_s, lengths_s, strict=True)
        ]

    def _padded(self, samples: Samples) -> Samples:
        return np.pad(samples, (0, self.num_samples - len(samples)))


def collate_context_pairs(pairs: Sequence[ContextPair]) -> ContextPair:
    """Stack items into a batch: every tensor gains a leading B; sensors become the streams of all views."""
    batch = ContextPair(**{key: torch.stack([pair[key] for pair in pairs]) for key in ContextPair.__annotations__})  # type: ignore[literal-required, typeddict-item]
    sensed: list[Any] = [cast(SensedContextPair, pair).get("sensors") for pair in pairs]
    if any(streams is None for streams in sensed):
        return batch
    views = [streams[view] for view in (0, 1) for streams in sensed]  # [2 * B]
    return cast(SensedContextPair, {**batch, "sensors": collate_sensors(views)})


def _range(name: str, values: Sequence[float]) -> tuple[float, float]:
    bounds = [float(value) for value in values]
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise ValueError(f"ContextPairDataset: {name}={bounds} must be [low, high] with low <= high.")
    return bounds[0], bounds[1]
