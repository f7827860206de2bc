# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sensors beside NeMo's batches: the tuples of its classic data set stay as they are and carry the streams along.

A sample and a batch become a *subclass* of tuple with the same items, so that whatever unpacks them works as before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from nemo_noise.data.manifests.sensors import SensorBatch, SensorRecording

__all__ = ["BatchWithSensors", "SampleWithSensors"]

_HELD = "nemo_noise_sensors"


class SampleWithSensors(tuple[Any, ...]):
    """NeMo's sample; ``sensors`` holds what was measured, by the name of the stream."""

    sensors: Mapping[str, SensorRecording]

    @classmethod
    def of(cls, items: Sequence[Any], sensors: Mapping[str, SensorRecording]) -> "SampleWithSensors":
        """Gives the items of a sample sensors."""
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
        """Gives the items of a batch sensors."""
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
