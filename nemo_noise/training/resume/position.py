# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Where in an epoch a resumed run goes on: at the batch behind the last that was trained, none twice, none too many.

Lightning 2.4 and NeMo 3.0 leave gaps, which are closed here from a callback. Lightning saves a checkpoint of
`every_n_train_steps` before it counts the batch. It begins the loader again from its first batch. It validates once
more what was validated, so that callbacks count twice, or act twice on the weights. NeMo's loop for
`exp_manager.disable_validation_on_resume` never validates then, also where a kill came first; and where an epoch is
complete but no validation is due, both train one batch more than the epoch has.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from torch.utils.data import DataLoader, IterableDataset

from nemo.utils import logging
from nemo.utils.exp_manager import SkipResumeTrainingValidationLoop

__all__ = ["begin_again", "count_trained_batch", "forget_validation", "settle_validation", "warn_of_random_order"]

_PROGRESS = "epoch_loop.batch_progress"


def count_trained_batch(checkpoint: dict[str, Any]) -> None:
    """Counts, in Lightning's checkpoint, the batch after which it was saved, if that has its optimizer step."""
    progress = checkpoint.get("loops", {}).get("fit_loop", {}).get(_PROGRESS, {})
    for part in ("total", "current"):
        counts = progress.get(part)
        if counts:
            counts["completed"] = counts["processed"]


def settle_validation(trainer: Trainer, was_validated: bool | None) -> bool:
    """Makes a resumed run validate before its first batch if, and only if, the whole run did so there.

    Call it in `on_train_epoch_start`; loops other than Lightning's and NeMo's are left alone. ``was_validated`` is
    whether the checkpoint was saved behind the validation of its last batch; None if unknown.

    Returns:
        Whether the loop must be set back by `forget_validation` when the epoch ends.
    """
    loop = trainer.fit_loop.epoch_loop
    if not loop.restarting or type(loop) not in (_TrainingEpochLoop, SkipResumeTrainingValidationLoop):
        return False
    if was_validated is not None:
        plain = partial(_TrainingEpochLoop._should_check_val_fx, loop)
        loop._should_check_val_fx = lambda fetcher: not (was_validated and loop.restarting) and plain(fetcher)
    is_settled = loop._num_ready_batches_reached() and not loop._should_check_val_fx(trainer.fit_loop._data_fetcher)
    if is_settled:
        loop.val_loop._has_run = True  # else it waits for a validation, and trains one batch too many meanwhile
    return is_settled


def forget_validation(trainer: Trainer) -> None:
    """Takes back that a validation ran here, of which callbacks would expect measurements."""
    trainer.fit_loop.epoch_loop.val_loop._has_run = False


def begin_again(trainer: Trainer, seed_epoch: Callable[[], None]) -> int:
    """Makes the loaders of a run that resumes within an epoch go on behind the last batch that was trained.

    Call it in `on_train_epoch_start`, behind `seed_epoch`, which sets the random numbers with which the epoch started.

    Returns:
        How many batches of the epoch were trained before; 0 unless the run resumes within it.
    """
    loop = trainer.fit_loop.epoch_loop
    if not loop.restarting or loop._num_ready_batches_reached():
        return 0
    trained = loop.batch_progress.current.completed
    combined = trainer.fit_loop._combined_loader
    loaders = [] if combined is None else combined.flattened
    if not trained or all(hasattr(loader, "load_state_dict") for loader in loaders):
        return trained  # a loader that saves its state resumes by itself
    if not all(isinstance(loader, DataLoader) and not _is_stream(loader) for loader in loaders):
        logging.warning(
            f"train_ds: is read as a stream (tarred, or an iterable data set), so that what follows batch {trained} "
            f"of epoch {trainer.current_epoch} cannot be found again. The resumed run goes on with the first batches "
            "and is not the run that was interrupted; to avoid it, save at the ends of epochs alone "
            "(exp_manager.checkpoint_callback_params.every_n_train_steps: null)."
        )
        return trained
    _skip(trainer, loaders, trained, seed_epoch=seed_epoch)
    logging.info(f"The training goes on behind batch {trained} of epoch {trainer.current_epoch}.")
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch ended")
    return trained


def warn_of_random_order(trainer: Trainer) -> None:
    """Warns where Lhotse shuffles by the clock: then no run has the order of another, resumed or not."""
    combined = trainer.fit_loop._combined_loader
    for loader in [] if combined is None else combined.flattened:
        samplers = getattr(loader, "sampler", None), getattr(getattr(loader, "dataset", None), "sampler", None)
        seeds = {getattr(sampler, "seed", None) for sampler in samplers if getattr(sampler, "shuffle", False)}
        if seeds & {"trng", "randomized"}:
            logging.warning(
                "train_ds.shard_seed: is trng or randomized, so that Lhotse draws another order of the data in every "
                "run. The resumed run is not the one that was interrupted; data that are not tarred repeat with "
                "shard_seed: 0."
            )


def _skip(trainer: Trainer, loaders: list[Any], trained: int, *, seed_epoch: Callable[[], None]) -> None:
    """Makes the iterators again, in the order of random numbers in which the whole run made them."""
    is_first = trainer.current_epoch == 0  # its iterators are made before the epoch starts, others behind that
    with ExitStack() as stack:
        samplers = [stack.enter_context(_starting_at(loader, trained, is_first)) for loader in loaders]
        iter(trainer.fit_loop._data_fetcher)
        if is_first:
            seed_epoch()
        for sampler in samplers:
            sampler.skip()


class _Behind:
    """The batches of a sampler behind the first ones, which are skipped once."""

    def __init__(self, sampler: Any, first: int) -> None:
        self.sampler, self.first = sampler, first
        self._rest: Iterator[Any] | None = None

    def skip(self) -> Iterator[Any]:
        if self._rest is None:
            self._rest = iter(self.sampler)
            for _ in range(self.first):
                next(self._rest, None)
        return self._rest

    def __iter__(self) -> Iterator[Any]:
        rest = self.skip()  # made late, as by a sampler
        while True:  # no `for`, which would begin a sampler of Lhotse, its own iterator, anew
            try:
                batch = next(rest)
            except StopIteration:
                return
            yield batch

    def __len__(self) -> int:
        return len(self.sampler)


def _is_stream(loader: DataLoader[Any]) -> bool:
    return isinstance(loader.dataset, IterableDataset)


@contextmanager
def _starting_at(loader: Any, first: int, is_first_epoch: bool) -> Iterator[_Behind]:
    """Lets iterators that are made in the block leave out the first batches, without loading them."""
    name = "sampler" if loader.batch_sampler is None else "batch_sampler"
    kept = loader.__dict__[name]
    behind = _Behind(kept, first)
    if is_first_epoch:
        loader._iterator = None  # workers that stay begin with the first epoch, as in the whole run
    loader.__dict__[name] = behind  # past DataLoader.__setattr__, which refuses
    if loader._iterator is not None:
        loader._iterator._index_sampler = behind
    try:
        yield behind
    finally:
        loader.__dict__[name] = kept
        if loader._iterator is not None:
            loader._iterator._index_sampler = kept
