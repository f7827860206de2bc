# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The command `nemo-noise`: one file for each of its commands; NeMo is imported when one runs, not for its help."""

from nemo_noise.command_line.application import main

__all__ = ["main"]
