# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Prints what is changed in NeMo, and whether it is installed: `python -m nemo_noise.nemo_patches`."""

import sys

from nemo_noise.nemo_patches.table import shown

if __name__ == "__main__":
    sys.stdout.write(f"{shown()}\n")
