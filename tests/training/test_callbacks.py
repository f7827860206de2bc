# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What learns is what was named, and clean speech does not get worse unnoticed."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import OmegaConf
from torch import nn
from torch.utils.data import DataLoader

from nemo.utils.trainer_utils import resolve_trainer_cfg

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import AttentionMaps
from nemo_noise.training import CleanGuard, DualAttentionMonitor, NoiseContextMonitor, TrainOnly
from nemo_noise.training.dual_attention_monitor import gate_entropy, map_similarity
from nemo_noise.training.monitor import perplexity


class Recogniser(pl.LightningModule):
    """A backbone with batch norm, a context; the error rates that validation logs are given."""

    def __init__(self, error_rates: list[float] | None = None) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"backbone": nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))})
        self.encoder["context_encoder"] = nn.Linear(4, 4)
        self.encoder["fusions"] = nn.Linear(4, 4)
        self.error_rates = list(error_rates or [])
        self.backbone_trains: list[bool] = []
        self.weights: list[torch.Tensor] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.backbone_trains.append(self.encoder["backbone"].training)
        hidden = self.encoder["backbone"](batch) + self.encoder["context_encoder"](batch)
        return self.encoder["fusions"](hidden).square().sum()

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        if index == 0:
            self.weights.append(self.encoder["fusions"].weight.detach().clone())
            self.log("val_wer", self.error_rates.pop(0) if self.error_rates else 0.0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(torch.randn(8, 4), batch_size=4)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(torch.randn(4, 4), batch_size=4)


def _trainer(tmp_path: Path, *callbacks: pl.Callback, **options: Any) -> pl.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    options = quiet | {"max_epochs": 4, "num_sanity_val_steps": -1} | options
    return pl.Trainer(default_root_dir=str(tmp_path), enable_model_summary=False, callbacks=list(callbacks), **options)


def test_only_the_noise_context_learns_and_the_rest_runs_as_in_inference(tmp_path: Path) -> None:
    model = Recogniser()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _trainer(tmp_path, TrainOnly()).fit(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {
        f"encoder.{part}.{kind}" for part in ("context_encoder", "fusions") for kind in ("weight", "bias")
    }
    assert not any(model.backbone_trains)
    assert all(value.requires_grad for value in model.parameters())


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="parts='decoder.' names no parameter; the model has .*encoder.backbone"):
        _trainer(tmp_path, TrainOnly(["decoder."])).fit(Recogniser())


def test_a_star_in_a_part_stands_for_anything(tmp_path: Path) -> None:
    model = Recogniser()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _trainer(tmp_path, TrainOnly(["*.fusions.b"])).fit(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"encoder.fusions.bias"}


def test_the_log_says_how_much_of_which_part_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("nemo_noise.training.freezing.logging.info", told.append)
    _trainer(tmp_path, TrainOnly()).fit(Recogniser())
    assert told == ["TrainOnly: 40 of 68 parameters learn: encoder.context_encoder 20, encoder.fusions 20"]


def test_measures_of_two_attentions_have_known_answers() -> None:
    alike, apart = torch.eye(4)[None, None], torch.eye(4).flip(1)[None, None]
    half, decided = torch.full((1, 4, 1), 0.5), torch.ones(1, 4, 1)
    assert map_similarity(AttentionMaps(alike, alike, half)).item() == pytest.approx(1.0)
    assert map_similarity(AttentionMaps(alike, apart, half)).item() == pytest.approx(0.0)
    assert map_similarity(AttentionMaps(alike, apart[..., :3], half)) is None
    assert gate_entropy(half).item() == pytest.approx(1.0)
    assert gate_entropy(decided).item() == pytest.approx(0.0, abs=1e-4)


def test_a_model_without_dual_attention_is_not_watched_in_vain(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Recogniser has no DualCrossAttention; leave it out"):
        _trainer(tmp_path, DualAttentionMonitor()).fit(Recogniser())


def test_the_log_tells_how_many_experts_are_in_use(tmp_path: Path) -> None:
    model = Recogniser()
    model.encoder["fusions"].register_buffer("usage", torch.tensor([0.5, 0.5, 0.0]))
    trainer = _trainer(tmp_path, NoiseContextMonitor(every_n_steps=1), max_epochs=1)
    trainer.fit(model)
    assert trainer.logged_metrics["noise_context/encoder.fusions/in_use"] == pytest.approx(2.0)
    assert trainer.logged_metrics["noise_context/encoder.fusions/share_1"] == pytest.approx(0.5)
    assert perplexity(torch.full((8,), 1 / 8)).item() == pytest.approx(8.0)


def test_nemo_s_trainer_config_makes_the_callbacks() -> None:
    config = OmegaConf.create(
        {"callbacks": [{"_target_": f"nemo_noise.training.{name}"} for name in ("TrainOnly", "CleanGuard")]}
    )
    made = resolve_trainer_cfg(config)["callbacks"]
    assert [type(callback) for callback in made] == [TrainOnly, CleanGuard]


def test_the_guard_measures_before_the_training_and_stops_it(tmp_path: Path) -> None:
    guard = CleanGuard(tolerance=0.01, action="stop")
    trainer = _trainer(tmp_path, guard)
    trainer.fit(Recogniser([0.10, 0.105, 0.12, 0.5]))
    assert guard.baseline == pytest.approx(0.10) and trainer.current_epoch == 2 and guard.num_alarms == 1


def test_the_guard_takes_half_of_the_training_back(tmp_path: Path) -> None:
    model = Recogniser([0.10, 0.20, 0.10])
    _trainer(tmp_path, CleanGuard(tolerance=0.01, action="blend"), max_epochs=1).fit(model)
    start, end = model.weights[0], model.weights[1]
    assert torch.allclose(model.encoder["fusions"].weight, 0.5 * (start + end), atol=1e-6)


def test_a_resumed_training_goes_half_of_the_way_to_where_the_first_began(tmp_path: Path) -> None:
    checkpoint = ModelCheckpoint(tmp_path, save_last=True)
    first = Recogniser([0.10, 0.10])
    _trainer(tmp_path, CleanGuard(tolerance=0.01), checkpoint, max_epochs=1, enable_checkpointing=True).fit(first)
    resumed, guard = Recogniser([0.30]), CleanGuard(tolerance=0.01)
    options = {"max_epochs": 2, "num_sanity_val_steps": 0}
    _trainer(tmp_path, guard, **options).fit(resumed, ckpt_path=str(tmp_path / "last.ckpt"))
    assert guard.baseline == pytest.approx(0.10)
    expected = 0.5 * (first.weights[0] + resumed.weights[-1])
    assert torch.allclose(resumed.encoder["fusions"].weight, expected, atol=1e-6)


def test_a_guard_that_cannot_know_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="baseline=None; give the error rate"):
        _trainer(tmp_path, CleanGuard(), num_sanity_val_steps=0).fit(Recogniser([0.1]))
    with pytest.raises(ValueError, match="monitor='wer' was not logged; there are \\['val_wer'\\]"):
        _trainer(tmp_path, CleanGuard(monitor="wer")).fit(Recogniser([0.1]))
    with pytest.raises(ValueError, match="tolerance=-1 must not be negative"):
        CleanGuard(tolerance=-1)
    with pytest.raises(ValueError, match="action='pray' is unknown"):
        CleanGuard(action="pray")
