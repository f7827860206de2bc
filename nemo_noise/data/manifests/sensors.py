# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The manifest field `sensors`: what was measured while a recording was made, read and put into batches."""

import math
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from nemo_noise.checks import is_number
from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError
from nemo_noise.data.manifests.sensor_table import parse_table

__all__ = ["SensorBatch", "SensorRecording", "collate_sensors", "describes_streams", "read_sensors"]

KINDS = (".npy", ".csv")
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1e-3, 1e6


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
    start at the manifest's folder. A `.npy` holds [T] or [T, K], a `.csv` what `parse_table` reads.

    Args:
        entry: the line.
        within_s: where to start, in seconds after the line's `offset`.
        duration_s: how long, in seconds; the line's `duration` if not given, and all where it has none.

    Returns:
        Name of a stream -> recording; none where the line has no `sensors`. A stream that ends before is left out.

    Raises:
        ManifestError: if a stream cannot be read, is empty or holds infinity, or its rate lies outside 0.001 Hz to 1
            MHz; names file:line.
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
        start = math.floor(min(start_s * rate_hz, len(values)) + 1e-6)
        stop = len(values) if duration_s is None else _ceiling((start_s + duration_s) * rate_hz, len(values))
        with np.errstate(over="ignore"):
            piece = np.array(values[start:stop], dtype=np.float32)  # a copy: the file stays on disk
        if np.isinf(piece).any():
            raise ManifestError(
                f"{entry.source}: sensors.{name}: {path} holds numbers that are infinite or beyond float32, expected "
                "finite ones, or NaN where nothing was measured"
            )
        if len(piece):
            recordings[name] = SensorRecording(piece.reshape(len(piece), -1), rate_hz)
    return recordings


def collate_sensors(utterances: Sequence[Mapping[str, SensorRecording]]) -> dict[str, SensorBatch]:
    """Pads every stream that an utterance of a batch has.

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
    if not isinstance(options, Mapping) or set(options) != {"file", "rate_hz"}:
        raise ManifestError(f"{entry.source}: sensors.{name} is {options!r}, expected {{file, rate_hz}}")
    rate_hz = options["rate_hz"]
    if not is_number(rate_hz, LOWEST_RATE_HZ, HIGHEST_RATE_HZ):
        raise ManifestError(
            f"{entry.source}: sensors.{name}.rate_hz is {rate_hz!r}, expected samples per second above 0, from "
            f"{LOWEST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g}"
        )
    file = os.path.expanduser(str(options["file"]))  # noqa: PTH111  a ~user that does not exist stays
    path = Path(entry.source.rpartition(":")[0]).parent / file
    if path.suffix not in KINDS or not os.path.isfile(path):  # noqa: PTH113
        raise ManifestError(f"{entry.source}: sensors.{name}.file is {path}, expected a file that ends in {KINDS}")
    return path, float(rate_hz)


def _samples(entry: ManifestEntry, name: str, path: Path) -> npt.NDArray[Any]:
    """The whole file [T] or [T, K]; a .npy stays on disk until it is cut."""
    try:
        values = open_memmap(path, mode="r") if path.suffix == ".npy" else _read_csv(path)
    except (OSError, ValueError, EOFError, OverflowError, TypeError) as error:
        raise ManifestError(
            f"{entry.source}: sensors.{name}: {path} cannot be read ({error}), expected numbers"
        ) from error
    if values.ndim not in (1, 2) or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise ManifestError(
            f"{entry.source}: sensors.{name}: {path} holds {values.dtype} {list(values.shape)}, expected numbers "
            "[samples] or [samples, channels]"
        )
    if values.size == 0:
        raise ManifestError(f"{entry.source}: sensors.{name}: {path} holds no sample, expected at least one")
    return values


def _ceiling(stop: float, length: int) -> int:
    return length if stop >= length else math.ceil(stop - 1e-6)


def _read_csv(path: Path) -> npt.NDArray[np.float32]:
    """Reads [T, K] once, as long as the file does not change."""
    return _parse_csv(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _parse_csv(path: Path, changed_ns: int) -> npt.NDArray[np.float32]:
    return parse_table(path.read_bytes(), path.name)
