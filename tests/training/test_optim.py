# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The schedule in parts of each group's own rate, by itself and through NeMo's registry."""

from typing import Any

import pytest
import torch

from nemo.core.optim.lr_scheduler import prepare_lr_scheduler

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.nemo_patches.table import install
from nemo_noise.training import RelativeCosineAnnealing


def _optimizer() -> torch.optim.Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (1e-3, 1e-4)]
    return torch.optim.AdamW(groups)


def _rates(schedule: Any, optimizer: torch.optim.Optimizer, num_steps: int) -> list[list[float]]:
    rates = [[group["lr"] for group in optimizer.param_groups]]
    for _ in range(num_steps):
        optimizer.step()
        schedule.step()
        rates.append([group["lr"] for group in optimizer.param_groups])
    return rates


def test_every_group_goes_from_a_tenth_to_the_whole_to_a_hundredth_of_its_rate() -> None:
    optimizer = _optimizer()
    schedule = RelativeCosineAnnealing(optimizer, max_steps=110, warmup_steps=10)
    rates = _rates(schedule, optimizer, 130)
    for step, part in ((0, 0.1), (5, 0.55), (10, 1.0), (60, 0.505), (110, 0.01), (130, 0.01)):
        assert rates[step] == pytest.approx([1e-3 * part, 1e-4 * part])
    assert all(earlier[0] > later[0] for earlier, later in zip(rates[10:110], rates[11:111], strict=True))


def test_without_a_rise_it_is_torch_s_cosine() -> None:
    ours, theirs = _optimizer(), torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    expected = _rates(torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 50, eta_min=1e-5), theirs, 50)
    actual = _rates(RelativeCosineAnnealing(ours, max_steps=50), ours, 50)
    assert [step[0] for step in actual] == pytest.approx([step[0] for step in expected])


def test_a_floor_holds_and_a_training_goes_on_where_it_was() -> None:
    optimizer = _optimizer()
    schedule = RelativeCosineAnnealing(optimizer, max_steps=20, warmup_ratio=0.2, min_lr=5e-5)
    rates = _rates(schedule, optimizer, 12)
    assert min(min(step) for step in rates) == 5e-5
    resumed = RelativeCosineAnnealing(again := _optimizer(), max_steps=20, warmup_ratio=0.2, min_lr=5e-5)
    again.load_state_dict(optimizer.state_dict()), resumed.load_state_dict(schedule.state_dict())
    assert _rates(resumed, again, 8) == _rates(schedule, optimizer, 8)


def test_nemo_finds_it_by_name() -> None:
    install()  # again
    optimizer = _optimizer()
    config = {"name": "RelativeCosineAnnealing", "warmup_steps": 2, "warmup_ratio": None, "max_steps": 10}
    prepared = prepare_lr_scheduler(optimizer, config)
    assert isinstance(prepared["scheduler"], RelativeCosineAnnealing) and prepared["interval"] == "step"
    assert optimizer.param_groups[1]["lr"] == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": 1.5}, "first=1.5 must be from 0 to 1"),
        ({"warmup_steps": 10}, "warmup_steps=10 must be from 0 to below max_steps=10"),
        ({"warmup_steps": 1, "warmup_ratio": 0.1}, "Give warmup_steps=1 or warmup_ratio=0.1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RelativeCosineAnnealing(_optimizer(), **({"max_steps": 10} | changes))
