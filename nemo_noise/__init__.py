# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise-aware speech recognition for NVIDIA NeMo; importing this package registers it with NeMo."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.nemo_patches.table import install

__version__ = "0.1.0"

install()
