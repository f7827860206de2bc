# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What reaches a noise context beside the arguments of a forward, which are NeMo's: pre-roll, sensors, controls.

Blocks such as ``noise_before`` give side inputs to the parts of a model that read them, and take them away at the end.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nemo_noise.modules.context.contract import Context, ContextEncoder, Layout
from nemo_noise.modules.context.sensor_tokens import SensorStream

__all__ = ["ContextUser", "Preroll", "SideInputReader", "SideInputs", "side_inputs"]


class Preroll(NamedTuple):
    """What goes before each utterance, or in place of it: ``features`` [B, D, P] and how many frames count [B]."""

    features: Tensor
    length: Tensor

    def context(
        self, encoder: ContextEncoder, features: Tensor, length: Tensor, *, subsampling_factor: int
    ) -> Context:
        """The context of utterances [B, D, T] with lengths [B] after their pre-roll.

        Raises:
            ValueError: if the pre-roll is not of as many utterances, or the encoder reads sensors as well.
        """
        readers = [part for part in encoder.modules() if isinstance(part, SideInputReader)]
        if any(reader.side_inputs.sensors is not None for reader in readers):  # their time begins with the utterance
            raise ValueError("noise_before: is given beside sensors (with_sensors), expected one of the two.")
        stride = subsampling_factor if encoder.layout == Layout.FRAMES else 1
        joined, joined_length, lead = self.join(features, length, stride)
        context = encoder.read(joined, joined_length)
        if context.layout is not Layout.FRAMES:
            return context
        own = torch.arange(-(-features.shape[2] // stride), device=features.device)
        own = own + lead.unsqueeze(1) // stride  # [B, S]
        return encoder.context_of(context.values.gather(1, own.unsqueeze(2).expand(-1, -1, context.values.shape[2])))

    def context_in_place(self, encoder: ContextEncoder, num_utterances: int) -> Context:
        """The context of these features alone, for as many utterances.

        Raises:
            ValueError: if there are more or fewer, or the context follows the time of the utterance.
        """
        if len(self.length) != num_utterances:
            raise ValueError(f"noise_in_place: was given {len(self.length)} noises, the batch has {num_utterances}.")
        if encoder.layout == Layout.FRAMES:
            raise ValueError(
                f"noise_in_place: {type(encoder).__name__} gives a context for every frame of the utterance; use one "
                "of the utterance, such as StatisticsContextEncoder."
            )
        return encoder.read(self.features, self.length)

    def join(self, features: Tensor, length: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
        """Put the pre-roll in front of every utterance [B, D, T] with ``length`` [B], without a gap.

        The frames in front, L_b, are a multiple of ``stride``; the oldest are left out for that.

        Returns:
            Features [B, D, L + T], their lengths [B], and L_b [B].

        Raises:
            ValueError: if the pre-roll is not of as many utterances.
        """
        if len(self.length) != len(length):
            raise ValueError(f"noise_before: was given {len(self.length)} pre-rolls, the batch has {len(length)}.")
        lead = self.length.to(length.device) // stride * stride
        longest = int(lead.max())
        place = torch.arange(longest + features.shape[2], device=length.device) - lead.unsqueeze(1)  # [B, L + T]
        place = place.clamp_max(features.shape[2] - 1)
        oldest = self.features.shape[2] - self.length.to(length.device)
        source = torch.cat([self.features.to(features), features], dim=2)  # [B, D, P + T]
        index = torch.where(place < 0, place - oldest.unsqueeze(1), place) + self.features.shape[2]
        joined = source.gather(2, index.unsqueeze(1).expand(-1, features.shape[1], -1))
        return joined, length + lead, lead


@dataclass(frozen=True)
class SideInputs:
    """The side inputs of one part of a model.

    Attributes:
        preroll: what goes before each utterance of the batch.
        in_place: features [B, D, P] and their lengths [B] that the context reads in place of the batch: a control.
        sensors: name of a stream -> what it measured during each utterance of the batch.
        shuffles_context: whether each utterance gets the context of its neighbour in the batch: a control.
        shuffles_sensors: whether it gets the sensors of its neighbour: another.
    """

    preroll: Preroll | None = None
    in_place: Preroll | None = None
    sensors: Mapping[str, SensorStream] | None = None
    shuffles_context: bool = False
    shuffles_sensors: bool = False


class SideInputReader:
    """A part of a model that reads side inputs; none but within the blocks that give them."""

    side_inputs = SideInputs()


class ContextUser(SideInputReader):
    """A part of a model that computes a noise context and uses it."""

    @property
    def uses_context(self) -> bool:
        """Whether there is a context to use."""
        return True


@contextmanager
def side_inputs(readers: Sequence[SideInputReader], **inputs: Any) -> Iterator[None]:
    """Give side inputs, by the names of `SideInputs`, for the block; afterwards these are as they were before it."""
    before = [{name: getattr(reader.side_inputs, name) for name in inputs} for reader in readers]
    for reader in readers:
        reader.side_inputs = replace(reader.side_inputs, **inputs)
    try:
        yield
    finally:
        for reader, own in zip(readers, before, strict=True):
            reader.side_inputs = replace(reader.side_inputs, **own)
