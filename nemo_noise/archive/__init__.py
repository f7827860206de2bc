# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Foreign checkpoints: a `.nemo` is read, limited and checked before anything in it is built."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.archive.contents import check_checkpoint
from nemo_noise.archive.door import any_file, building_from, read_config, restore, trusted_checkpoints

__all__ = [
    "any_file",
    "building_from",
    "check_checkpoint",
    "read_config",
    "restore",
    "trusted_checkpoints",
]
