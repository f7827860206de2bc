# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sensors beside NeMo's batches: the tuples of its classic data set stay as they are and carry the streams along.

A sample and a batch become a *subclass* of tuple with the same items, so whatever unpacks them never learns of it. The
streams come from the manifest line of the utterance, and from that of a noise which was mixed into it. A manifest may
use the word `sensors` for something else: NeMo gets its lines as they are.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from wrapt import register_post_import_hook, wrap_function_wrapper

from nemo.utils import logging, logging_mode

from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, parse_line
from nemo_noise.data.manifests.sensors import (
    SensorBatch,
    SensorRecording,
    collate_sensors,
    describes_streams,
    read_sensors,
)

__all__ = ["BatchWithSensors", "SampleWithSensors", "install_sensors", "note_noise"]

_DATA_SETS = "nemo.collections.asr.data.audio_to_text"
_IMPORTED_LATER = ("nemo.collections.asr.data.audio_to_text_dataset", "nemo.collections.asr.models.ctc_models")
_HELD = "nemo_noise_sensors"
_NOT_OURS = "are left out where they are not {name: {file, rate_hz}} on a line with audio_filepath"
_NOISES: ContextVar[list[tuple[ManifestEntry, float, float]] | None] = ContextVar("nemo_noise_noises", default=None)


class SampleWithSensors(tuple[Any, ...]):
    """NeMo's sample; ``sensors`` holds what was measured, by the name of the stream."""

    sensors: Mapping[str, SensorRecording]

    @classmethod
    def of(cls, items: Sequence[Any], sensors: Mapping[str, SensorRecording]) -> "SampleWithSensors":
        """The items of a sample, with sensors."""
        sample = cls(items)
        sample.sensors = sensors
        return sample


class BatchWithSensors(tuple[Any, ...]):
    """NeMo's batch; ``sensors`` holds the streams of its utterances. Moves to another device as a whole.

    Lightning rebuilds a batch from its items alone where a training converts floats (``64-true``, ``bf16-true``). The
    lengths, which are integers, pass that as the same object, so they hold the streams too.
    """

    sensors: Mapping[str, SensorBatch]

    def __new__(cls, items: Iterable[Any] = ()) -> "BatchWithSensors":
        """The items of a batch, with the sensors that their lengths hold."""
        batch = super().__new__(cls, items)
        held = (vars(item).get(_HELD) for item in batch if isinstance(item, torch.Tensor))
        batch.sensors = next((sensors for sensors in held if sensors is not None), {})
        return batch

    @classmethod
    def of(cls, items: Iterable[Any], sensors: Mapping[str, SensorBatch]) -> "BatchWithSensors":
        """The items of a batch, with sensors."""
        batch = cls(items)
        batch.sensors = sensors
        for item in batch:
            if isinstance(item, torch.Tensor) and not item.is_floating_point():
                setattr(item, _HELD, sensors)
                break
        return batch

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what comes from a worker, has lengths that hold the sensors as well."""
        return BatchWithSensors.of, (tuple(self), self.sensors)

    def to(self, device: torch.device | str, **options: Any) -> "BatchWithSensors":
        """The same batch elsewhere; Lightning calls it."""
        return self._mapped(lambda part: part.to(device, **options))

    def pin_memory(self) -> "BatchWithSensors":
        """The same batch in pinned memory; torch's loader calls it."""
        return self._mapped(lambda part: part.pin_memory())

    def _mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "BatchWithSensors":
        items = [change(item) if isinstance(item, torch.Tensor) else item for item in self]
        sensors = {name: SensorBatch(*(change(part) for part in stream)) for name, stream in self.sensors.items()}
        return BatchWithSensors.of(items, sensors)


def note_noise(entry: ManifestEntry, within_s: float, duration_s: float) -> None:
    """Tells that a piece of a noise, `within_s` after its start, is mixed into the utterance being loaded."""
    noises, sensors = _NOISES.get(), entry.fields.get("sensors")
    if noises is None or not sensors:
        return
    if describes_streams(sensors):
        noises.append((entry, within_s, duration_s))
    else:
        manifest = entry.source.rpartition(":")[0]
        logging.warning(f"{manifest}: sensors of noises {_NOT_OURS}", mode=logging_mode.ONCE)


def install_sensors() -> None:
    """Lets NeMo's classic data set read `sensors`; calling this again changes nothing.

    NeMo's module is not imported before somebody else does. It may be in the middle of its import when we are: then
    one that NeMo imports after it, and before any data set is built, gives the occasion.
    """
    for name in (_DATA_SETS, *_IMPORTED_LATER):
        register_post_import_hook(_wrap_data_set, name)


def _wrap_data_set(_: ModuleType) -> None:
    module = sys.modules.get(_DATA_SETS)
    if module is None or not hasattr(module, "_AudioTextDataset"):
        return
    wrappers = {"__init__": _index_manifests, "__getitem__": _load, "_collate_fn": _collate}
    for name, wrapper in wrappers.items():
        if getattr(getattr(module._AudioTextDataset, name), "_self_wrapper", None) is not wrapper:
            wrap_function_wrapper(module, f"_AudioTextDataset.{name}", wrapper)


def _index_manifests(
    wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Builds NeMo's data set, then finds the lines of its manifests that have sensors."""
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
    with _collecting() as noises:
        sample = wrapped(*args, **kwargs)
    sensors: dict[str, SensorRecording] = {}
    entries = getattr(instance, "nemo_noise_sensors", None)
    if entries:
        line = instance.manifest_processor.collection[index]
        entry = entries.get(_key(line.audio_file, line.offset))
        sensors |= {} if entry is None else read_sensors(entry)
    for entry, within_s, duration_s in noises:
        sensors |= read_sensors(entry, within_s, duration_s)
    return SampleWithSensors.of(sample, sensors) if sensors else sample


def _collate(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Makes NeMo's batch of samples, with the sensors that some of them have."""
    samples = args[0] if args else kwargs["batch"]
    batch = wrapped(*args, **kwargs)
    if not any(isinstance(sample, SampleWithSensors) for sample in samples):
        return batch
    streams = [sample.sensors if isinstance(sample, SampleWithSensors) else {} for sample in samples]
    return BatchWithSensors.of(batch, collate_sensors(streams))


@contextmanager
def _collecting() -> Iterator[list[tuple[ManifestEntry, float, float]]]:
    """The noises that are mixed in within, as `note_noise` tells them."""
    token = _NOISES.set([])
    try:
        noises = _NOISES.get()
        assert noises is not None
        yield noises
    finally:
        _NOISES.reset(token)


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
        logging.warning(f"{manifest}: sensors of {left_out} lines {_NOT_OURS}.")


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
