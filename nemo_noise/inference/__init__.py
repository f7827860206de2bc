# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Inference: adaptation to one utterance, streams in overlapping chunks, states layer by layer."""

from nemo_noise.inference.adaptation import AdaptationConfig, AdaptedTranscript, adapt_and_transcribe
from nemo_noise.inference.chunked import ChunkPlan, ChunkStream, encode_in_chunks
from nemo_noise.inference.layer_features import LayerFeatures, layer_features, pool_features
from nemo_noise.inference.uncertainty import Objective

__all__ = [
    "AdaptationConfig",
    "AdaptedTranscript",
    "ChunkPlan",
    "ChunkStream",
    "LayerFeatures",
    "Objective",
    "adapt_and_transcribe",
    "encode_in_chunks",
    "layer_features",
    "pool_features",
]
