# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: NPY002  the global generators are what is tested
"""A training that resumes from any checkpoint equals the whole training: order of the data and all random numbers."""

import gc
import random
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, Dataset, IterableDataset

from nemo.utils import logging
from nemo.utils.exp_manager import configure_no_restart_validation_training_loop

from nemo_noise.data.draw.clock import _READERS
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.training import SensorListener
from nemo_noise.training.epoch import EpochClockCallback, GuestEpochClock
from nemo_noise.training.resume.random_numbers import Moment, RandomNumbers

ITEMS = 10
BATCHES = 5
Seen = dict[float, tuple[Any, ...]]


class Numbers(Dataset[torch.Tensor]):
    """Items 0 to 9; with draws of the process that loads them, where the main process does."""

    def __init__(self, draws: bool) -> None:
        self.draws = draws

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([float(index), random.random() if self.draws else 0.0])


class Stream(IterableDataset[torch.Tensor]):
    """The same as a stream."""

    def __iter__(self):
        return iter(torch.arange(2.0 * ITEMS).reshape(ITEMS, 2))


class Learner(pl.LightningModule):
    """Writes down what it saw and drew: step -> (epoch, items, draws, weight); validations half a step before."""

    def __init__(self, num_workers: int = 0, persistent: bool = False, dataset: Any = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self._rng = random.Random()  # as NeMo's SpecAugment has one
        self.options = {"num_workers": num_workers, "persistent_workers": persistent}
        self.dataset = dataset or Numbers(num_workers == 0)
        self.seen: Seen = {}

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        draws = float(torch.rand(())), float(np.random.rand()), random.random(), self._rng.random()
        items = tuple(batch.flatten().tolist())
        self.seen[self.global_step] = (self.current_epoch, index, items, draws, float(self.weight))
        return (self.weight * (batch.sum() / 100 + draws[0])).sum()

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log("val", torch.rand(()) + random.random() + np.random.rand())

    def on_validation_epoch_end(self) -> None:
        behind = self.global_step - 0.5
        if not self.trainer.sanity_checking:
            assert behind not in self.seen
            self.seen[behind] = ("validated", self.current_epoch, float(self.weight))
            self.weight.data.mul_(0.99)  # as a guard does

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        shuffle = None if isinstance(self.dataset, IterableDataset) else True
        return DataLoader(self.dataset, batch_size=ITEMS // BATCHES, shuffle=shuffle, **self.options)

    def val_dataloader(self) -> DataLoader[torch.Tensor]:
        return DataLoader(Numbers(True), batch_size=5)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def fit(folder: Path, learner: Learner, *, resume: Path | None = None, saving: dict | None = None, **options) -> Seen:
    nemo_loop = options.pop("nemo_loop", False)
    saver = [ModelCheckpoint(folder, filename="{step}", save_top_k=-1, **saving)] if saving else []
    callbacks = options.pop("callbacks", [EpochClockCallback(), *saver])
    trainer = pl.Trainer(
        accelerator="cpu", default_root_dir=folder, logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=callbacks,
        enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks), **options,
    )  # fmt: skip
    if nemo_loop:
        configure_no_restart_validation_training_loop(trainer)
    trainer.fit(learner, ckpt_path=resume)
    return learner.seen


SAVING = {
    "validation": {"save_on_train_epoch_end": False},
    "epoch": {"save_on_train_epoch_end": True},
    "step": {"every_n_train_steps": 1},
}


LIMITS = {
    "epochs, Lightning's loop": {"max_epochs": 3},
    "steps, Lightning's loop": {"max_steps": 13, "max_epochs": -1},
    "epochs, NeMo's loop": {"max_epochs": 3, "nemo_loop": True},
    "steps, NeMo's loop": {"max_steps": 13, "max_epochs": -1, "nemo_loop": True},
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("when", SAVING)
@pytest.mark.parametrize("options", [{}, {"val_check_interval": 2}, {"limit_train_batches": 3}], ids=str)
def test_a_run_that_resumes_from_any_checkpoint_equals_the_whole(
    tmp_path: Path, when: str, limit: str, options: dict
) -> None:
    every = {**LIMITS[limit], **options}
    torch.manual_seed(5)
    whole = fit(tmp_path, Learner(), saving=SAVING[when], **every)
    assert_all_resume(tmp_path, whole, Learner, every, is_saved_first=when == "step")


def assert_all_resume(folder: Path, whole: Seen, learner: Any, options: dict, is_saved_first: bool = False) -> None:
    """From every checkpoint; `is_saved_first`: a checkpoint of a step comes before the validation behind that step."""
    checkpoints = {int(path.stem.split("=")[1].split("-")[0]): path for path in folder.glob("*.ckpt")}
    assert len(checkpoints) >= 2
    steps = sorted(checkpoints)
    for step in steps if len(steps) <= 4 else steps[1::3]:  # of one in each step: some from every epoch
        resumed = fit(folder, learner(), resume=checkpoints[step], **options)
        begin = step - 0.5 if is_saved_first else step
        assert resumed == {at: seen for at, seen in whole.items() if at >= begin}, checkpoints[step].name


@pytest.mark.parametrize("persistent", [False, True], ids=["workers", "persistent workers"])
@pytest.mark.parametrize("when", ["validation", "step"])
def test_a_resumed_run_with_workers_equals_the_whole(tmp_path: Path, when: str, persistent: bool) -> None:
    torch.manual_seed(6)
    saving = SAVING["validation"] if when == "validation" else {"every_n_train_steps": 4}  # batch 4 of 5, 3, 2

    def learner() -> Learner:
        return Learner(num_workers=2, persistent=persistent)

    whole = fit(tmp_path, learner(), saving=saving, max_epochs=3)
    assert_all_resume(tmp_path, whole, learner, {"max_epochs": 3}, is_saved_first=when == "step")


def test_accumulated_gradients_resume_between_optimizer_steps(tmp_path: Path) -> None:
    every = {"max_epochs": 3, "accumulate_grad_batches": 2}
    whole = fit(tmp_path, Learner(), saving=SAVING["step"], **every)
    assert_all_resume(tmp_path, whole, Learner, every, is_saved_first=True)


def test_a_run_that_resumes_within_an_epoch_says_where_and_no_warning_contradicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(logging, "info", lambda message, *args, **options: said.append(message))
    fit(tmp_path, Learner(), saving={"every_n_train_steps": 3}, max_epochs=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, Learner(), resume=next(tmp_path.glob("*.ckpt")), max_epochs=1)
    assert "The training goes on behind batch 3 of epoch 0." in said
    assert not [warning for warning in caught if "not resumable" in str(warning.message)]


def test_a_run_resumes_with_its_own_seed_where_none_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    torch.seed()
    whole = fit(tmp_path, Learner(), saving=SAVING["validation"], max_epochs=2)
    torch.seed()  # another process
    assert_all_resume(tmp_path, whole, Learner, {"max_epochs": 2})
    torch.seed()
    assert fit(tmp_path, Learner(), max_epochs=2) != whole


def test_another_seed_given_at_a_resume_wins_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *args, **options: warned.append(message))
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    torch.manual_seed(5)
    whole = fit(tmp_path, Learner(), saving=SAVING["validation"], max_epochs=2)
    (first,) = tmp_path.glob("step=5*.ckpt")
    monkeypatch.setenv("PL_GLOBAL_SEED", "6")
    torch.manual_seed(6)
    resumed = fit(tmp_path, Learner(), resume=first, max_epochs=2)
    assert all(resumed[step] != whole[step] for step in range(BATCHES, 2 * BATCHES))
    assert len(warned) == 1 and "seed: is 6" in warned[0] and "seed 5" in warned[0]


def test_a_stream_that_cannot_go_on_within_an_epoch_says_which_option_avoids_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *args, **options: warned.append(message))
    fit(tmp_path, Learner(dataset=Stream()), saving={"every_n_train_steps": 3}, max_epochs=1)
    fit(tmp_path, Learner(dataset=Stream()), resume=next(tmp_path.glob("*.ckpt")), max_epochs=1)
    assert len(warned) == 1
    assert "every_n_train_steps" in warned[0] and "follows batch 3" in warned[0]


class OwnIterator(torch.utils.data.Sampler):
    """Batches of indices as Lhotse's samplers give them: it is its own iterator, and its length is not known."""

    def __init__(self, seed: int | str = 0) -> None:
        self.seed, self.shuffle, self.epoch = seed, True, 0
        self.rest: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(ITEMS)
        self.rest = order.tolist()
        return self

    def __next__(self) -> int:
        if not self.rest:
            raise StopIteration
        return self.rest.pop(0)


class LhotseLike(Learner):
    seed: int | str = 0

    def __init__(self, num_workers: int = 0) -> None:
        super().__init__(num_workers, dataset=Numbers(draws=False))

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        return DataLoader(self.dataset, sampler=OwnIterator(self.seed), batch_size=None, **self.options)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_as_lhotse_has_it_resumes_within_an_epoch(tmp_path: Path, num_workers: int) -> None:
    options = {"max_epochs": 2, "use_distributed_sampler": False}
    whole = fit(tmp_path, LhotseLike(num_workers), saving={"every_n_train_steps": 7}, **options)
    assert len(whole) == 2 * ITEMS + 2
    assert_all_resume(tmp_path, whole, lambda: LhotseLike(num_workers), options)


@pytest.mark.parametrize(("seed", "is_said"), [(0, False), ("trng", True), ("randomized", True)])
def test_a_resume_with_an_order_by_the_clock_names_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int | str, is_said: bool
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *args, **options: warned.append(message))
    monkeypatch.setattr(LhotseLike, "seed", seed)
    fit(tmp_path, LhotseLike(), saving=SAVING["validation"], max_epochs=1, use_distributed_sampler=False)
    assert warned == []
    resume = next(tmp_path.glob("*.ckpt"))
    fit(tmp_path, LhotseLike(), resume=resume, max_epochs=3, use_distributed_sampler=False)
    assert [("shard_seed" in warning) for warning in warned] == [True] * is_said


class Ranks:
    """What a trainer of two ranks with different seeds says."""

    global_rank = 1
    strategy = SimpleNamespace(all_gather=lambda seed: torch.stack([torch.tensor(11), seed]))


def test_every_rank_resumes_with_its_own_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    drawn = []
    for saved in (None, {"seeds": [11, 12]}):
        numbers = RandomNumbers()
        if saved:
            numbers.resume(saved)
        torch.manual_seed(12 if saved is None else 99)
        numbers.begin(Ranks(), Learner())
        assert numbers.saved()["seeds"] == [11, 12]
        for rank in (0, 1, 2):  # 2: one rank more than before
            numbers.set(SimpleNamespace(global_rank=rank), epoch=1, batch=2, moment=Moment.BATCH)
            drawn.append(float(torch.rand(())))
    assert drawn[:3] == drawn[3:]
    assert len(set(drawn)) == 3


class Stock(Learner):
    """A training with nothing of ours in it, but for the callbacks that every trainer gets."""


class Ours(Learner):
    """One whose model has a module of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.context = Part()


class Part(torch.nn.Module):
    __module__ = "nemo_noise.modules.part"


def test_a_training_with_nothing_of_ours_keeps_its_random_numbers_and_its_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemo_noise.training.epoch.has_readers", lambda: False)
    seen, keys = [], []
    for guests in ([], [GuestEpochClock(), SensorListener()]):
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        learner = Stock()
        learner._rng.seed(3)
        saver = ModelCheckpoint(tmp_path / str(len(guests)), every_n_epochs=1)
        seen.append(fit(tmp_path, learner, callbacks=[*guests, saver], max_epochs=2))
        keys.append(set(torch.load(saver.best_model_path, weights_only=True)))
    assert seen[0] == seen[1]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("learner", [Ours, Stock])
def test_a_guest_cares_for_trainings_with_a_module_or_a_perturbation_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learner: type[Learner]
) -> None:
    monkeypatch.setattr("nemo_noise.training.epoch.has_readers", lambda: learner is Stock)
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(fit(tmp_path, learner(), callbacks=[GuestEpochClock()], max_epochs=1))
    assert drawn[0] == drawn[1]  # also what Python and NumPy draw, which nobody seeded


def test_a_perturbation_is_a_reader_of_the_clock_while_it_lives(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).standard_normal(8000) * 0.1, 16000)
    (tmp_path / "noise.json").write_text('{"audio_filepath": "noise.wav", "duration": 0.5}')
    before = len(_READERS)
    perturbation = NoiseMixPerturbation(tmp_path / "noise.json", snr_db=[0])
    assert len(_READERS) == before + 1
    del perturbation
    gc.collect()
    assert len(_READERS) <= before
