# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A pretext task across modalities: say what a sensor measured, from the audio and from the other sensors."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo.collections.asr.modules import RandomProjectionVectorQuantizer

from nemo_noise.models.pretraining.masked_spans import NUM_CALIBRATION_BATCHES
from nemo_noise.modules import SensorStream, SensorTokens
from nemo_noise.modules.context.layers import seconds_embedding

__all__ = ["HiddenStreams", "MaskedSensors", "SensorCodes"]


class HiddenStreams(NamedTuple):
    """Streams of a batch, some of them taken from some utterances; and from which, by name [B]."""

    sensors: dict[str, SensorStream]
    is_hidden: dict[str, Tensor]


class SensorCodes(nn.Module):
    """Random-projection codes (Chiu et al., ICML 2022) of vectors standardised by the first batches of training.

    Args:
        num_features: width F of the vectors.
        code_dim: dimension of the random projection.
        num_codes: V.
    """

    mean: Tensor
    variance: Tensor
    num_batches: Tensor

    def __init__(self, num_features: int, code_dim: int, num_codes: int) -> None:
        super().__init__()
        self.quantizer = RandomProjectionVectorQuantizer(
            feat_in=num_features, code_dim=code_dim, num_classes=num_codes, num_books=1, dist_fn="l2",
            squeeze_single=True,
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("variance", torch.ones(num_features))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, vectors: Tensor) -> Tensor:
        """Codes [N] of vectors [N, F]."""
        if len(vectors) == 0:
            return torch.zeros(0, dtype=torch.int64, device=vectors.device)
        if self.training and self.num_batches < NUM_CALIBRATION_BATCHES:
            self.num_batches += 1
            self.mean += (vectors.mean(dim=0) - self.mean) / self.num_batches
            self.variance += (vectors.var(dim=0, unbiased=False) - self.variance) / self.num_batches
        standard = (vectors - self.mean) / (self.variance + 1e-6).sqrt()
        _, codes = self.quantizer(input_signal=standard.T.unsqueeze(0))  # [1, N]
        named: Tensor = codes.squeeze(0)
        return named


class MaskedSensors(nn.Module):
    """Hides whole streams of some utterances; the context must still tell the codes of their pieces.

    A stream is hidden as a whole: from one piece of an engine's vibration the next is copied. The audio and the
    streams that are left have to tell. In turn, masked cells of the audio are told by a context that hears sensors.

    Args:
        streams: those of the context encoder.
        d_context: width C of the context.
        share: part of the streams that is hidden, in (0, 1).
        code_dim: dimension of the random projections.
        num_codes: codes V of every stream.
        d_hidden: width H of the predictor.

    Raises:
        ValueError: if there are no streams or ``share`` is out of range.
    """

    def __init__(
        self,
        streams: Mapping[str, SensorTokens],
        d_context: int,
        share: float = 0.5,
        code_dim: int = 8,
        num_codes: int = 64,
        d_hidden: int = 128,
    ) -> None:
        super().__init__()
        if not streams:
            raise ValueError("MaskedSensors: the context encoder has no streams, so none can be hidden.")
        if not 0.0 < share < 1.0:
            raise ValueError(f"MaskedSensors: share={share} must lie between 0 and 1.")
        self.share = share
        self.d_hidden = d_hidden
        self.num_codes = num_codes
        self.context = nn.Linear(d_context, d_hidden)
        self.codes = nn.ModuleDict(
            {name: SensorCodes(tokens.num_features, code_dim, num_codes) for name, tokens in streams.items()}
        )
        self.outputs = nn.ModuleDict({name: nn.Linear(d_hidden, num_codes) for name in streams})

    def hide(self, sensors: Mapping[str, SensorStream]) -> HiddenStreams:
        """Take every stream from a random part of the utterances of a batch."""
        left, is_hidden = {}, {}
        for name, stream in sensors.items():
            hidden = torch.rand(len(stream.length), device=stream.length.device) < self.share  # [B]
            left[name] = stream._replace(length=stream.length.masked_fill(hidden, 0))
            is_hidden[name] = hidden
        return HiddenStreams(left, is_hidden)

    def forward(
        self,
        context: Tensor,
        streams: Mapping[str, SensorTokens],
        sensors: Mapping[str, SensorStream],
        is_hidden: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Score the codes of all hidden pieces.

        Args:
            context: of the utterances, made without what is hidden [B, C].
            streams: those of the context encoder; only their features are used, which have no parameters.
            sensors: the whole streams of the batch.
            is_hidden: which utterances lacked each stream [B].

        Returns:
            Scores [N, V] and the right codes [N] of the N pieces that were measured and hidden.
        """
        known = self.context(context)  # [B, H]
        scores, codes = [], []
        for name, output in self.outputs.items():
            if name not in sensors:
                scores.append(output(known[:0]))  # no parameter may lack a gradient
                continue
            features, is_measured = streams[name].features(sensors[name])  # [B, N, F], [B, N]
            asked = is_measured & is_hidden[name][:, None]
            seconds = (torch.arange(asked.shape[1], device=known.device) + 0.5) * streams[name].token_s
            queries = known.unsqueeze(1) + seconds_embedding(seconds, self.d_hidden)  # [B, N, H]
            scores.append(output(nn.functional.gelu(queries[asked])))
            codes.append(self.codes[name](features[asked]))
        empty = torch.zeros(0, dtype=torch.int64, device=known.device)
        return torch.cat(scores), torch.cat([*codes, empty])
