# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Inference: a recogniser that adapts itself to one utterance, attention decoders that write while speech arrives."""

from nemo_noise.inference.adaptation import AdaptationConfig, AdaptedTranscript, adapt_and_transcribe
from nemo_noise.inference.aligned_streaming import (
    AlignedStream,
    AlignedStreamingConfig,
    StreamedTranscript,
    transcribe_aligned,
)
from nemo_noise.inference.uncertainty import Objective

__all__ = [
    "AdaptationConfig",
    "AdaptedTranscript",
    "AlignedStream",
    "AlignedStreamingConfig",
    "Objective",
    "StreamedTranscript",
    "adapt_and_transcribe",
    "transcribe_aligned",
]
