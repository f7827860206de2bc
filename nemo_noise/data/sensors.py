# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The manifest field `sensors`: what was measured while a recording was made, read and put into batches."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nemo_noise.configuration import is_number
from nemo_noise.data.manifest import ManifestEntry, ManifestError

__all__ = ["SensorBatch", "SensorRecording", "collate_sensors", "describes_streams", "read_sensors"]

KINDS = (".npy", ".csv")


class SensorRecording(NamedTuple):
    """Values [T, K] of one stream during one utterance, NaN where nothing was measured, and samples per second."""

    values: npt.NDArray[np.float32]
    rate_hz: float


class SensorBatch(NamedTuple):
    """One stream of a batch: values [B, T, K], valid samples [B] (0: this utterance has none) and rates [B] in Hz."""

    values: Tensor
    length: Tensor
    rate_hz: Tensor


def describes_streams(sensors: Any) -> bool:
    """Whether the value of a manifest field `sensors` is ours, `{name: {file, rate_hz}}`, and not another's."""
    return (
        isinstance(sensors, Mapping)
        and bool(sensors)
        and all(isinstance(stream, Mapping) and set(stream) == {"file", "rate_hz"} for stream in sensors.values())
    )


def read_sensors(
    entry: ManifestEntry, within_s: float = 0.0, duration_s: float | None = None
) -> dict[str, SensorRecording]:
    """Reads the streams of a manifest line, `sensors: {name: {file, rate_hz}}`, for the time of its audio.

    The first sample of a file was measured when the audio file begins; `offset` and `duration` cut both alike. Paths
    start at the manifest's folder. A `.npy` holds [T] or [T, K]; a `.csv` one sample a line, K numbers, perhaps a
    header; an empty field is NaN.

    Args:
        entry: the line.
        within_s: where to start, in seconds after the line's `offset`.
        duration_s: how long, in seconds; the line's `duration` if not given, and all where it has none.

    Returns:
        Name of a stream -> recording; none where the line has no `sensors`. A stream that ends before is left out.

    Raises:
        ManifestError: if a stream cannot be read; names file:line.
    """
    described = entry.fields.get("sensors")
    if described is None:
        return {}
    if not isinstance(described, Mapping):
        raise ManifestError(f"{entry.source}: sensors is {described!r}, expected {{name: {{file, rate_hz}}}}")
    start_s = entry.offset_s + within_s
    duration_s = entry.duration if duration_s is None else duration_s
    recordings = {}
    for name, options in described.items():
        path, rate_hz = _file_and_rate(entry, name, options)
        values = _samples(entry, name, path)
        start = math.floor(start_s * rate_hz + 1e-6)
        stop = len(values) if duration_s is None else math.ceil((start_s + duration_s) * rate_hz - 1e-6)
        piece = np.array(values[start:stop], dtype=np.float32)  # a copy: the file stays on disk
        if len(piece):
            recordings[name] = SensorRecording(piece.reshape(len(piece), -1), rate_hz)
    return recordings


def collate_sensors(utterances: Sequence[Mapping[str, SensorRecording]]) -> dict[str, SensorBatch]:
    """Pads the streams of the utterances of a batch.

    Args:
        utterances: streams by name, of every utterance; each may lack any.

    Returns:
        Every stream that at least one utterance has.

    Raises:
        ValueError: if a stream has different channels in two utterances.
    """
    batch = {}
    for name in sorted({name for streams in utterances for name in streams}):
        recordings = [streams.get(name) for streams in utterances]
        widths = sorted({recording.values.shape[1] for recording in recordings if recording is not None})
        if len(widths) > 1:
            raise ValueError(f"sensors.{name}: has {widths} numbers a sample in one batch, expected always the same")
        lengths = [0 if recording is None else len(recording.values) for recording in recordings]
        values = torch.zeros(len(utterances), max(lengths), widths[0])
        for row, recording in zip(values, recordings, strict=True):
            if recording is not None:
                row[: len(recording.values)] = torch.from_numpy(recording.values)
        rates = [0.0 if recording is None else recording.rate_hz for recording in recordings]
        batch[name] = SensorBatch(values, torch.tensor(lengths), torch.tensor(rates))
    return batch


def _file_and_rate(entry: ManifestEntry, name: str, options: Any) -> tuple[Path, float]:
    """The file of a stream and its rate in Hz, checked."""
    if not isinstance(options, Mapping) or set(options) != {"file", "rate_hz"}:
        raise ManifestError(f"{entry.source}: sensors.{name} is {options!r}, expected {{file, rate_hz}}")
    rate_hz = options["rate_hz"]
    if not is_number(rate_hz) or rate_hz <= 0:
        raise ManifestError(
            f"{entry.source}: sensors.{name}.rate_hz is {rate_hz!r}, expected samples per second above 0"
        )
    path = Path(entry.source.rpartition(":")[0]).parent / Path(str(options["file"])).expanduser()
    if path.suffix not in KINDS or not path.is_file():
        raise ManifestError(f"{entry.source}: sensors.{name}.file is {path}, expected a file that ends in {KINDS}")
    return path, float(rate_hz)


def _samples(entry: ManifestEntry, name: str, path: Path) -> npt.NDArray[Any]:
    """The whole file [T] or [T, K]; a .npy stays on disk until it is cut."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False) if path.suffix == ".npy" else _read_csv(path)
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"{entry.source}: sensors.{name}: {path} cannot be read ({error}), expected numbers"
        ) from error
    if values.ndim not in (1, 2) or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise ManifestError(
            f"{entry.source}: sensors.{name}: {path} holds {values.dtype} {list(values.shape)}, expected numbers "
            "[samples] or [samples, channels]"
        )
    return values


def _read_csv(path: Path) -> npt.NDArray[np.float32]:
    """Numbers [T, K] of a file, which is read once as long as it does not change."""
    return _parse_csv(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _parse_csv(path: Path, changed_ns: int) -> npt.NDArray[np.float32]:
    """Numbers [T, K], NaN for an empty field; a first line with a field that is no number is a header."""
    try:
        lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{error}, expected it saved as UTF-8") from error
    has_header = bool(lines) and not all(_is_number(field) for field in lines[0])
    first = lines[int(has_header)] if len(lines) > has_header else []
    for number, line in enumerate(lines[int(has_header) :], start=1 + int(has_header)):
        wrong = [field for field in line if not _is_number(field)]
        if wrong:
            raise ValueError(f"{path.name}:{number}: holds {wrong[0]!r}, expected numbers or empty fields")
        if len(line) != len(first):
            raise ValueError(f"{path.name}:{number}: holds {len(line)} fields, expected {len(first)} as before")
    rows = [[float(field) if field.strip() else math.nan for field in line] for line in lines[int(has_header) :]]
    return np.array(rows, dtype=np.float32).reshape(len(rows), -1)


def _is_number(field: str) -> bool:
    try:
        float(field or "nan")
    except ValueError:
        return not field.strip()
    return True
