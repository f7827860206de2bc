# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers as the report writes them: per cent, points, decibels, with a true minus sign."""

from collections.abc import Mapping
from typing import Any

from nemo_noise.evaluation.estimate import Estimate

HEAD = "95 % interval"


def percent(fraction: float | None, digits: int = 1) -> str:
    """Write a fraction in per cent, with a true minus sign; a dash where there is none."""
    if fraction is None:
        return "–"
    return with_minus(f"{100 * fraction:.{digits}f}\N{NO-BREAK SPACE}%")


def interval_text(low: float | None, high: float | None, digits: int = 1) -> str:
    """Write an interval of fractions in per cent; one without width holds nothing of other draws."""
    if low is None or high is None:
        return "no interval"
    return "all draws equal" if low == high else f"{percent(low, digits)} to {percent(high, digits)}"


def interval_of(record: Mapping[str, Any], name: str) -> str:
    """Write the interval of an estimate of a record."""
    _, low, high = Estimate.read(record, name)
    return interval_text(low, high)


def interval_head(record: Mapping[str, Any]) -> str:
    """The head of a column of intervals, from a summary or comparison: what they do not speak for is said there."""
    speakers = record.get("speakers")
    if record["resampling_unit"] != "utterance":
        return HEAD
    whose = "these speakers" if speakers is None else "this speaker" if speakers == 1 else f"these {speakers} speakers"
    return f"{HEAD}, {whose} only"


def percent_number(fraction: float | None) -> str:
    """Write a fraction in per cent without the sign, for columns that say it above."""
    return percent(fraction).removesuffix("\N{NO-BREAK SPACE}%")


def snr_text(snr_db: float | str) -> str:
    """Write an SNR, or its key, with a true minus sign and its unit."""
    return with_minus(f"{float(snr_db):g}\N{NO-BREAK SPACE}dB")


def decibels(value: float | None) -> str:
    """Write decibels with their sign."""
    return "–" if value is None else with_minus(f"{value:+.1f}\N{NO-BREAK SPACE}dB")


def points(difference: float | None) -> str:
    """Write a difference of two rates in points of per cent, with its sign."""
    return "–" if difference is None else with_minus(f"{100 * difference:+.1f}")


def with_minus(number: str) -> str:
    """Write a number with a true minus sign."""
    return number.replace("-", "\N{MINUS SIGN}")
