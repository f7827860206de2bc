# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Inference: searching with a language model, adaptation to utterances and streams, streaming, states by layer."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.inference.adaptation.adaptation import (
    AdaptedStream,
    AdaptedTranscript,
    adapt_along_streams,
    adapt_and_transcribe,
)
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.adaptation.objectives import Objective
from nemo_noise.inference.decoding.search import SearchSetting, apply_setting, save_with_setting
from nemo_noise.inference.streaming.aligned import (
    AlignedStream,
    AlignedStreamingConfig,
    StreamedTranscript,
    transcribe_aligned,
)
from nemo_noise.inference.streaming.chunked import ChunkPlan, ChunkStream, encode_in_chunks
from nemo_noise.recogniser.layer_features import LayerFeatures, layer_features, pool_features

__all__ = [
    "AdaptationConfig",
    "AdaptedStream",
    "AdaptedTranscript",
    "AlignedStream",
    "AlignedStreamingConfig",
    "ChunkPlan",
    "ChunkStream",
    "LayerFeatures",
    "Objective",
    "SearchSetting",
    "StreamedTranscript",
    "adapt_along_streams",
    "adapt_and_transcribe",
    "apply_setting",
    "encode_in_chunks",
    "layer_features",
    "pool_features",
    "save_with_setting",
    "transcribe_aligned",
]
