# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a mistake of the tables is."""

from dataclasses import dataclass

from tests.first_hour.doors import Door


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        id: what is wrong.
        door: where it is typed.
        words: all that is typed; later words replace earlier ones of the same option.
        names: what the answer must name, the remedy last.
        note: whether it is no error, and an answer on the way is enough.
        known_bad: why the answer is not ours to mend.
    """

    id: str
    door: Door
    words: str
    names: tuple[str, ...]
    note: bool = False
    known_bad: str = ""
