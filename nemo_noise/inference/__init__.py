# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Inference: a recogniser that adapts itself to one utterance before it decodes it."""

from nemo_noise.inference.adaptation import AdaptationConfig, AdaptedTranscript, adapt_and_transcribe
from nemo_noise.inference.uncertainty import Objective

__all__ = ["AdaptationConfig", "AdaptedTranscript", "Objective", "adapt_and_transcribe"]
