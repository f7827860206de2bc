# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which trials share a batch: of like length for speed, of unlike noise for shuffled contexts, of one stream."""

from collections.abc import Collection, Hashable, Iterator, Sequence

import numpy as np

from nemo.utils import logging

from nemo_noise.data.manifest import field_values
from nemo_noise.evaluation.mixtures.plan import MixturePlan, Trial

SHUFFLE_WINDOW_BATCHES = 16


def sorted_batches(trials: Sequence[Trial], batch_size: int) -> list[list[Trial]]:
    """Compose batches of similar duration, the longest first so that too little memory shows at once.

    Args:
        trials: what to run.
        batch_size: trials per batch.

    Returns:
        The batches.
    """
    ordered = sorted(trials, key=lambda trial: -trial.claimed_duration_s)
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]


def mixed_batches(trials: Sequence[Trial], plan: MixturePlan, batch_size: int) -> list[list[Trial]]:
    """Compose batches in which neighbours differ in noise and SNR, so that a neighbour's context is a wrong one.

    Trials are shuffled, then picked within windows of many batches by duration.

    Args:
        trials: what to run.
        plan: knows the noise labels and the seed.
        batch_size: trials per batch, 2 or more; the last two batches are joined when the last holds one trial.

    Returns:
        The batches.
    """
    if batch_size < 2:
        raise ValueError(f"batch_size is {batch_size}, a control swaps contexts within a batch: give 2 or more")
    order = np.random.default_rng(plan.seed).permutation(len(trials))
    shuffled = [trials[index] for index in order]
    window_size = SHUFFLE_WINDOW_BATCHES * batch_size
    batches: list[list[Trial]] = []
    for start in range(0, len(shuffled), window_size):
        pool = sorted(shuffled[start : start + window_size], key=lambda trial: trial.claimed_duration_s)
        while pool:
            batches.append(_pick_batch(pool, plan, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        alone = batches.pop()
        batches[-1] += alone
    alike = sum(_likeness(a, b, plan) > 0 for batch in batches for a, b in _neighbours(batch))
    if alike:
        logging.warning(f"{alike} of {len(trials)} trials have a batch neighbour of the same noise label or SNR")
    return batches


def stream_batches(trials: Sequence[Trial], wanted: Collection[str], fields: Sequence[str]) -> list[list[Trial]]:
    """Put trials that are one stream into one batch: alike in fields of their manifest, noise list, SNR and place.

    Args:
        trials: of a plan; those of a stream stay in this order. Where nobody speaks, each is a stream of its own.
        wanted: ids of the trials to run; a stream with one of them is run whole.
        fields: of the manifest, as in `["speaker"]`.

    Returns:
        The batches, each a whole stream.

    Raises:
        ManifestError: a line of the manifest lacks a field.
    """
    streams: dict[Hashable, list[Trial]] = {}
    for trial in trials:
        streams.setdefault(_stream_of(trial, fields), []).append(trial)
    return [stream for stream in streams.values() if any(trial.trial_id in wanted for trial in stream)]


def check_stream_fields(trials: Sequence[Trial], fields: Sequence[str]) -> None:
    """Refuse fields that a line of the manifest lacks, before any time is spent.

    Raises:
        ManifestError: a value is neither a text nor a number; names the line.
    """
    entries = list({id(trial.entry): trial.entry for trial in trials if trial.entry is not None}.values())
    for field in fields:
        field_values(entries, field)


def _stream_of(trial: Trial, fields: Sequence[str]) -> Hashable:
    """Name the stream of a trial."""
    if trial.entry is None:
        return trial.trial_id
    values = tuple(field_values([trial.entry], field)[0] for field in fields)
    return values, trial.noise_list, trial.snr_db, trial.place


def _pick_batch(pool: list[Trial], plan: MixturePlan, batch_size: int) -> list[Trial]:
    """Take a batch out of the pool, the first of the least alike each time; the batch closes to a ring."""
    batch = [pool.pop(0)]
    while pool and len(batch) < batch_size:
        is_last = len(batch) == batch_size - 1 or len(pool) == 1
        ring = [batch[-1], batch[0]] if is_last else [batch[-1]]
        alike = [sum(_likeness(candidate, other, plan) for other in ring) for candidate in pool]
        batch.append(pool.pop(int(np.argmin(alike))))
    return batch


def _likeness(a: Trial, b: Trial, plan: MixturePlan) -> int:
    """Count what two trials share: noise label, SNR, utterance."""
    same_noise = plan.noise_label(a) == plan.noise_label(b)
    return int(same_noise) + int(a.snr_db == b.snr_db) + int(a.utterance_id == b.utterance_id)


def _neighbours(batch: Sequence[Trial]) -> Iterator[tuple[Trial, Trial]]:
    """Pair every trial of a batch with the next, the last with the first."""
    return zip(batch, [*batch[1:], batch[0]], strict=True)
