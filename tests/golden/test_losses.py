# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Twenty steps of training give the losses that they gave: digit for digit where the sums are added in one order."""

import json
from pathlib import Path

import pytest

from tests.golden.losses import FAMILIES, fingerprint, train
from tests.golden.make_losses import FILE

# Another processor adds in another order: without vector instructions the losses differ by up to 2e-6. A wrong term,
# weight or draw moves them by far more than the tolerance.
TOLERANCE = 1e-4
EXPECTED = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FAMILIES)
def test_training_gives_the_losses_that_it_gave(name: str, tmp_path: Path) -> None:
    losses = train(name, tmp_path)
    expected = [float.fromhex(digits) for digits in EXPECTED[name]]
    assert losses == pytest.approx(expected, rel=TOLERANCE)
    if fingerprint() == EXPECTED["fingerprint"]:
        assert [loss.hex() for loss in losses] == EXPECTED[name]


def test_every_family_learns_in_the_golden_losses() -> None:
    for name in FAMILIES:
        losses = [float.fromhex(digits) for digits in EXPECTED[name]]
        assert len(losses) == 20 and losses[-1] < 0.98 * losses[0], name
