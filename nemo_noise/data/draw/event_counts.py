# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what was worked around (looped, resampled, left untouched), and logs it once per power of ten."""

from collections import Counter

from nemo.utils import logging

from nemo_noise.foreign_text import printable


class EventCounts(Counter[str]):
    """A counter whose `note` also logs the 1st, 10th, 100th ... time; one per process, so each worker has its own."""

    def note(self, event: str, message: str) -> None:
        """Counts one event and logs the message where the count is a power of ten.

        Args:
            event: short name, the key of the count.
            message: what happened and to what, for the log.
        """
        self[event] += 1
        if str(self[event]).strip("0") == "1":
            logging.warning(f"{printable(message)} ({event}: {self[event]} so far in this process)")
