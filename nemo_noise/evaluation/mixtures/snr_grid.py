# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The SNRs of an evaluation as a config lists them."""

from collections import Counter
from collections.abc import Sequence

from nemo_noise.checks import is_number

CLEAN = "clean"
MOST_DB = 120.0  # beyond, one of the two is below the rounding of the other


def parse_snr_db(values: Sequence[float | str]) -> list[float | None]:
    """Check SNRs in dB and "clean", which becomes None.

    Raises:
        ValueError: the list is empty, or a value is no number or comes twice.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        what = "empty" if isinstance(values, Sequence) and not values else repr(values)
        raise ValueError(f"snr_db is {what}, should list numbers of dB and 'clean', as in [clean, 20, 10, 0]")
    parsed: list[float | None] = []
    for value in values:
        if value != CLEAN and not is_number(value, -MOST_DB, MOST_DB):
            raise ValueError(
                f"snr_db holds {value!r}, should hold numbers of dB and 'clean', from {-MOST_DB:g} to {MOST_DB:g}"
            )
        parsed.append(None if value == CLEAN else float(value))
    repeated = [value for value, times in Counter(parsed).items() if times > 1]
    if repeated:
        raise ValueError(f"snr_db holds {repeated[0] if repeated[0] is not None else CLEAN!r} more than once")
    return parsed
