# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What is changed in NeMo stands in one table, is installed once, and costs an import little."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nemo.collections.asr.data.audio_to_text import _AudioTextDataset
from nemo.core.classes import ModelPT

from nemo_noise.nemo_patches.table import TABLE, install, shown
from nemo_noise.nemo_patches.wrapping import exists, is_wrapped, replace_on, replaced_on, wrap

OWN_SHARE_S = 1.0
LATE = {"nemo_noise.training", "nemo_noise.modules", "nemo_noise.models", "nemo_noise.data.mixing.noise_mix"}
IMPORT = (
    "import nemo_noise, nemo.collections.asr.models, sys\n"
    "print(*[name for name in sys.modules if name.startswith('nemo_noise')])"
)


@pytest.mark.parametrize("change", TABLE, ids=lambda change: change.what)
def test_every_row_is_installed_and_its_page_exists(change, repository: Path) -> None:
    assert change.is_installed() and (repository / "docs" / change.page).is_file()


def test_installing_again_changes_nothing() -> None:
    before = ModelPT.__init__.__wrapped__, _AudioTextDataset.__getitem__.__wrapped__
    install()
    assert (ModelPT.__init__.__wrapped__, _AudioTextDataset.__getitem__.__wrapped__) == before
    assert not hasattr(before[0], "_self_wrapper") and not hasattr(before[1], "_self_wrapper")


def test_the_table_prints_every_row_with_its_places() -> None:
    text = shown()
    assert len(re.findall("^yes", text, flags=re.MULTILINE)) == len(TABLE)
    assert all(place in text for change in TABLE for place in change.where)


def test_a_row_that_is_not_installed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    where = f"{__name__}:Host.method"
    assert exists(where) and not exists(f"{__name__}:Host.gone")
    monkeypatch.setattr(Host, "method", Host.method)  # put back afterwards
    assert not is_wrapped(where, _twice)
    wrap(where, _twice), wrap(where, _twice)
    assert is_wrapped(where, _twice) and Host().method() == 2


def test_an_object_is_changed_only_as_the_table_says_and_put_back() -> None:
    host = SimpleNamespace(decoding=1)
    with pytest.raises(ValueError, match="name: is 'other', expected one of _one_step_forward"):
        replace_on(host, "other", 2)
    with replaced_on(host, "decoding", 2):
        assert host.decoding == 2
    assert host.decoding == 1
    of_class = Host()
    with replaced_on(of_class, "forward", lambda: 3):
        assert of_class.forward() == 3
    assert of_class.forward() == 1 and not vars(of_class)


def test_our_own_share_of_the_import_is_small_and_leaves_training_and_mixing_for_later(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-X", "importtime", "-c", IMPORT]
    finished = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert not LATE.intersection(finished.stdout.split())
    lines = re.findall(r"^import time: +(\d+) \| +(\d+) \|( +)(\S+)$", finished.stderr, flags=re.MULTILINE)
    ((_, whole, *_),) = [line for line in lines if line[3] == "nemo_noise"]
    own_us = sum(int(alone) for alone, *_, name in lines if name.startswith("nemo_noise"))
    assert "nemo_noise.nemo_patches.registration" in {name for *_, name in lines}
    assert own_us < 1e6 * OWN_SHARE_S
    assert int(whole) < 1e6 * OWN_SHARE_S  # before NeMo is asked for


class Host:
    def method(self) -> int:
        return 1

    def forward(self) -> int:
        return 1


def _twice(wrapped, instance, args, kwargs) -> int:
    return 2 * wrapped(*args, **kwargs)
