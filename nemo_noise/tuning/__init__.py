# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tuning: a checkpoint that a user runs already is conditioned in his noise, under a guard of clean speech."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.tuning.options import Learn, TuningOptions
from nemo_noise.tuning.result import Tuned
from nemo_noise.tuning.tuning import tune, tune_by_config

__all__ = ["Learn", "Tuned", "TuningOptions", "tune", "tune_by_config"]
