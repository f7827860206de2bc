# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How training runs: the epoch of the data-loader workers, curricula, what learns, a guard for clean speech, logs."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.training.best_in_noise import BestInNoise
from nemo_noise.training.clean_guard import CleanGuard
from nemo_noise.training.curriculum import DifficultyCurriculum
from nemo_noise.training.device_mixing import DeviceNoiseMix
from nemo_noise.training.dual_attention_monitor import DualAttentionMonitor
from nemo_noise.training.epoch import EpochClockCallback
from nemo_noise.training.freezing import TrainOnly
from nemo_noise.training.low_rank import LowRankAdapters
from nemo_noise.training.monitor import NoiseContextMonitor
from nemo_noise.training.optim import RelativeCosineAnnealing
from nemo_noise.training.sensors import SensorListener
from nemo_noise.training.step_log import StepLog

__all__ = [
    "BestInNoise",
    "CleanGuard",
    "DeviceNoiseMix",
    "DifficultyCurriculum",
    "DualAttentionMonitor",
    "EpochClockCallback",
    "LowRankAdapters",
    "NoiseContextMonitor",
    "RelativeCosineAnnealing",
    "SensorListener",
    "StepLog",
    "TrainOnly",
]
