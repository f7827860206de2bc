# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Groups of test utterances that an experiment tabulates by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemo_noise.evaluation.hypothesis import Hypothesis

__all__ = ["Group"]


@dataclass(frozen=True)
class Group:
    """Some of the test utterances.

    Attributes:
        title: above its table.
        where: fields of a row and the values that they must have; empty for all rows.
    """

    title: str
    where: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, row: Hypothesis) -> bool:
        """Whether a row is one of them."""
        return all(row.fields.get(name) == value for name, value in self.where.items())
