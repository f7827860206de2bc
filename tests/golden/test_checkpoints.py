# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of earlier code restore with plain NeMo and give the outputs that they gave."""

import json
from pathlib import Path

import pytest

from nemo.collections.asr.models import ASRModel
from nemo.core.classes.modelPT import ModelPT

import nemo_noise  # noqa: F401  registers with NeMo
from tests.golden.families import FAMILIES
from tests.golden.outputs import differences, outputs

FOLDER = Path(__file__).parent / "checkpoints"
TOLERANCE = 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_a_checkpoint_restores_with_its_outputs(name: str) -> None:
    kind = ModelPT if name.endswith("pretraining") or name.startswith("pretraining") else ASRModel
    model = kind.restore_from(str(FOLDER / f"{name}.nemo"), map_location="cpu")
    expected = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert differences(expected, outputs(name, model), TOLERANCE) == []


def test_every_family_has_a_checkpoint() -> None:
    assert {path.stem for path in FOLDER.glob("*.nemo")} == set(FAMILIES)
    assert {path.stem for path in FOLDER.glob("*.json")} == set(FAMILIES)
