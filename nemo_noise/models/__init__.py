# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Models that a NeMo user can train, save and restore by name."""

from nemo_noise.models.asr import add_noise_context
from nemo_noise.models.dual_attention import DualAttentionMultiTaskModel, DualAttentionWhisperModel, add_dual_attention
from nemo_noise.models.ssl import ContextProjector, NoiseContextPretrainingModel
from nemo_noise.models.whisper import WhisperModel
from nemo_noise.models.whisper_checkpoint import export_whisper, import_whisper, load_whisper_weights, whisper_config

__all__ = [
    "ContextProjector",
    "DualAttentionMultiTaskModel",
    "DualAttentionWhisperModel",
    "NoiseContextPretrainingModel",
    "WhisperModel",
    "add_dual_attention",
    "add_noise_context",
    "export_whisper",
    "import_whisper",
    "load_whisper_weights",
    "whisper_config",
]
