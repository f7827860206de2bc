# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Decoded noise on disk, mapped into memory: one copy for all workers, ranks and later runs, no decoding again."""

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nemo_noise import whole_file
from nemo_noise.data.manifests.manifest import ManifestEntry

Samples = npt.NDArray[np.float32]


class DecodedNoise:
    """A folder of decoded recordings, named by file, time of change, size, part and rate.

    A file that changed gets another name, so nothing stale is read; what is not needed any more is for the owner of
    the folder to delete. Hours of noise take their length x 64 kB/s at 16 kHz.

    Args:
        folder: made if absent.
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
        """Whether a recording is here, as its file is now."""
        return Path(entry.audio_filepath).is_file() and self._path(entry, sample_rate).is_file()

    def recall(self, entry: ManifestEntry, sample_rate: int) -> tuple[Samples, float] | None:
        """Returns the recording [T], mapped and read-only, and its RMS level in dB; None if it is not here."""
        path = self._path(entry, sample_rate)
        if not path.is_file():
            return None
        level_db = float(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["level_db"])
        return np.load(path, mmap_mode="r"), level_db

    def keep(self, entry: ManifestEntry, sample_rate: int, samples: Samples, level_db: float) -> tuple[Samples, float]:
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
