# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the checkpoints that later code must restore: ``python -m tests.golden.make_checkpoints [family ...]``.

They stand for those on users' disks, with the class paths of the code that wrote them: make one for a family that is
not there yet, never a second time.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import nemo_noise  # noqa: F401  registers with NeMo
from tests.golden.families import FAMILIES, build
from tests.golden.outputs import outputs

FOLDER = Path(__file__).parent / "checkpoints"


def main(*names: str) -> None:
    """Writes the `.nemo` and the `.json` of its outputs for each family that has none."""
    for name in names or FAMILIES:
        checkpoint = FOLDER.resolve() / f"{name}.nemo"
        if checkpoint.exists():
            print(f"{checkpoint.name} is there: kept")
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)  # so that the configuration names no folder of this machine
            model = build(name, Path())
            model.save_to(str(checkpoint))
            os.chdir(FOLDER)
        text = json.dumps(outputs(name, model), indent=None, ensure_ascii=False)
        checkpoint.with_suffix(".json").write_text(text.replace('}, "', '},\n "') + "\n", encoding="utf-8")
        print(f"{checkpoint.name}: {checkpoint.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
