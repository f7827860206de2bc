# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One broken input: the door it goes to, and what the error must name, repeat and advise."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

CONFIG_ERRORS = (OmegaConfBaseException, HydraException)
CLEAR_ERRORS = (ValueError, TypeError, FileNotFoundError, *CONFIG_ERRORS)
UNCLEAR_ERRORS = (KeyError, IndexError, AssertionError, AttributeError)


@dataclass(frozen=True)
class Case:
    """A broken input.

    Attributes:
        id: how it is broken, in words joined by hyphens.
        door: what it is given to.
        given: its arguments; files of `files` in them are written first.
        name: the argument, key or file that the message must name.
        value: what is wrong with it, as the message must repeat it; where nothing is there to repeat, how it says so.
        hint: what would be right.
        place: `file:line`, where the input has lines.
    """

    id: str
    door: Callable[..., Any]
    given: Mapping[str, Any]
    name: str
    value: str
    hint: str
    place: str = ""

    @property
    def input(self) -> tuple[str, str, str]:
        """What tells this input from others: where it goes and what it is."""
        return self.door.__module__, self.door.__qualname__, repr(self.given)


def complaints(error: BaseException, case: Case, folder: str = "") -> list[str]:
    """What is unclear about an error; empty for a clear one. The path of the test's folder does not count."""
    found = []
    is_unclear = isinstance(error, UNCLEAR_ERRORS) and not isinstance(error, CONFIG_ERRORS)
    if is_unclear or not isinstance(error, CLEAR_ERRORS):
        found.append(f"it is a {type(error).__name__}")
    message = str(error).replace(f"{folder}/", "")
    for what, part in (("name", case.name), ("hint", case.hint), ("place", case.place)):
        if part not in message:
            found.append(f"it does not say the {what} {part!r}")
    said = message.replace(case.place or case.hint, "").replace(case.hint, "")  # their numbers are not the value's
    before = r"(?<![\w.])" if case.value[:1].isdigit() else r"(?<!\w)"  # 0 is not in 1.0, a class is in its module
    if not re.search(rf"{before}{re.escape(case.value)}(?![\w])", said):
        found.append(f"it does not say the value {case.value!r}")
    return found and [*found, f"it says {type(error).__name__}: {message}"]
