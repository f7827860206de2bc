# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The step log: what a training writes, and what another process reads of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nemo_noise.training import StepLog
from nemo_noise.training.step_log import TrainingState, read_last_step


def train(log: StepLog, *, first: int, last: int, of: int) -> None:
    trainer: Any = SimpleNamespace(global_step=first, max_steps=of, is_global_zero=True)
    model: Any = None
    log.on_fit_start(trainer, model)
    for step in range(first + 1, last + 1):
        trainer.global_step = step
        log.on_train_batch_end(trainer, model, {"loss": torch.tensor(float(step))}, None, 0)


def test_a_line_holds_the_step_and_the_mean_loss_since_the_line_before(tmp_path: Path) -> None:
    train(StepLog(str(tmp_path / "deep" / "log"), every_n_steps=2), first=0, last=4, of=100)
    assert len((tmp_path / "deep" / "log").read_text().splitlines()) == 2
    assert read_last_step(tmp_path / "deep" / "log") == TrainingState(step=4, of=100, loss=3.5)


def test_the_last_step_has_a_line_wherever_it_falls(tmp_path: Path) -> None:
    train(StepLog(str(tmp_path / "log")), first=0, last=13, of=13)
    assert read_last_step(tmp_path / "log") == TrainingState(step=13, of=13, loss=12.0)


def test_accumulated_batches_of_one_step_give_one_line(tmp_path: Path) -> None:
    log, path = StepLog(str(tmp_path / "log"), every_n_steps=1), tmp_path / "log"
    trainer: Any = SimpleNamespace(global_step=0, max_steps=9, is_global_zero=True)
    model: Any = None
    log.on_fit_start(trainer, model)
    for step in (0, 1, 1, 2):
        trainer.global_step = step
        log.on_train_batch_end(trainer, model, {"loss": torch.tensor(1.0)}, None, 0)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ['{"step": 1', '{"step": 2']


def test_a_half_written_line_is_not_read(tmp_path: Path) -> None:
    assert read_last_step(tmp_path / "none") is None
    (tmp_path / "log").write_text('{"step": 10, "of": 20, "loss": 1.5}\n{"step": 20, "o')
    assert read_last_step(tmp_path / "log") == TrainingState(step=10, of=20, loss=1.5)


def test_no_steps_between_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every_n_steps=0"):
        StepLog(str(tmp_path / "log"), every_n_steps=0)
