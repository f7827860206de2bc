# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Over which SNRs a mean was taken, in words: those that were run, not those that could have been."""

from collections.abc import Iterable

from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.evaluation.scoring.tally import MEAN_OVER_SNR_DB

__all__ = ["mean_over"]


def mean_over(summaries: Iterable[Summary]) -> str:
    """Name the SNRs that the means of noise lists are taken over.

    "20..0 dB" where all five of Aurora-2 were run, else all that were, as in "10, 0 dB"; "no SNR" without noise.
    """
    blocks = [block for summary in summaries for block in summary["lists"].values()]
    snrs = sorted({snr for block in blocks for snr in block["mean_over_snr_db"]}, reverse=True)
    if not snrs:
        return "no SNR"
    if tuple(snrs) == MEAN_OVER_SNR_DB:
        return f"{MEAN_OVER_SNR_DB[0]:g}..{MEAN_OVER_SNR_DB[-1]:g} dB"
    return ", ".join(f"{snr:g}" for snr in snrs).replace("-", "\N{MINUS SIGN}") + " dB"
