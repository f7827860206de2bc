# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context that also reads sensors: an accelerometer, a level meter, the speed, what a camera sees."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from nemo_noise.modules.context.hierarchical import HierarchicalContextEncoder
from nemo_noise.modules.context.observed import Observed
from nemo_noise.modules.context.sensor_tokens import SensorStream, SensorTokens
from nemo_noise.modules.context.side_inputs import SideInputReader, side_inputs

__all__ = ["MultimodalContextEncoder", "listening_to", "sensor_users", "shuffled_sensors"]


class MultimodalContextEncoder(SideInputReader, HierarchicalContextEncoder):
    """Audio segments and sensor pieces as tokens that see each other; learned queries read them out.

    Every token carries its time; those of a sensor carry its modality. Without sensors it *is* a
    ``HierarchicalContextEncoder``, parameter names included. An utterance without any stream gets what audio alone
    gives, bit for bit; a stream that is missing beside others is masked. Tokens of all kinds in one transformer after
    Chan et al., 2022 ("Multi-modal pre-training for automated speech recognition").

    The sensors of a batch are no argument of the forward, which keeps NeMo's batch and the inputs of an exported graph
    as they are; ``listening_to`` hands them over.

    Args:
        feat_in: number of feature bands D.
        d_context: width C of a token of the context.
        streams: name of a stream -> ``SensorTokens`` of the same ``d_hidden``.
        stream_dropout: in training, the share of streams that an utterance does not get, so that none is relied upon.
        **hierarchical: further arguments of ``HierarchicalContextEncoder``.

    Raises:
        ValueError: if a width does not fit or ``stream_dropout`` is not in [0, 1).
    """

    def __init__(
        self,
        feat_in: int,
        d_context: int,
        streams: Mapping[str, SensorTokens] | None = None,
        stream_dropout: float = 0.3,
        **hierarchical: Any,
    ) -> None:
        super().__init__(feat_in, d_context, **hierarchical)
        if not 0.0 <= stream_dropout < 1.0:
            raise ValueError(f"MultimodalContextEncoder: stream_dropout={stream_dropout} must lie in [0, 1).")
        streams = dict(streams or {})
        for name, tokens in streams.items():
            if tokens.d_hidden != self.d_hidden:
                raise ValueError(
                    f"MultimodalContextEncoder: streams.{name}.d_hidden={tokens.d_hidden} must equal "
                    f"d_hidden={self.d_hidden}."
                )
        self.stream_dropout = stream_dropout
        self.streams = nn.ModuleDict(streams)

    def describe(self, observed: Observed) -> Tensor:
        """Tokens [B, K, C], from audio and from the sensors that ``listening_to`` gave.

        Raises:
            ValueError: if the sensors are those of another batch.
        """
        segments, valid = self._segments(observed)  # [B, N, H], [B, N]
        audio_only = self._read(segments, valid)
        sensors = self._sensors(segments)
        if not sensors:
            return audio_only
        tokens, measured = self._tokens(sensors, segments.shape[0])  # [B, M, H], [B, M]
        both = self._read(torch.cat([segments, tokens], dim=1), torch.cat([valid, measured], dim=1))
        return torch.where(measured.any(dim=1)[:, None, None], both, audio_only)

    def _stream(self, name: str) -> SensorTokens:
        return cast(SensorTokens, self.streams[name])

    def _sensors(self, like: Tensor) -> dict[str, SensorStream]:
        """The streams of this batch. In training all of them, some perhaps empty: no parameter lacks a gradient."""
        given = self.side_inputs.sensors or {}
        sensors = {name: given[name] for name in self.streams if name in given}
        if self.training:
            for name in self.streams:
                tokens = self._stream(name)
                values = like.new_zeros(like.shape[0], tokens.samples_per_token, tokens.channels)
                nothing = torch.zeros(like.shape[0], dtype=torch.int64, device=like.device)
                sensors.setdefault(name, SensorStream(values, nothing, nothing + tokens.rate_hz))
        return sensors

    def _tokens(self, sensors: Mapping[str, SensorStream], batch_size: int) -> tuple[Tensor, Tensor]:
        """Tokens of all streams, one after the other [B, M, H], and which there are [B, M]."""
        pieces, measured = [], []
        for name, stream in sensors.items():
            if len(stream.values) != batch_size:
                raise ValueError(
                    f"listening_to: the stream {name!r} has {len(stream.values)} utterances, the batch {batch_size}."
                )
            if self.side_inputs.shuffles_sensors:
                stream = SensorStream(*(part.roll(1, dims=0) for part in stream))
            tokens, is_there = self._stream(name)(stream)
            if self.training and self.stream_dropout > 0:
                kept = torch.rand(batch_size, 1, device=tokens.device) >= self.stream_dropout
                is_there = is_there & kept
            pieces.append(tokens)
            measured.append(is_there)
        return torch.cat(pieces, dim=1), torch.cat(measured, dim=1)


@contextmanager
def listening_to(model: nn.Module, sensors: Mapping[str, tuple[Tensor, Tensor, Tensor]]) -> Iterator[None]:
    """Give the sensors of a batch to every multimodal context encoder of a model, for the forwards within.

    Args:
        model: a recogniser, an encoder, or any other module that holds such encoders.
        sensors: name of a stream -> its values [B, T, K], lengths [B] and rates [B] in Hz, in the order of the batch;
            a stream that no encoder has is not read.
    """
    with ExitStack() as stack:
        for reader in sensor_users(model) if sensors else []:
            device = next(reader.parameters()).device
            streams = {name: SensorStream(*(part.to(device) for part in stream)) for name, stream in sensors.items()}
            stack.enter_context(side_inputs([reader], sensors=streams))
        yield


def shuffled_sensors(model: nn.Module) -> AbstractContextManager[None]:
    """Give every utterance the sensors of its neighbour in the batch: the control that proves that they are used."""
    return side_inputs(sensor_users(model), shuffles_sensors=True)


def sensor_users(model: nn.Module) -> list[MultimodalContextEncoder]:
    """The parts of a model that read sensors."""
    return [part for part in model.modules() if isinstance(part, MultimodalContextEncoder) and part.streams]
