# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors in, tensors out: context encoders, fusions and the encoders that hold them.

A constructor refuses an option that does not fit by a ValueError that names it, its value and what would be right.
"""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.modules.context.attentive import AttentiveContextEncoder
from nemo_noise.modules.context.causal import CausalContextEncoder, CausalStatisticsContextEncoder
from nemo_noise.modules.context.constant import ConstantContextEncoder
from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.context.hierarchical import HierarchicalContextEncoder
from nemo_noise.modules.context.multimodal import (
    MultimodalContextEncoder,
    sensor_users,
    shuffled_sensors,
    with_sensors,
)
from nemo_noise.modules.context.noise_types import NoiseTypeContextEncoder
from nemo_noise.modules.context.pyramid import FeaturePyramidContextEncoder
from nemo_noise.modules.context.sensor_tokens import SensorStream, SensorTokens
from nemo_noise.modules.context.statistics import StatisticsContextEncoder
from nemo_noise.modules.context.temporal import TemporalContextEncoder
from nemo_noise.modules.context.users import context_users, noise_context_of, shuffled_context
from nemo_noise.modules.dual_attention.decoder import (
    AttentionMaps,
    DualAttentionDecoder,
    DualCrossAttention,
    attention_maps_of,
)
from nemo_noise.modules.dual_attention.secondary_memory import (
    ContextTokenMemory,
    EncoderLayerMemory,
    NoiseTypeMemory,
    SecondaryMemory,
)
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.fusion.cross_attention import CrossAttentionFusion, attention_maps
from nemo_noise.modules.fusion.mixture import MixtureFusion
from nemo_noise.modules.fusion.pointwise import AddFusion, ConcatFusion, FiLMFusion, GatedFusion
from nemo_noise.modules.mixers.encoder import MixerEncoder, MixerLayer
from nemo_noise.modules.mixers.lact.encoder import LaCTEncoder, NoiseAwareLaCTEncoder, Order
from nemo_noise.modules.mixers.lact.mixer import BidirectionalLaCTMixer, CausalLaCTMixer
from nemo_noise.modules.mixers.ssm.encoder import Direction, SSMEncoder
from nemo_noise.modules.mixers.ssm.mixer import BidirectionalMamba2Mixer, Mamba2Mixer
from nemo_noise.modules.seam.conformer import NoiseAwareConformerEncoder, NoiseAwareConformerEncoderAdapter
from nemo_noise.modules.seam.normalization import RunningNormalization
from nemo_noise.modules.seam.preroll import cache_after_preroll, noise_before, noise_in_place
from nemo_noise.modules.wav2vec.encoder import NormPlace, Wav2Vec2Encoder
from nemo_noise.modules.wav2vec.front_end import ConvolutionNorm, WaveformPreprocessor
from nemo_noise.modules.wav2vec.log_mel import LogMelFeatures
from nemo_noise.modules.wav2vec.noise_aware import NoiseAwareWav2Vec2Encoder
from nemo_noise.modules.whisper.decoder import (
    DualAttentionWhisperDecoder,
    WhisperDecoder,
    WhisperEmbedding,
    WhisperHead,
    follow_whisper,
)
from nemo_noise.modules.whisper.encoder import WhisperEncoder
from nemo_noise.modules.whisper.features import FrameCount, WhisperFeatures
from nemo_noise.modules.whisper.noise_aware import NoiseAwareWhisperEncoder

__all__ = [
    "AddFusion",
    "AttentionMaps",
    "AttentiveContextEncoder",
    "BidirectionalLaCTMixer",
    "BidirectionalMamba2Mixer",
    "CausalContextEncoder",
    "CausalLaCTMixer",
    "CausalStatisticsContextEncoder",
    "ConcatFusion",
    "ConstantContextEncoder",
    "ContextEncoder",
    "ContextTokenMemory",
    "ConvolutionNorm",
    "CrossAttentionFusion",
    "Direction",
    "DualAttentionDecoder",
    "DualAttentionWhisperDecoder",
    "DualCrossAttention",
    "EncoderLayerMemory",
    "FeaturePyramidContextEncoder",
    "FiLMFusion",
    "FrameCount",
    "Fusion",
    "GatedFusion",
    "HierarchicalContextEncoder",
    "LaCTEncoder",
    "LogMelFeatures",
    "Mamba2Mixer",
    "MixerEncoder",
    "MixerLayer",
    "MixtureFusion",
    "MultimodalContextEncoder",
    "NoiseAwareConformerEncoder",
    "NoiseAwareConformerEncoderAdapter",
    "NoiseAwareLaCTEncoder",
    "NoiseAwareWav2Vec2Encoder",
    "NoiseAwareWhisperEncoder",
    "NoiseTypeContextEncoder",
    "NoiseTypeMemory",
    "NormPlace",
    "Order",
    "RunningNormalization",
    "SSMEncoder",
    "SecondaryMemory",
    "SensorStream",
    "SensorTokens",
    "StatisticsContextEncoder",
    "TemporalContextEncoder",
    "Wav2Vec2Encoder",
    "WaveformPreprocessor",
    "WhisperDecoder",
    "WhisperEmbedding",
    "WhisperEncoder",
    "WhisperFeatures",
    "WhisperHead",
    "attention_maps",
    "attention_maps_of",
    "cache_after_preroll",
    "context_users",
    "follow_whisper",
    "noise_before",
    "noise_context_of",
    "noise_in_place",
    "sensor_users",
    "shuffled_context",
    "shuffled_sensors",
    "with_sensors",
]
