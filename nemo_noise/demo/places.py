# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where the demo keeps what: the result of a task is the file whose presence says that it is done."""

from pathlib import Path

from nemo_noise.demo.sizes import RECORDINGS

__all__ = ["Places"]


class Places:
    """The files of one demo.

    Args:
        folder: the output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.logs = self.folder / "logs"
        self.card = self.folder / "card"
        self.control = self.folder / "control"

    def result(self, task: str) -> Path:
        """The last file that a task writes: the manifest of unseen noises, or the recogniser of an arm."""
        return self.data / "unseen.json" if task == RECORDINGS else self.folder / f"{task}.nemo"

    def step_log(self, arm: str) -> Path:
        """How far a training is."""
        return self.logs / f"{arm}.steps.jsonl"

    def checkpoints(self, arm: str) -> Path:
        """Where a training that is stopped goes on from."""
        return self.folder / "training" / arm
