# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Runs scripts of examples/asr in forks of one process, which kill themselves at given steps; a program.

    python killed_trainings.py plan.json

`plan.json` is a list of {script, arguments, record, kills}. A run is started once for each step in `kills`, and once
more. Every step appends [step, epoch, loss, hash of the first input] to `record`.
"""

import hashlib
import json
import os
import runpy
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

import nemo.collections.asr  # noqa: F401  once for all forks

import nemo_noise  # noqa: F401


class Recorder(pl.Callback):
    """Writes down every step, and dies in one."""

    def __init__(self, record: str, kill_at: int | None) -> None:
        self.record, self.kill_at = record, kill_at

    def on_train_batch_end(self, trainer: pl.Trainer, model: Any, outputs: Any, batch: Any, index: int) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        audio = batch[0] if isinstance(batch, (tuple, list)) else batch["audio"]
        digest = hashlib.blake2b(audio.detach().cpu().numpy().tobytes(), digest_size=8).hexdigest()
        with Path(self.record).open("a") as file:
            file.write(json.dumps([trainer.global_step, trainer.current_epoch, float(loss).hex(), digest]) + "\n")
        if trainer.global_step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def train(script: str, arguments: list[str], record: str, kill_at: int | None) -> None:
    plain = pl.Trainer.__init__

    def recorded(self: pl.Trainer, *args: Any, **options: Any) -> None:
        options["callbacks"] = [*(options.get("callbacks") or []), Recorder(record, kill_at)]
        plain(self, *args, **options)

    pl.Trainer.__init__ = recorded
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


def run(script: str, arguments: list[str], record: str, kill_at: int | None) -> int:
    """In a fork; returns its exit code, negative for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    log = os.open(record + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        train(script, arguments, record, kill_at)
    except BaseException:  # a fork must not go on as its parent would
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    codes = []
    for one in json.loads(Path(sys.argv[1]).read_text()):
        for step in [*one["kills"], None]:
            codes.append(run(one["script"], one["arguments"], one["record"], step))
    print(json.dumps(codes))
