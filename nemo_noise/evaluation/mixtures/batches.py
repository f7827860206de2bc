# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which trials share a batch: of like length for speed, a ring of unlike noise for shuffled contexts, one stream."""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from enum import Enum
from functools import partial

import numpy as np

from nemo.utils import logging

from nemo_noise.data.manifests.manifest import field_values
from nemo_noise.evaluation.mixtures.plan import MixturePlan, Trial

SHUFFLE_WINDOW = 256  # trials


class Kept(str, Enum):
    """What a trial has in common with the trial that gives it its context; all else differs."""

    NOTHING = "nothing"
    TALKER = "talker"
    NOISE = "noise"


def sorted_batches(trials: Sequence[Trial], batch_size: int) -> list[list[Trial]]:
    """Compose batches of similar duration, the longest first so that too little memory shows at once."""
    ordered = sorted(trials, key=lambda trial: -trial.claimed_duration_s)
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]


def rings_of(
    trials: Sequence[Trial], plan: MixturePlan, kept: Kept, talker_field: str = "speaker"
) -> list[list[Trial]]:
    """Orders trials in rings in which each gets the context of the one before; those without a partner are left out.

    Args:
        trials: with speech, all of the control.
        plan: has the noise labels and the seed.
        kept: what the trials of a ring share: nothing, which is one ring; the talker; or noise class, SNR and place.
        talker_field: of the manifest, names the talker.

    Returns:
        The rings, of two trials or more; an empty list where a talker is to be kept or swapped and a line names none.
    """
    if kept is Kept.NOTHING:
        return [ring_of_unlike(trials, plan)]
    talkers = {trial.trial_id: trial.entry and trial.entry.fields.get(talker_field) for trial in trials}
    if None in talkers.values():
        logging.warning(f"a control that keeps the {kept.value} is left out: a line has no {talker_field!r}")
        return []
    noises = {trial.trial_id: (plan.noise_label(trial), trial.snr_db) for trial in trials}
    groups: dict[Hashable, list[Trial]] = {}
    for trial in trials:
        of_noise = (trial.noise_list, *noises[trial.trial_id], trial.place)
        groups.setdefault(talkers[trial.trial_id] if kept is Kept.TALKER else of_noise, []).append(trial)

    def same_talker(a: Trial, b: Trial) -> int:
        return int(talkers[a.trial_id] == talkers[b.trial_id])

    def same_noise(a: Trial, b: Trial) -> int:
        return sum(one == other for one, other in zip(noises[a.trial_id], noises[b.trial_id], strict=True))

    likeness, unlike = (same_noise, noises) if kept is Kept.TALKER else (same_talker, talkers)
    several = [group for group in groups.values() if len({unlike[trial.trial_id] for trial in group}) > 1]
    lost = len(trials) - sum(map(len, several))
    if lost:
        logging.warning(f"a control that keeps the {kept.value}: {lost} of {len(trials)} trials have no partner")
    shared = "noise label or SNR" if kept is Kept.TALKER else "talker"
    return [ring_of_unlike(group, plan, likeness=likeness, shared=shared) for group in several]


def ring_of_unlike(
    trials: Sequence[Trial],
    plan: MixturePlan,
    *,
    likeness: Callable[[Trial, Trial], int] | None = None,
    shared: str = "noise label or SNR",
) -> list[Trial]:
    """Orders trials so that each differs in noise and SNR from the one before, whose context is then a wrong one.

    Trials are shuffled, then picked within windows by duration. The first follows the last. The order depends on the
    trials and the seed of the plan alone, so that a control has one value: not on the size of batches, not on what is
    left to do after a kill.

    Args:
        trials: all trials of the control.
        plan: has the noise labels and the seed.
        likeness: how much two trials share that neighbours should not; None for noise label, SNR and utterance.
        shared: what that is, for the warning.

    Returns:
        The trials in the order of the ring.
    """
    alike_in = likeness or partial(_likeness, plan=plan)
    order = np.random.default_rng(plan.seed).permutation(len(trials))
    shuffled = [trials[index] for index in order]
    ring: list[Trial] = []
    for start in range(0, len(shuffled), SHUFFLE_WINDOW):
        pool = sorted(shuffled[start : start + SHUFFLE_WINDOW], key=lambda trial: trial.claimed_duration_s)
        while pool:
            is_last = len(ring) == len(trials) - 1
            beside = [*ring[-1:], *(ring[:1] if is_last else [])]
            alike = [sum(alike_in(candidate, other) for other in beside) for candidate in pool]
            ring.append(pool.pop(int(np.argmin(alike))))
    alike_pairs = sum(alike_in(a, b) > 0 for a, b in _neighbours(ring))
    if alike_pairs:
        logging.warning(f"{alike_pairs} of {len(trials)} trials get the context of the same {shared}")
    return ring


def ring_batches(ring: Sequence[Trial], wanted: Collection[str], batch_size: int) -> list[list[Trial]]:
    """Cuts a ring into batches that each begin with the trial before: it is there to give its context, and no more.

    Args:
        ring: see `ring_of_unlike`.
        wanted: ids of the trials to run.
        batch_size: trials per batch with the giver, 2 or more.

    Returns:
        The batches, each a stretch of the ring; all but its first trial are to run.
    """
    if batch_size < 2:
        raise ValueError(f"batch_size is {batch_size}, a control swaps contexts within a batch: give 2 or more")
    batches: list[list[Trial]] = []
    goes_on = False
    for place, trial in enumerate(ring):
        is_wanted = trial.trial_id in wanted
        if is_wanted and goes_on and len(batches[-1]) < batch_size:
            batches[-1].append(trial)
        elif is_wanted:
            batches.append([ring[place - 1], trial])
        goes_on = is_wanted
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


def _likeness(a: Trial, b: Trial, plan: MixturePlan) -> int:
    """Count what two trials share: noise label, SNR, utterance."""
    same_noise = plan.noise_label(a) == plan.noise_label(b)
    return int(same_noise) + int(a.snr_db == b.snr_db) + int(a.utterance_id == b.utterance_id)


def _neighbours(ring: Sequence[Trial]) -> Iterator[tuple[Trial, Trial]]:
    """Pair every trial of a ring with the next, the last with the first."""
    return zip(ring, [*ring[1:], *ring[:1]], strict=True)
