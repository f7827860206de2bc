# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A list of noise recordings (NeMo manifests) from which crops of any length are drawn."""

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise import whole_file
from nemo_noise.checks import is_number
from nemo_noise.data.draw.event_counts import EventCounts
from nemo_noise.data.manifests.audio_folder import noise_entries
from nemo_noise.data.manifests.decoded_files import DecodedFiles
from nemo_noise.data.manifests.manifest import (
    ManifestEntry,
    ManifestError,
    audio_sample_rate,
    load_entry,
)
from nemo_noise.data.manifests.usable import Unusable, find_unusable, no_noise, usable_entries
from nemo_noise.data.signal.block_levels import BlockLevels
from nemo_noise.data.signal.looping import loop_to_length
from nemo_noise.data.signal.speech_level import SILENCE_DB, checked_sample_rate, rms_db

_QUIET_BELOW_FILE_DB = 40.0  # a crop this far below its file is a gap in the recording, not the noise
_CROP_ATTEMPTS = 8

Samples = npt.NDArray[np.float32]


class NoiseCrop(NamedTuple):
    """A piece of noise: samples [T], the manifest entry it came from, where in the recording it starts.

    `level_db` is the RMS level of the samples where it was measured.
    """

    samples: Samples
    entry: ManifestEntry
    offset_s: float
    level_db: float | None = None


class NoiseList:
    """Draws crops of noise recordings; every entry is as likely as any other, whatever its length.

    Audio is decoded at first use and kept as float32 up to a limit per process (each data-loader worker has its own);
    past the limit files are decoded each time. Entries at another rate are resampled. At construction every file is
    decoded once per process, what `decoded_dir` holds excepted: entries that are missing, unreadable, cut off, silent,
    constant, shorter than 10 ms or hold NaN are left out and named in a warning; more than half of them are an error.

    Args:
        manifest_path: one manifest or several, read as one list; a folder (the label of a noise is its subfolder),
            a pattern or a file of audio may stand for a manifest.
        sample_rate: rate of the crops.
        cache_limit_mb: memory for decoded audio, MB (1 MB holds about 16 s at 16 kHz).
        decoded_dir: folder for decoded audio that all processes, and later runs, map into memory; `cache_limit_mb`
            does not count what is there.

    Attributes:
        entries: the lines that are drawn from.
        left_out: the others, and why.

    Raises:
        ManifestError: if a manifest or more than half of its recordings cannot be used.
    """

    def __init__(
        self,
        manifest_path: str | Path | Sequence[str | Path],
        sample_rate: int,
        *,
        cache_limit_mb: float = 512.0,
        decoded_dir: str | Path | None = None,
    ) -> None:
        paths = [manifest_path] if isinstance(manifest_path, (str, Path)) else manifest_path
        if not isinstance(paths, Sequence):
            raise ValueError(
                f"manifest_path: is {manifest_path!r}, expected the path of a manifest, or a list of paths"
            )
        if not is_number(cache_limit_mb, low=0.0):
            raise ValueError(f"cache_limit_mb: is {cache_limit_mb!r}, expected MB, 0 or more")
        if not paths:
            raise ValueError("manifest_path: is an empty list, expected at least one noise manifest")
        for path in paths:
            if not isinstance(path, (str, Path)):
                raise ValueError(f"manifest_path: holds {path!r}, expected the paths of manifests")
        self.sample_rate = checked_sample_rate(sample_rate)
        self.counts = EventCounts()
        self._cache_limit_mb = cache_limit_mb
        self._decoded = None if decoded_dir is None else _DecodedNoise(decoded_dir)
        entries = [entry for path in paths for entry in noise_entries(path)]
        for entry in entries:
            _check_label(entry)
        self.left_out: list[Unusable] = find_unusable(
            [entry for entry in entries if self._decoded is None or not self._decoded.holds(entry, self.sample_rate)],
            no_noise,
        )
        self.entries: list[ManifestEntry] = usable_entries(entries, self.left_out, "noises")
        self._start_empty()
        self._lines: dict[frozenset[str], list[int]] = {}

    def _start_empty(self) -> None:
        limit_bytes = int(self._cache_limit_mb * 1e6)
        self._files = DecodedFiles(self.entries, self.sample_rate, limit_bytes=limit_bytes, decode=self._decode)
        self._levels_db: dict[int, float] = {}
        self._block_levels: BlockLevels | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def at_rate(self, sample_rate: int) -> "NoiseList":
        """Returns the same recordings at another rate, with a cache of their own; itself if the rate is the same."""
        if sample_rate == self.sample_rate:
            return self
        other = copy.copy(self)
        other.sample_rate, other.counts = checked_sample_rate(sample_rate), EventCounts()
        other._start_empty()
        return other

    def labels(self) -> frozenset[str]:
        """The classes of its noises: `label` of the lines that have one."""
        labels = (entry.fields.get("label") for entry in self.entries)
        return frozenset(str(label) for label in labels if label is not None)

    def crop(self, rng: np.random.Generator, num_samples: int, labels: frozenset[str] | None = None) -> NoiseCrop:
        """Draws an entry, then a place in it.

        A recording shorter than the crop is looped from a random place on, with a cross-fade at its seam. A place
        where the recording is nearly silent (40 dB below its level) is drawn again; after eight, its loudest
        place is taken.

        Args:
            rng: decides, and nothing else does.
            num_samples: length T of the crop.
            labels: only lines of these classes are drawn; all lines by default.
        """
        if num_samples < 1:
            raise ValueError(f"num_samples: is {num_samples}, expected 1 or more")
        lines = range(len(self.entries)) if labels is None else self._lines_of(labels)
        index = lines[int(rng.integers(len(lines)))]
        entry, recording = self.entries[index], self.load(index)
        if len(recording) < num_samples:
            self.counts.note("looped", f"{entry.source}: the noise is shorter than the crop, it is looped")
            offset = int(rng.integers(len(recording)))
            samples = loop_to_length(recording, offset + num_samples, self.sample_rate)[offset:]
            return NoiseCrop(samples, entry, offset / self.sample_rate)
        offset, level_db = self._loud_offset(rng, recording, length=num_samples, index=index)
        return NoiseCrop(recording[offset : offset + num_samples], entry, offset / self.sample_rate, level_db)

    def _lines_of(self, labels: frozenset[str]) -> list[int]:
        if labels not in self._lines:
            lines = [index for index, entry in enumerate(self.entries) if str(entry.fields.get("label")) in labels]
            if not lines:
                raise ValueError(f"labels: are {sorted(labels)}, expected some of {sorted(self.labels())}")
            self._lines[labels] = lines
        return self._lines[labels]

    def load(self, index: int) -> Samples:
        """Returns the whole recording of an entry at the list's rate, [T]; read-only where it is cached.

        Raises:
            ManifestError: if it is unreadable, empty, silent or holds NaN; names file:line.
        """
        recording = self._files[index]
        if index not in self._files:
            source = self.entries[index].source
            self.counts.note("not cached", f"{source}: the noise cache is full, this is decoded at each use")
        return recording

    def _decode(self, index: int) -> Samples:
        """Reads a recording [T], read-only, from the folder of decoded noise if it is there, and keeps its level."""
        entry = self.entries[index]
        found = None if self._decoded is None else self._decoded.recall(entry, self.sample_rate)
        if found is None:
            found = self._loud(entry)
            if self._decoded is not None:
                found = self._decoded.keep(entry, self.sample_rate, samples=found[0], level_db=found[1])
        samples, self._levels_db[index] = found
        return samples

    def _loud(self, entry: ManifestEntry) -> tuple[Samples, float]:
        """Reads a recording [T], read-only, and its RMS level in dB; silence is an error."""
        file_rate = audio_sample_rate(entry)
        if file_rate != self.sample_rate:
            above = f": above {file_rate / 2000:g} kHz it holds nothing" if file_rate < self.sample_rate else ""
            self.counts.note(
                "resampled", f"{entry.source}: noise at {file_rate} Hz is resampled to {self.sample_rate} Hz{above}"
            )
        samples = load_entry(entry, self.sample_rate)
        level_db = rms_db(samples)
        if level_db < SILENCE_DB:
            raise ManifestError(f"{entry.source}: {entry.audio_filepath}: is silent, expected noise")
        samples.flags.writeable = False
        return samples, level_db

    def measure_by_blocks(self) -> None:
        """Takes the levels of crops from sums over blocks from now on: faster, and equal but for rounding."""
        self._block_levels = BlockLevels()

    def check(self) -> None:
        """Decodes every entry, so that a bad one raises its ManifestError now and not in the middle of training."""
        for index in range(len(self.entries)):
            self.load(index)

    def _loud_offset(
        self, rng: np.random.Generator, recording: Samples, *, length: int, index: int
    ) -> tuple[int, float | None]:
        """Where a crop starts, and its RMS level in dB if that was measured."""
        entry, floor_db = self.entries[index], self._levels_db[index] - _QUIET_BELOW_FILE_DB
        for _ in range(_CROP_ATTEMPTS):
            offset = int(rng.integers(len(recording) - length + 1))
            if self._block_levels is None:
                level_db = rms_db(recording[offset : offset + length])
            else:
                level_db = self._block_levels.of_db(index, recording=recording, offset=offset, length=length)
            if level_db >= floor_db:
                return offset, level_db
            self.counts.note("redrawn", f"{entry.source}: a crop fell into a gap of the noise, it is drawn again")
        loudest = int(np.argmax(np.abs(recording)))
        return int(np.clip(loudest - length // 2, 0, len(recording) - length)), None


def _check_label(entry: ManifestEntry) -> None:
    label = entry.fields.get("label")
    if label is not None and not isinstance(label, str | int | float):
        raise ManifestError(f"{entry.source}: label is {label!r}, expected the name of the noise's class")


class _DecodedNoise:
    """A folder of decoded recordings, named by file, time of change, size, part and rate; made if absent.

    A file that changed gets another name, so nothing stale is read; the owner of the folder deletes what is obsolete.
    Hours of noise take their length x 64 kB/s at 16 kHz.
    """

    def __init__(self, folder: str | Path) -> None:
        if not isinstance(folder, (str, Path)) or not str(folder):
            raise ValueError(f"decoded_dir: is {folder!r}, expected a folder to write, or null")
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"decoded_dir: {self.folder} cannot be made ({error}), expected a folder to write"
            ) from error

    def holds(self, entry: ManifestEntry, sample_rate: int) -> bool:
        return Path(entry.audio_filepath).is_file() and self._path(entry, sample_rate).is_file()

    def recall(self, entry: ManifestEntry, sample_rate: int) -> tuple[Samples, float] | None:
        """Returns the recording [T], mapped and read-only, and its RMS level in dB; None if it is not here."""
        path = self._path(entry, sample_rate)
        if not path.is_file():
            return None
        level_db = float(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["level_db"])
        return np.load(path, mmap_mode="r"), level_db

    def keep(
        self, entry: ManifestEntry, sample_rate: int, *, samples: Samples, level_db: float
    ) -> tuple[Samples, float]:
        """Writes a recording, whole or not at all, and returns it as `recall` does."""
        path = self._path(entry, sample_rate)
        note = {"level_db": level_db, "audio_filepath": entry.audio_filepath}
        whole_file.write_text(path.with_suffix(".json"), json.dumps(note))
        with whole_file.writing(path) as partial:
            np.save(partial, samples)
        return np.load(path, mmap_mode="r"), level_db

    def _path(self, entry: ManifestEntry, sample_rate: int) -> Path:
        status = Path(entry.audio_filepath).stat()
        parts = (entry.audio_filepath, status.st_mtime_ns, status.st_size, entry.offset_s, entry.duration, sample_rate)
        return self.folder / f"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}.npy"
