# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden losses anew: ``python -m tests.golden.make_losses``; the diff is what a reviewer reads."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.golden.losses import FAMILIES, fingerprint, train

FILE = Path(__file__).parent / "losses.json"


def main() -> None:
    """Writes the losses of every family in hexadecimal digits, and on what they were made."""
    found: dict[str, object] = {"fingerprint": fingerprint()}
    for name in FAMILIES:
        start = perf_counter()
        with TemporaryDirectory() as folder:
            losses = train(name, Path(folder))
        found[name] = [loss.hex() for loss in losses]
        print(f"{name}: {losses[0]:.4f} to {losses[-1]:.4f}, {perf_counter() - start:.1f} s")
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
