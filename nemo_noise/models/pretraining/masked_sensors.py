# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of hidden sensors: predict what a sensor measured, from the audio and from the other sensors."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from nemo_noise.data.pairs.context_pairs import SensedContextPair
from nemo_noise.models.pretraining.codes import MaskedCodeLoss, RandomCodes
from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder, MultimodalContextEncoder, SensorStream, SensorTokens
from nemo_noise.modules.context.layers import seconds_embedding

__all__ = ["MaskedSensors"]


class MaskedSensors(PretextTask):
    """Hides whole streams of some utterances; the context must still name the codes of their pieces.

    A stream is hidden as a whole: from one piece of an engine's vibration the next is copied. Left are the audio and
    the other streams. In turn, masked cells of the audio are named by a context that has read sensors.

    Args:
        share: part of the streams that is hidden, in (0, 1).
        code_dim: dimension of the random projections.
        num_codes: codes V of every stream.
        d_hidden: width H of the predictor.
    """

    def __init__(
        self,
        encoder: ContextEncoder,
        masking: nn.Module,
        *,
        share: float = 0.5,
        code_dim: int = 8,
        num_codes: int = 64,
        d_hidden: int = 128,
    ) -> None:
        super().__init__(encoder, masking)
        streams: Mapping[str, SensorTokens] = getattr(encoder, "streams", {})
        if not streams:
            raise ValueError("MaskedSensors: the context encoder has no streams, so none can be hidden.")
        if not 0.0 < share < 1.0:
            raise ValueError(f"MaskedSensors: share={share} must lie between 0 and 1.")
        self.share = share
        self.d_hidden = d_hidden
        self.context = nn.Linear(encoder.d_context, d_hidden)
        self.codes = nn.ModuleDict(
            {name: RandomCodes(tokens.num_features, code_dim, num_codes) for name, tokens in streams.items()}
        )
        self.outputs = nn.ModuleDict({name: nn.Linear(d_hidden, num_codes) for name in streams})
        self.loss = MaskedCodeLoss()

    def hide(self, views: Views) -> Views:
        """Take every stream from a random part of the utterances."""
        left, is_hidden = {}, {}
        for name, stream in views.sensors.items():
            hidden = torch.rand(len(stream.length), device=stream.length.device) < self.share  # [B]
            left[name] = stream._replace(length=stream.length.masked_fill(hidden, 0))
            is_hidden[name] = hidden
        return replace(views, sensors=left, hidden_sensors=is_hidden)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """Cross-entropy over all hidden pieces; see ``PretextTask``."""
        encoder = cast(MultimodalContextEncoder, encoding.encoder)
        streams = cast(Mapping[str, SensorTokens], encoder.streams)
        scores, codes = self.scores(encoding.context, streams, sensors=_whole(views), hidden=views.hidden_sensors)
        mask = torch.ones_like(codes)[None]
        return TaskLoss(self.loss(logits=scores[None], codes=codes[None], mask=mask), {})

    def scores(
        self,
        context: Tensor,
        streams: Mapping[str, SensorTokens],
        *,
        sensors: Mapping[str, SensorStream],
        hidden: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Scores [N, V] and codes [N] of the N pieces that were measured and hidden.

        Args:
            context: of the utterances, made without what is hidden [B, C].
            streams: those of the context encoder; only their features are used, which have no parameters.
            sensors: the whole streams of the batch.
            hidden: which utterances lacked each stream [B].
        """
        given = self.context(context)  # [B, H]
        scores, codes = [], []
        for name, output in self.outputs.items():
            if name not in sensors:
                scores.append(output(given[:0]))  # no parameter may lack a gradient
                continue
            features, is_measured = streams[name].features(sensors[name])  # [B, N, F], [B, N]
            is_missing = is_measured & hidden[name][:, None]
            seconds = (torch.arange(is_missing.shape[1], device=given.device) + 0.5) * streams[name].token_s
            queries = given.unsqueeze(1) + seconds_embedding(seconds, self.d_hidden)  # [B, N, H]
            scores.append(output(nn.functional.gelu(queries[is_missing])))
            codes.append(self.codes[name](features[is_missing]))
        empty = torch.zeros(0, dtype=torch.int64, device=given.device)
        return torch.cat(scores), torch.cat([*codes, empty])


def _whole(views: Views) -> Mapping[str, SensorStream]:
    return cast(SensedContextPair, views.pairs).get("sensors", {})
