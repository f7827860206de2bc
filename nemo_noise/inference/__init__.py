# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Inference: adaptation to one utterance, streams of attention decoders and of chunks, states layer by layer."""

from nemo_noise.inference.adaptation import AdaptationConfig, AdaptedTranscript, adapt_and_transcribe
from nemo_noise.inference.aligned_streaming import (
    AlignedStream,
    AlignedStreamingConfig,
    StreamedTranscript,
    transcribe_aligned,
)
from nemo_noise.inference.chunked import ChunkPlan, ChunkStream, encode_in_chunks
from nemo_noise.inference.layer_features import LayerFeatures, layer_features, pool_features
from nemo_noise.inference.uncertainty import Objective

__all__ = [
    "AdaptationConfig",
    "AdaptedTranscript",
    "AlignedStream",
    "AlignedStreamingConfig",
    "ChunkPlan",
    "ChunkStream",
    "LayerFeatures",
    "Objective",
    "StreamedTranscript",
    "adapt_and_transcribe",
    "encode_in_chunks",
    "layer_features",
    "pool_features",
    "transcribe_aligned",
]
