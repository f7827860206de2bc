# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The noise under the speech: the loss has known answers, and a context that follows the time learns from it."""

import pytest
import torch
from omegaconf import DictConfig, open_dict

from nemo_noise.models import NoiseContextPretrainingModel
from nemo_noise.models.pretraining.hidden_noise import HiddenNoiseLoss
from tests.models.conftest import task
from tests.models.test_ssl import batch_of

TEMPORAL = {"_target_": "nemo_noise.modules.TemporalContextEncoder", "feat_in": 16, "d_context": 8, "d_hidden": 16}


def _configured(config: DictConfig) -> DictConfig:
    with open_dict(config):
        config.encoder.context_encoder = TEMPORAL
        config.tasks = {"hidden_noise": task("HiddenNoise")}
    return config


def test_the_true_ratio_costs_nothing_and_an_error_of_one_costs_one() -> None:
    noise, length = torch.randn(2, 4, 10), torch.tensor([10, 6])
    mixture = noise + torch.rand(2, 4, 10) * 2.0  # the noise is 0 to 2 nats under the mixture
    arguments = {"noise": noise, "mixture": mixture, "length": length}
    assert HiddenNoiseLoss()(ratio=noise - mixture, **arguments).item() == pytest.approx(0.0, abs=1e-6)
    assert HiddenNoiseLoss()(ratio=noise - mixture + 1.0, **arguments).item() == pytest.approx(1.0, abs=1e-5)


def test_padding_and_noise_far_below_the_mixture_do_not_count() -> None:
    noise, mixture, length = torch.zeros(1, 4, 10), torch.zeros(1, 4, 10), torch.tensor([6])
    ratio = torch.zeros(1, 4, 16)
    ratio[:, :, 6:] = 100.0
    assert HiddenNoiseLoss()(ratio=ratio, noise=noise, mixture=mixture, length=length).item() == 0.0
    far, farther = (
        HiddenNoiseLoss()(ratio=ratio, noise=noise - depth, mixture=mixture, length=length) for depth in (5.0, 50.0)
    )
    assert far == farther


def test_a_context_that_follows_the_time_learns_the_noise_under_the_speech(pretraining_config: DictConfig) -> None:
    torch.manual_seed(0)
    model = NoiseContextPretrainingModel(_configured(pretraining_config)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch, values = batch_of(model), []
    for _ in range(20):
        loss = model._losses(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.8 * values[0]
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


def test_a_context_of_the_whole_utterance_is_refused_by_name(pretraining_config: DictConfig) -> None:
    config = _configured(pretraining_config)
    config.encoder.context_encoder = {**TEMPORAL, "_target_": "nemo_noise.modules.AttentiveContextEncoder"}
    with pytest.raises(
        ValueError, match=r"hidden_noise needs a context that follows the time.*AttentiveContextEncoder"
    ):
        NoiseContextPretrainingModel(config)
