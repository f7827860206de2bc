# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Inference: a recogniser that adapts itself to one utterance, and one that searches with a language model."""

from nemo_noise.inference.adaptation import AdaptationConfig, AdaptedTranscript, adapt_and_transcribe
from nemo_noise.inference.decoding import SearchSetting, apply_setting, save_with_setting
from nemo_noise.inference.uncertainty import Objective

__all__ = [
    "AdaptationConfig",
    "AdaptedTranscript",
    "Objective",
    "SearchSetting",
    "adapt_and_transcribe",
    "apply_setting",
    "save_with_setting",
]
