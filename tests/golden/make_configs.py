# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden configs anew: ``python -m tests.golden.make_configs``; the diff is what a reviewer reads."""

import shutil
from pathlib import Path

import yaml

import nemo_noise  # noqa: F401  registers with NeMo
from tests.golden.configs import composed, content, parts, recipes

FOLDER = Path(__file__).parent / "configs"
PARTS = FOLDER / "parts.yaml"


def main() -> None:
    """Writes one file for each recipe, and one with all parts."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in recipes():
        path = FOLDER / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(composed(name), encoding="utf-8")
    PARTS.write_text(yaml.safe_dump({name: content(name) for name in parts()}, width=110), encoding="utf-8")


if __name__ == "__main__":
    main()
