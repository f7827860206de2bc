# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How often each SNR band is drawn at present: weights that a training measures, in memory that workers share."""

from collections.abc import Sequence
from typing import Any

import torch

from nemo_noise.data.draw.clock import shared

__all__ = ["BAND_WEIGHTS", "BandWeights"]

MAX_BANDS = 64


class BandWeights:
    """Holds the edges of SNR bands and a weight for each where worker processes can read them.

    As with the epoch's clock, a reader in a worker keeps a reference. They change between epochs only.
    """

    def __init__(self) -> None:
        self._state = shared(torch.zeros(2, MAX_BANDS + 1, dtype=torch.float64))  # edges; number, weights

    def set(self, edges_db: Sequence[float], weights: Sequence[float]) -> None:
        """Publishes bands.

        Args:
            edges_db: rising, in dB, one more than bands.
            weights: of the bands, 0 or more, not all 0.

        Raises:
            ValueError: if they do not fit together.
        """
        if not 1 <= len(weights) <= MAX_BANDS or len(edges_db) != len(weights) + 1:
            raise ValueError(
                f"weights: are {len(weights)} beside {len(edges_db)} edges, "
                f"expected one fewer than edges and at most {MAX_BANDS}"
            )
        if min(weights) < 0 or sum(weights) <= 0:
            raise ValueError(f"weights: are {list(weights)}, expected 0 or more and not all 0")
        self._state[0, : len(edges_db)] = torch.tensor(edges_db, dtype=torch.float64)
        self._state[1, 1 : len(edges_db)] = torch.tensor(weights, dtype=torch.float64)
        self._state[1, 0] = len(weights)

    def clear(self) -> None:
        """Forgets what was published."""
        self._state[1, 0] = 0

    def of(self, edges_db: Sequence[float]) -> tuple[float, ...]:
        """The weights of bands with these edges in dB; all alike before a measurement.

        Raises:
            ValueError: if other bands were measured.
        """
        count = int(self._state[1, 0])
        if count == 0:
            return (1.0,) * (len(edges_db) - 1)
        measured = self._state[0, : count + 1].tolist()
        if measured != list(edges_db):
            raise ValueError(f"bands_db: are {list(edges_db)}, but {measured} were measured; expected the same")
        return tuple(self._state[1, 1 : count + 1].tolist())

    def __deepcopy__(self, memo: dict[int, Any]) -> "BandWeights":
        """A copy reads the same weights: data sets get copied, what was measured does not."""
        return self


BAND_WEIGHTS = BandWeights()
