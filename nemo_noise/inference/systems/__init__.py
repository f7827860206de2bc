# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Systems: recognisers of any maker behind one contract, from waveforms to transcripts."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.inference.systems.contract import System, TimedWord, TimesWords
from nemo_noise.inference.systems.kinds import Kind, kind_of, shown_name
from nemo_noise.inference.systems.nemo_model import NeMoSystem
from nemo_noise.inference.systems.opening import check_system, open_system

__all__ = [
    "Kind",
    "NeMoSystem",
    "System",
    "TimedWord",
    "TimesWords",
    "check_system",
    "kind_of",
    "open_system",
    "shown_name",
]
