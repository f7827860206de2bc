# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's classic data set reads `sensors` of its manifest lines, and of the noises that are mixed in.

A manifest may use the word `sensors` for something else: NeMo gets its lines as they are.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from nemo.utils import logging

from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, parse_line
from nemo_noise.data.manifests.sensors import SensorRecording, collate_sensors, describes_streams, read_sensors
from nemo_noise.data.sensors_in_batches import BatchWithSensors, SampleWithSensors
from nemo_noise.data.utterance_notes import NOT_STREAMS, lead_in_note, noise_notes

__all__ = ["WRAPPERS"]


def _index_manifests(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    wrapped(*args, **kwargs)
    manifests = args[0] if args else kwargs["manifest_filepath"]
    manifests = manifests.split(",") if isinstance(manifests, str) else manifests
    entries = {key: entry for path in manifests for key, entry in _entries_with_sensors(Path(path))}
    instance.nemo_noise_sensors = entries
    if entries:
        collection = instance.manifest_processor.collection
        count = sum(_key(sample.audio_file, sample.offset) in entries for sample in collection)
        logging.info(f"{manifests}: {count} of {len(collection)} utterances have sensors.")


def _load(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Loads a sample and what was measured meanwhile; a stream of the noise goes before one of the speech."""
    index = args[0] if args else kwargs["index"]
    if isinstance(index, Iterable):  # a whole batch, as `use_semi_sorted_batching` asks for it
        return [_load(wrapped, instance, (one,), {}) for one in index]
    with noise_notes() as noises, lead_in_note() as lead_in:
        sample = wrapped(*args, **kwargs)
    sensors: dict[str, SensorRecording] = {}
    entries = getattr(instance, "nemo_noise_sensors", None)
    if entries:
        line = instance.manifest_processor.collection[index]
        entry = entries.get(_key(line.audio_file, line.offset))
        if entry is not None and lead_in.seconds:
            raise ValueError(f"around_s: {entry.source} has sensors, which begin with its speech; leave around_s out")
        sensors |= {} if entry is None else read_sensors(entry)
    for entry, within_s, duration_s in noises:
        sensors |= read_sensors(entry, within_s, duration_s)
    return SampleWithSensors.of(sample, sensors) if sensors else sample


def _collate(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    samples = args[0] if args else kwargs["batch"]
    batch = wrapped(*args, **kwargs)
    if not any(isinstance(sample, SampleWithSensors) for sample in samples):
        return batch
    streams = [sample.sensors if isinstance(sample, SampleWithSensors) else {} for sample in samples]
    return BatchWithSensors.of(batch, collate_sensors(streams))


def _entries_with_sensors(manifest: Path) -> Iterator[tuple[tuple[str, float], ManifestEntry]]:
    """Lines of a local manifest that have sensors, by their audio; a manifest elsewhere has none for us."""
    if not manifest.is_file():
        return
    left_out = 0
    with manifest.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if b'"sensors"' not in line:
                continue
            try:
                entry = _entry_with_sensors(line, manifest, f"{manifest}:{number}")
            except ManifestError:
                left_out += 1
                continue
            if entry is not None:
                yield _key(entry.audio_filepath, entry.offset_s), entry
    if left_out:
        logging.warning(f"{manifest}: sensors of {left_out} lines {NOT_STREAMS}.")


def _entry_with_sensors(line: bytes, manifest: Path, source: str) -> ManifestEntry | None:
    """A line that has sensors, None without; a ManifestError where they are another's or the line is none for us."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:  # a parser of the user's own reads it
        raise ManifestError(f"{source}: is not JSON ({error})") from error
    sensors = fields.get("sensors") if isinstance(fields, dict) else None
    if not sensors:
        return None
    if not describes_streams(sensors) or "audio_filepath" not in fields:
        raise ManifestError(f"{source}: sensors is {sensors!r}, expected {{name: {{file, rate_hz}}}}")
    return parse_line(line, manifest, source)


def _key(audio_file: str, offset_s: float | None) -> tuple[str, float]:
    return os.path.realpath(audio_file), round(offset_s or 0.0, 6)


WRAPPERS = {
    "nemo.collections.asr.data.audio_to_text:_AudioTextDataset.__init__": _index_manifests,
    "nemo.collections.asr.data.audio_to_text:_AudioTextDataset.__getitem__": _load,
    "nemo.collections.asr.data.audio_to_text:_AudioTextDataset._collate_fn": _collate,
}
