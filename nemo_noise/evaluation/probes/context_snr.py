# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The SNR that a context knows: a linear probe, tested on utterances that it has not learned from."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped]

from nemo_noise.evaluation.probes.heard_contexts import HeardContexts
from nemo_noise.evaluation.probes.probe import explained_share, linear_probe
from nemo_noise.evaluation.scoring.tally import MIN_SPEAKERS, ScoringOptions

FloatArray = npt.NDArray[np.floating]

FOLDS = 5
BAND = (10.0, 90.0)  # percentiles


class SnrErrors(TypedDict):
    """How near estimates are: explained share of the variance, mean absolute error in dB, correlation."""

    r2: float
    mean_absolute_error_db: float
    pearson_r: float | None
    mixtures: int


class SnrBand(TypedDict):
    """Estimates at one SNR: median, 10th and 90th percentile in dB."""

    median_db: float
    low_db: float
    high_db: float
    mixtures: int


class ContextSnr(TypedDict):
    """The estimates of one model; `reason` says why there is none, then all else is empty or null.

    `blocks` are what is kept together in the cross-validation: values of the speaker field, or utterances.
    """

    reason: str | None
    all: SnrErrors | None
    lists: dict[str, SnrErrors]
    by_snr: dict[str, SnrBand]
    block: str | None
    blocks: int
    folds: int


def no_context_snr(reason: str) -> ContextSnr:
    """Say why a model has no estimates."""
    return ContextSnr(reason=reason, all=None, lists={}, by_snr={}, block=None, blocks=0, folds=0)


def summarize_context_snr(heard: HeardContexts, options: ScoringOptions | None = None) -> ContextSnr:
    """Estimate the SNR of every mixture from its context, by a probe that has not heard its block.

    Args:
        heard: contexts and truth.
        options: `block_field` keeps speakers together where 8 or more differ, as in the bootstrap; else utterances
            are kept together, so that no utterance is learned from and asked about.

    Returns:
        The errors of the estimates, ready for JSON.
    """
    block, names = _blocks(heard, options or ScoringOptions())
    count = len(set(names))
    if count < 2:
        return no_context_snr(f"cross-validation needs 2 {block}s or more, there is {count}")
    if len(set(heard.snr_db.tolist())) < 2:
        return no_context_snr(f"estimating needs 2 SNRs or more, there is only {heard.snr_db[0]:g} dB")
    folds = min(FOLDS, count)
    estimates = np.empty(len(heard.snr_db))
    for train, test in GroupKFold(n_splits=folds).split(heard.contexts, groups=names):
        probe = linear_probe().fit(heard.contexts[train], heard.snr_db[train])
        estimates[test] = probe.predict(heard.contexts[test])
    of_list = np.array(heard.noise_lists)
    lists = {
        name: _errors(heard.snr_db[of_list == name], estimates[of_list == name])
        for name in dict.fromkeys(heard.noise_lists)
    }
    return ContextSnr(
        reason=None,
        all=_errors(heard.snr_db, estimates),
        lists=lists,
        by_snr={f"{snr:g}": _band(estimates[heard.snr_db == snr]) for snr in sorted(set(heard.snr_db.tolist()))},
        block=block,
        blocks=count,
        folds=folds,
    )


def _blocks(heard: HeardContexts, options: ScoringOptions) -> tuple[str, list[str]]:
    """What is kept together: the name of its kind, and of each mixture's own."""
    values = [fields.get(options.block_field) for fields in heard.fields]
    known = {str(value) for value in values if value is not None}
    if all(value is not None for value in values) and len(known) >= MIN_SPEAKERS:
        return options.block_field, [str(value) for value in values]
    return "utterance", heard.utterances


def _errors(truth: FloatArray, estimates: FloatArray) -> SnrErrors:
    varies = np.ptp(truth) > 0 and np.ptp(estimates) > 0
    return SnrErrors(
        r2=explained_share(truth, estimates),
        mean_absolute_error_db=float(np.abs(truth - estimates).mean()),
        pearson_r=float(np.corrcoef(truth, estimates)[0, 1]) if varies else None,
        mixtures=len(truth),
    )


def _band(estimates: FloatArray | Sequence[float]) -> SnrBand:
    low, high = np.percentile(estimates, BAND)
    return SnrBand(
        median_db=float(np.median(estimates)), low_db=float(low), high_db=float(high), mixtures=len(estimates)
    )
