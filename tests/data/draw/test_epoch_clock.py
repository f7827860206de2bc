# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The epoch reaches data-loader workers before they prefetch, in a fresh run and in a resumed one."""

import copy
import logging as python_logging
import sys
import time
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.data import DataLoader, Dataset

from nemo.core.classes import Serialization
from nemo.utils import logging

from hydra_plugins.nemo_noise_searchpath import trainer_callbacks as from_entry_point
from nemo_noise.data.curriculum.band_weights import BandWeights
from nemo_noise.data.draw.clock import EPOCH_CLOCK, EpochClock
from nemo_noise.training import SensorListener
from nemo_noise.training.context_input import ContextInputCheck
from nemo_noise.training.epoch import EpochClockCallback, GuestEpochClock

ITEMS = 6


class EpochSeenByWorker(Dataset[torch.Tensor]):
    """Each item is the epoch as the process that loads it sees it."""

    def __init__(self) -> None:
        self.clock = EPOCH_CLOCK

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor(float(self.clock.epoch))


class Recorder(pl.LightningModule):
    """Writes down (epoch of the trainer, epoch that the workers saw) for each training batch."""

    def __init__(self, **loader: object) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.loader = loader
        self.seen: list[tuple[int, int]] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.seen += [(self.current_epoch, int(value)) for value in batch]
        return self.weight.sum() * 0.0

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log("val", 0.0)

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        return DataLoader(EpochSeenByWorker(), batch_size=1, **self.loader)

    def val_dataloader(self) -> DataLoader[torch.Tensor]:
        return DataLoader(EpochSeenByWorker(), batch_size=3)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Dawdler(pl.Callback):
    """Waits between the first iterator and the first epoch's start, so that workers have prefetched by then."""

    def on_train_start(self, trainer: pl.Trainer, model: Recorder) -> None:
        if model.loader["num_workers"]:
            time.sleep(0.4)


def fit(model: Recorder, folder: Path, ckpt_path: str | None = None, saver: ModelCheckpoint | None = None, **limits):
    trainer = pl.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=saver is not None,
        callbacks=[EpochClockCallback(), Dawdler(), *([saver] if saver else [])],
        **limits,
    )
    trainer.fit(model, ckpt_path=ckpt_path)
    return model.seen


WORKERS = [{"num_workers": 0}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}]


@pytest.mark.parametrize("loader", WORKERS, ids=["main process", "workers", "persistent workers"])
def test_every_batch_of_an_epoch_sees_that_epoch(tmp_path: Path, loader: dict) -> None:
    EPOCH_CLOCK.set(17)  # left over from something else
    seen = fit(Recorder(**loader), tmp_path, max_epochs=3)
    assert seen == [(epoch, epoch) for epoch in range(3) for _ in range(ITEMS)]


@pytest.mark.parametrize("loader", WORKERS[:2], ids=["main process", "workers"])
@pytest.mark.parametrize(
    "when",
    [{"save_on_train_epoch_end": True}, {"save_on_train_epoch_end": False}, {"every_n_train_steps": ITEMS + 2}],
    ids=["epoch end", "validation end", "inside an epoch"],
)
def test_a_resumed_run_sees_the_epoch_it_resumes_from_its_first_batch_on(
    tmp_path: Path, loader: dict, when: dict
) -> None:
    saver = ModelCheckpoint(tmp_path, filename="state", save_last=False, **when)
    fit(Recorder(**loader), tmp_path, saver=saver, max_epochs=2)
    EPOCH_CLOCK.set(0)
    seen = fit(Recorder(**loader), tmp_path, ckpt_path=str(tmp_path / "state.ckpt"), max_epochs=4)
    assert seen, "nothing was trained"
    assert all(trainer_epoch == worker_epoch for trainer_epoch, worker_epoch in seen)
    assert seen[0][0] == (1 if "every_n_train_steps" in when else 2)
    assert seen[-1][0] == 3


def test_a_limited_epoch_leaves_no_stale_prefetched_batch(tmp_path: Path) -> None:
    seen = fit(Recorder(num_workers=2, persistent_workers=True), tmp_path, max_epochs=3, limit_train_batches=2)
    assert seen == [(0, 0)] * 2 + [(1, 1)] * 2 + [(2, 2)] * 2


def test_a_second_fit_of_one_trainer_goes_on_counting(tmp_path: Path) -> None:
    model = Recorder(num_workers=0)
    trainer = pl.Trainer(
        accelerator="cpu", default_root_dir=tmp_path, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, max_epochs=1, callbacks=[EpochClockCallback()],
    )  # fmt: skip
    trainer.fit(model)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(model)
    assert set(model.seen) == {(0, 0), (1, 1)}


@pytest.mark.slow  # spawned workers import NeMo again
def test_a_spawned_worker_sees_the_epoch(tmp_path: Path) -> None:
    seen = fit(Recorder(num_workers=1, multiprocessing_context="spawn"), tmp_path, max_epochs=2)
    assert seen == [(epoch, epoch) for epoch in range(2) for _ in range(ITEMS)]


def test_a_copy_of_the_clock_is_the_clock() -> None:
    clock = EpochClock()
    twin = copy.deepcopy({"clock": clock})["clock"]
    clock.set(3)
    assert twin.epoch == 3


def test_a_new_clock_says_that_nobody_set_it() -> None:
    clock = EpochClock()
    assert (clock.epoch, clock.times_set) == (0, 0)
    clock.set(0)
    assert clock.times_set == 1


def test_a_checkpoint_that_holds_weights_alone_begins_at_the_first_epoch() -> None:
    trainer, callback = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu"), EpochClockCallback()
    trainer.state.fn = TrainerFn.FITTING
    EPOCH_CLOCK.set(4, 9)
    callback.on_load_checkpoint(trainer, Recorder(), {"state_dict": {}})
    assert (EPOCH_CLOCK.epoch, EPOCH_CLOCK.step) == (0, 0)


def test_a_negative_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch: is -1"):
        EpochClock().set(-1)


def test_the_entry_point_gives_callbacks_only_where_we_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nemo_noise.nemo_patches.table", sys)
    assert [type(one) for one in from_entry_point()] == [GuestEpochClock, SensorListener, ContextInputCheck]
    monkeypatch.delitem(sys.modules, "nemo_noise.nemo_patches.table")
    assert from_entry_point() == []


def test_what_every_trainer_gets_is_added_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    registry = python_logging.getLogger("lightning.fabric.utilities.registry")
    from_entry_point()
    with caplog.at_level("INFO", logger=registry.name):
        registry.info("Adding 2 callbacks from entry point 'nemo_noise': GuestEpochClock, SensorListener")
        registry.info("Adding 1 callbacks from entry point 'another': Theirs")
    assert [record.getMessage() for record in caplog.records] == [
        "Adding 1 callbacks from entry point 'another': Theirs"
    ]


def test_a_config_may_name_the_callback() -> None:
    made = Serialization.from_config_dict({"_target_": "nemo_noise.training.epoch.EpochClockCallback"})
    assert isinstance(made, EpochClockCallback)


@pytest.mark.parametrize("error", [RuntimeError, OSError])
def test_where_memory_cannot_be_shared_clock_and_weights_work_in_one_process_and_one_warning_tells(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(_: torch.Tensor) -> torch.Tensor:
        raise error("unable to open shared memory object </torch_1> in read-write mode: Permission denied (13)")

    warnings: list[str] = []
    monkeypatch.setattr(torch.Tensor, "share_memory_", refuse)
    monkeypatch.setattr(logging, "once_logged", set())
    monkeypatch.setattr(logging._logger, "_log", lambda _, message, *args, **options: warnings.append(message))
    clock, weights = EpochClock(), BandWeights()
    clock.set(3, 40)
    weights.set([0.0, 5.0, 10.0], [1.0, 3.0])
    assert (clock.epoch, clock.step, clock.times_set) == (3, 40, 1)
    assert weights.of([0.0, 5.0, 10.0]) == (1.0, 3.0)
    assert len(warnings) == 1 and "workers will not see the epoch" in warnings[0]
