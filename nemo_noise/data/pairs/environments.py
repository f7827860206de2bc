# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where the views of an environment come from: banks of speech and of noise that hand out pairs of crops."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise.data.draw.event_counts import EventCounts
from nemo_noise.data.manifests.decoded_files import DecodedFiles
from nemo_noise.data.manifests.manifest import (
    ManifestEntry,
    ManifestError,
    read_manifest,
    require_audio_files,
)
from nemo_noise.data.manifests.usable import find_unusable, no_noise, usable_entries

__all__ = ["NoiseBank", "NoisePair", "SpeechBank", "SpeechCrop", "equalize", "root_mean_square"]

Samples = npt.NDArray[np.float32]

MAX_DRAWS = 20  # a silent crop is drawn again this often before a fallback is taken
EVENT_GAP_DB = -30.0  # a crop this far below its file holds no more than the gaps between events
FRAME_S = 0.02  # resolution of the silence trimming
LONGEST_PAUSE_S = 0.2  # between joined utterances
LONGEST_GAP_S = 0.5  # between repetitions of a short noise
SHORTEST_PIECE_S = 0.05  # a noise with less sound than twice this cannot give two crops
SILENT_RMS = 1e-6


class SpeechCrop(NamedTuple):
    """Speech [T] and the index of the file it begins with."""

    samples: Samples
    file_index: int


class NoisePair(NamedTuple):
    """Two crops [2, T] of one noise file that do not overlap, the index of the file and of its label.

    ``starts_s``: where in the recording each begins, in seconds; None where a short one was repeated.
    """

    samples: Samples
    file_index: int
    label_index: int
    starts_s: tuple[float, float] | None = None


class SoundExtent(NamedTuple):
    """Where a noise file holds sound, in samples, and the RMS under which one of its crops counts as silent."""

    start: int
    stop: int
    floor: float


class SpeechBank:
    """Crops of speech from manifests, decoded files cached up to a bound.

    Args:
        manifest_filepath: one manifest or several; ``speaker`` is used where the lines have it.
        sample_rate: in Hz.
        cache_mb: decoded audio kept, per process.
    """

    def __init__(self, manifest_filepath: str | Sequence[str], sample_rate: int, cache_mb: int) -> None:
        self.entries = read_manifests("manifest_filepath", manifest_filepath)
        self.sample_rate = sample_rate
        if len(self.entries) < 2:
            raise ManifestError(f"{self.entries[0].source}: the speech manifest needs at least 2 files, has 1.")
        self._files = DecodedFiles(self.entries, sample_rate, limit_bytes=cache_mb * 2**20)
        self.counts = EventCounts()
        self._speakers = [str(entry.fields.get("speaker", entry.audio_filepath)) for entry in self.entries]
        numbers = {speaker: number for number, speaker in enumerate(sorted(set(self._speakers)))}
        self.speaker_indices = [numbers[speaker] for speaker in self._speakers]
        files_of: dict[str, list[int]] = defaultdict(list)
        for index, speaker in enumerate(self._speakers):
            files_of[speaker].append(index)
        everything = list(range(len(self.entries)))
        self._companions = [
            files_of[speaker] if "speaker" in entry.fields else everything
            for entry, speaker in zip(self.entries, self._speakers, strict=True)
        ]

    def crop_pair(self, rng: np.random.Generator, num_samples: int) -> tuple[SpeechCrop, SpeechCrop]:
        """Two crops of ``num_samples`` from different files and, where the manifest has two, different speakers."""
        first = self.crop(rng, num_samples)
        second = self.crop(rng, num_samples)
        for _ in range(MAX_DRAWS):
            if self._speakers[second.file_index] != self._speakers[first.file_index]:
                return first, second
            second = self.crop(rng, num_samples)
        while second.file_index == first.file_index:
            second = self.crop(rng, num_samples)
        return first, second

    def crop(self, rng: np.random.Generator, num_samples: int) -> SpeechCrop:
        """A crop that holds speech; utterances shorter than it are joined with pauses, one speaker throughout.

        Utterances that cannot be read, and crops without sound, are drawn again, counted; 20 in a row are an error.
        """
        unusable: ManifestError | None = None
        for _ in range(MAX_DRAWS):
            file_index = int(rng.integers(len(self.entries)))
            try:
                samples = self._fill(rng, file_index, num_samples)
            except ManifestError as error:
                self.counts.note("unusable speech", f"{error}; another utterance is taken")
                unusable = error
                continue
            if root_mean_square(samples - samples.mean(dtype=np.float64)) > SILENT_RMS:
                return SpeechCrop(samples, file_index)
        if unusable is not None:
            raise unusable
        raise ManifestError(
            f"{self.entries[file_index].source}: {MAX_DRAWS} speech crops in a row are silent; remove silent files."
        )

    def _fill(self, rng: np.random.Generator, file_index: int, num_samples: int) -> Samples:
        samples = self._files[file_index]
        if len(samples) >= num_samples:
            start = int(rng.integers(len(samples) - num_samples + 1))
            return samples[start : start + num_samples]
        companions = self._companions[file_index]
        pieces = [samples]
        missing = num_samples - len(samples)
        while missing > 0:
            pause = np.zeros(int(rng.uniform(0.25, 1.0) * LONGEST_PAUSE_S * self.sample_rate), dtype=np.float32)
            addition = self._files[companions[int(rng.integers(len(companions)))]]
            pieces += [pause, addition]
            missing -= len(pause) + len(addition)
        return np.concatenate(pieces)[:num_samples]


class NoiseBank:
    """Pairs of crops from the files of noise manifests; every file is drawn with equal probability.

    At construction every file is decoded once per process; what cannot give two crops is left out and named in a
    warning, and more than half of the lines an error.

    Args:
        noise_manifest: one manifest or several; ``label`` names the class, the file name stands in where it is absent.
        sample_rate: in Hz.
        cache_mb: decoded audio kept, per process.
    """

    def __init__(self, noise_manifest: str | Sequence[str], sample_rate: int, cache_mb: int) -> None:
        lines = _lines("noise_manifest", noise_manifest)
        self.left_out = find_unusable(lines, no_two_crops)
        self.entries = usable_entries(lines, self.left_out, "noises")
        self.sample_rate = sample_rate
        names = [str(entry.fields.get("label", entry.audio_filepath)) for entry in self.entries]
        self.labels = sorted(set(names))
        self.label_indices = [self.labels.index(name) for name in names]
        self._files = DecodedFiles(self.entries, sample_rate, limit_bytes=cache_mb * 2**20)
        self._extents: dict[int, SoundExtent] = {}

    def crop_pair(self, rng: np.random.Generator, num_samples: int) -> NoisePair:
        """Two crops [2, num_samples] of one random file that do not overlap."""
        file_index = int(rng.integers(len(self.entries)))
        samples, floor = self.sound(file_index)
        starts = self._distant_starts(rng, samples, num_samples=num_samples, floor=floor)
        if starts is None:
            crops = self._repeated_halves(rng, samples, num_samples)
        else:
            crops = [samples[start : start + num_samples] for start in starts]
        is_swapped = rng.uniform() < 0.5
        stacked = np.stack(crops[::-1] if is_swapped else crops)
        if starts is None:
            return NoisePair(stacked, file_index, self.label_indices[file_index])
        first, second = ((start + self._extents[file_index].start) / self.sample_rate for start in starts)
        starts_s = (second, first) if is_swapped else (first, second)
        return NoisePair(stacked, file_index, self.label_indices[file_index], starts_s)

    @staticmethod
    def _distant_starts(
        rng: np.random.Generator, samples: Samples, *, num_samples: int, floor: float
    ) -> tuple[int, int] | None:
        """Where two crops begin with sound in both; None where the file is too short or its events too sparse."""
        slack = len(samples) - 2 * num_samples
        if slack < 0:
            return None
        for _ in range(MAX_DRAWS):
            first, second = sorted(int(start) for start in rng.integers(slack + 1, size=2))
            second += num_samples
            crops = [samples[first : first + num_samples], samples[second : second + num_samples]]
            if min(root_mean_square(crop) for crop in crops) > floor:
                return first, second
        return None

    def _repeated_halves(self, rng: np.random.Generator, samples: Samples, num_samples: int) -> list[Samples]:
        """The sound cut where half of its energy has passed; each piece is repeated, with gaps, until it is enough."""
        shortest = int(SHORTEST_PIECE_S * self.sample_rate)
        energy = np.cumsum(np.square(samples, dtype=np.float64))
        middle = int(np.clip(np.searchsorted(energy, energy[-1] / 2), shortest, len(samples) - shortest))
        gap = int(rng.uniform() * LONGEST_GAP_S * self.sample_rate)
        crops = []
        for piece in (samples[:middle], samples[middle:]):
            period = np.concatenate([piece, np.zeros(gap, dtype=np.float32)])
            # Its loudest sample lies somewhere in every crop, so that no crop is only a gap.
            start = (int(np.argmax(np.abs(piece))) - int(rng.integers(num_samples))) % len(period)
            repeated = np.tile(period, 2 + num_samples // len(period))
            crops.append(repeated[start : start + num_samples])
        return crops

    def sound(self, file_index: int) -> tuple[Samples, float]:
        """The file without its silent ends, and the RMS under which one of its crops counts as silent."""
        samples = self._files[file_index]
        if file_index not in self._extents:
            entry = self.entries[file_index]
            start, stop = sound_extent(samples, self.sample_rate)
            if stop - start < 2 * SHORTEST_PIECE_S * self.sample_rate:
                reason = _too_little(stop - start, self.sample_rate)
                raise ManifestError(f"{entry.source}: {entry.audio_filepath}: {reason}")
            floor = root_mean_square(samples[start:stop]) * 10.0 ** (EVENT_GAP_DB / 20.0)
            self._extents[file_index] = SoundExtent(start, stop, floor)
        extent = self._extents[file_index]
        return samples[extent.start : extent.stop], extent.floor


def read_manifests(argument: str, paths: str | Sequence[str]) -> list[ManifestEntry]:
    """All entries of one manifest or several; ``argument`` names the culprit where there is none."""
    entries = _lines(argument, paths)
    require_audio_files(entries)
    return entries


def no_two_crops(samples: Samples, sample_rate: int) -> str | None:
    """Why two separate crops cannot be cut out of a noise [T]; None where they can."""
    start, stop = sound_extent(samples, sample_rate)
    if stop - start < 2 * SHORTEST_PIECE_S * sample_rate:
        return _too_little(stop - start, sample_rate)
    return no_noise(samples, sample_rate)


def _too_little(num_samples: int, sample_rate: int) -> str:
    return (
        f"holds {num_samples / sample_rate:.3f} s of sound; two separate crops need at least {2 * SHORTEST_PIECE_S} s"
    )


def _lines(argument: str, paths: str | Sequence[str]) -> list[ManifestEntry]:
    listed = [paths] if isinstance(paths, str) else [str(path) for path in paths]
    if not listed:
        raise ValueError(f"{argument}=[] must name at least one manifest.")
    return [entry for path in listed for entry in read_manifest(path)]


def sound_extent(samples: Samples, sample_rate: int) -> tuple[int, int]:
    """First and one past the last sample of the frames less than 40 dB under the loudest 20 ms; (0, 0) for silence."""
    frame = max(1, int(FRAME_S * sample_rate))
    num_frames = -(-len(samples) // frame)
    padded = np.pad(samples, (0, num_frames * frame - len(samples)))
    energies = np.square(padded.reshape(num_frames, frame)).mean(axis=1)
    loud = np.flatnonzero(energies > max(float(energies.max(initial=0.0)) * 1e-4, SILENT_RMS**2))
    if len(loud) == 0:
        return 0, 0
    return int(loud[0]) * frame, min(len(samples), (int(loud[-1]) + 1) * frame)


def equalize(crops: Samples, rng: np.random.Generator, largest_db: float) -> Samples:
    """Filter all crops [N, T] with one random smooth equaliser whose gain stays within ``largest_db`` dB."""
    if largest_db == 0.0:
        return crops
    num_points = int(rng.integers(4, 9))
    gains_db = rng.uniform(-largest_db, largest_db, size=num_points)
    spectrum = np.fft.rfft(crops, axis=1)
    # Points are evenly spaced on a square-root axis: denser where hearing and noise spectra have more detail.
    axis = np.sqrt(np.linspace(0.0, 1.0, spectrum.shape[1]))
    gain = 10.0 ** (np.interp(axis, np.linspace(0.0, 1.0, num_points), gains_db) / 20.0)
    filtered: Samples = np.fft.irfft(spectrum * gain, n=crops.shape[1], axis=1).astype(np.float32)
    return filtered


def root_mean_square(samples: Samples) -> float:
    """Root mean square of a signal [T]; 0 where it is empty."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
