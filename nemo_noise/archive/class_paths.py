# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""By which path a configuration names a class of ours: where its package exports it, wherever its file lies.

Earlier versions wrote the file into checkpoints. Those paths are read for good; none is written any more.
"""

from typing import Any

from omegaconf import DictConfig, OmegaConf

__all__ = ["OLD_PATHS", "public_path", "public_paths"]

_ROOMS = ("nemo_noise.models", "nemo_noise.modules")
_ONCE_IN = {  # module of an earlier version -> the classes that a configuration could name there
    "models.dual_attention": "DualAttentionMultiTaskModel DualAttentionWhisperModel",
    "models.ssl": "ContextProjector NoiseContextPretrainingModel",
    "models.wav2vec_pretraining": "Wav2Vec2PretrainingModel",
    "models.whisper": "WhisperModel",
    "modules.causal_context": "CausalContextEncoder CausalStatisticsContextEncoder",
    "modules.context_encoders": "AttentiveContextEncoder ConstantContextEncoder StatisticsContextEncoder",
    "modules.cross_attention": "CrossAttentionFusion",
    "modules.dual_attention": "DualAttentionDecoder DualCrossAttention",
    "modules.fusion": "AddFusion ConcatFusion FiLMFusion GatedFusion",
    "modules.hierarchical_context": "HierarchicalContextEncoder",
    "modules.lact": "BidirectionalLaCTMixer CausalLaCTMixer",
    "modules.lact_encoder": "LaCTEncoder",
    "modules.log_mel": "LogMelFeatures",
    "modules.mixture_fusion": "MixtureFusion",
    "modules.multimodal_context": "MultimodalContextEncoder",
    "modules.noise_aware": "NoiseAwareConformerEncoder NoiseAwareConformerEncoderAdapter",
    "modules.noise_aware_wav2vec": "NoiseAwareWav2Vec2Encoder",
    "modules.noise_types": "NoiseTypeContextEncoder",
    "modules.pyramid_context": "FeaturePyramidContextEncoder",
    "modules.running_normalization": "RunningNormalization",
    "modules.secondary_memory": "ContextTokenMemory EncoderLayerMemory NoiseTypeMemory",
    "modules.sensor_tokens": "SensorTokens",
    "modules.ssm": "BidirectionalMamba2Mixer Mamba2Mixer",
    "modules.ssm_encoder": "SSMEncoder",
    "modules.temporal_context": "TemporalContextEncoder",
    "modules.wav2vec_encoder": "Wav2Vec2Encoder",
    "modules.waveform_front_end": "WaveformPreprocessor",
    "modules.whisper_decoder": "DualAttentionWhisperDecoder WhisperDecoder WhisperEmbedding WhisperHead",
    "modules.whisper_encoder": "WhisperEncoder",
    "modules.whisper_features": "WhisperFeatures",
}
OLD_PATHS = {
    f"nemo_noise.{module}.{name}": f"nemo_noise.{module.partition('.')[0]}.{name}"
    for module, names in _ONCE_IN.items()
    for name in names.split()
} | {
    "nemo_noise.modules.NoiseAwareLaCTEncoder": "nemo_noise.modules.LaCTEncoder",
    "nemo_noise.modules.lact_encoder.NoiseAwareLaCTEncoder": "nemo_noise.modules.LaCTEncoder",
}


def public_path(kind: type) -> str:
    """The path that a checkpoint names a class by.

    Args:
        kind: a class of ours, or one that derives from it elsewhere.

    Returns:
        Where our package exports it; module and name of a class of others.
    """
    room = next((room for room in _ROOMS if kind.__module__.startswith(f"{room}.")), kind.__module__)
    return f"{room}.{kind.__name__}"


def public_paths(config: Any) -> Any:
    """A configuration with public paths in place of old ones.

    Args:
        config: plain containers or an OmegaConf.

    Returns:
        The same object where no path is old; else a new one of its kind, resolved.
    """
    if isinstance(config, DictConfig):
        if not _has_old(OmegaConf.to_container(config, resolve=False)):
            return config
        return OmegaConf.create(_mapped(OmegaConf.to_container(config, resolve=True)))
    return _mapped(config) if _has_old(config) else config


def _has_old(node: Any) -> bool:
    if isinstance(node, dict | list):
        return any(map(_has_old, node.values() if isinstance(node, dict) else node))
    return isinstance(node, str) and node in OLD_PATHS


def _mapped(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _mapped(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_mapped(value) for value in node]
    return OLD_PATHS.get(node, node) if isinstance(node, str) else node
