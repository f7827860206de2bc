# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers of a training that follow from (seed, epoch, batch), so that a resumed run draws the same ones."""

import os
import random
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer

from nemo.utils import logging

__all__ = ["Moment", "RandomNumbers"]

_GIVEN = "PL_GLOBAL_SEED"  # where Lightning's seed_everything leaves the seed
_LARGEST = 2**63 - 1


class Moment(Enum):
    """What draws next; each has random numbers of its own."""

    EPOCH = 0  # the iterators of the loaders: shuffling, seeds of the workers
    BATCH = 1  # dither, SpecAugment, dropout, masks
    LOADING = 2  # the next batch, where no worker loads it
    VALIDATION = 3


class RandomNumbers:
    """Seeds the global generators of Python, NumPy, torch and the device, and those that NeMo's modules own.

    No generator is saved: each is seeded anew at every batch. The seed of a run is the one that torch has when the run
    begins (``seed_everything``, ``torch.manual_seed``, or drawn by torch itself), on each rank its own. Checkpoints
    hold it, so that a run without a given seed resumes exactly, too.
    """

    def __init__(self) -> None:
        self._seeds: list[int] = []  # of the ranks
        self._given: str | None = None
        self._own: list[random.Random] = []
        self._device = torch.device("cpu")

    def begin(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the seeds of all ranks, unless a checkpoint gave them, and finds the generators of the modules."""
        owned = (getattr(module, "_rng", None) for module in pl_module.modules())  # NeMo's SpecAugment and others
        self._own = [generator for generator in owned if isinstance(generator, random.Random)]
        self._device = pl_module.device
        if not self._seeds:
            self._given = os.environ.get(_GIVEN)
            seed = torch.tensor(_seed_of_torch(self._given), device=pl_module.device)
            self._seeds = trainer.strategy.all_gather(seed).flatten().tolist()

    def resume(self, saved: Mapping[str, Any]) -> None:
        """Takes the seeds of a checkpoint; another seed that was given since then wins, with a warning."""
        given = os.environ.get(_GIVEN)
        seeds: Sequence[int] = saved.get("seeds", [])
        if seeds and given is not None and given != saved.get("given"):
            logging.warning(
                f"seed: is {given}, but the checkpoint is of a run with seed {saved.get('given') or 'not given'}. The "
                "resumed run draws other numbers than the whole one; leave the seed as it was to repeat it."
            )
        elif seeds:
            self._seeds, self._given = list(seeds), saved.get("given")

    def saved(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"seeds": list(self._seeds), "given": self._given}

    def set(self, trainer: Trainer, *, epoch: int, batch: int, moment: Moment) -> None:
        """Seeds all generators of this process for what draws next; epoch and batch count from 0."""
        if not self._seeds:
            return
        more_ranks, rank = divmod(trainer.global_rank, len(self._seeds))
        words = np.random.SeedSequence([self._seeds[rank], more_ranks, epoch, batch, moment.value]).generate_state(8)
        number = int(words[0]) << 32 | int(words[1])
        random.seed(number)
        np.random.seed(words[2:6])  # noqa: NPY002  others draw from the global generator
        torch.default_generator.manual_seed(number)
        if self._device.type != "cpu":  # not torch.manual_seed: it takes a millisecond for devices that are not there
            devices = torch.get_device_module(self._device)
            getattr(devices, "manual_seed_all", devices.manual_seed)(number)
        for place, generator in enumerate(self._own):
            generator.seed(number + place + 1)


def _seed_of_torch(given: str | None) -> int:
    """The seed that torch has, mixed with the given one if that is another: NeMo's Lhotse loader seeds torch, too."""
    present = torch.initial_seed()
    if given is not None and int(given) != present:
        present = int(np.random.SeedSequence([present, int(given)]).generate_state(1, np.uint64)[0])
    return present & _LARGEST
