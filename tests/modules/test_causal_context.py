# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the causal statistics are, and that the scale of the features reaches them."""

import torch
from torch import Tensor

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import CausalStatisticsContextEncoder

BANDS, STRIDE, FRAMES = 5, 8, 64


def _statistics(encoder: CausalStatisticsContextEncoder, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, deviation and floor as the network reads them, each [B, S, D]."""
    read: list[Tensor] = []
    handle = encoder.norm.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    encoder(audio_signal=features, length=torch.full((len(features),), features.shape[2]))
    handle.remove()
    return read[0].chunk(3, dim=2)  # type: ignore[return-value]


def test_the_statistics_are_running_ones_in_the_scale_that_is_asked_for() -> None:
    torch.manual_seed(0)
    features = -8.0 + 4.0 * torch.randn(2, BANDS, FRAMES)
    for mean, std in ((0.0, 1.0), (-8.0, 4.0)):
        encoder = CausalStatisticsContextEncoder(BANDS, 4, stride=STRIDE, feature_mean=mean, feature_std=std).eval()
        means, deviations, floors = _statistics(encoder, features)
        for number in range(FRAMES // STRIDE):
            past = features[:, :, : number * STRIDE + 1].double()  # up to and including the frame
            floor = -torch.log(torch.exp(-past).mean(dim=2))
            for value, expected, tolerance in (
                (means[:, number], (past.mean(dim=2) - mean) / std, 1e-5),
                (deviations[:, number], past.std(dim=2, correction=0) / std, 2e-2),  # 0.01 where there is none
                (floors[:, number], (floor - mean) / std, 1e-5),
            ):
                torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=tolerance)


def test_a_long_stream_keeps_its_deviation() -> None:
    features = -8.0 + 0.5 * torch.randn(1, BANDS, 200_000, generator=torch.Generator().manual_seed(0))
    encoder = CausalStatisticsContextEncoder(BANDS, 4, stride=STRIDE, feature_mean=-8.0, feature_std=4.0).eval()
    deviations = _statistics(encoder, features)[1]
    torch.testing.assert_close(deviations[0, -1], torch.full((BANDS,), 0.125), rtol=0.03, atol=0.0)
