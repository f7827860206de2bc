# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Models that a NeMo user can train, save and restore by name."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.models.asr import add_noise_context
from nemo_noise.models.checked_start import start_from_checkpoints
from nemo_noise.models.dual_attention import DualAttentionMultiTaskModel, DualAttentionWhisperModel, add_dual_attention
from nemo_noise.models.loading import load
from nemo_noise.models.pretraining.contrast import ContextProjector
from nemo_noise.models.pretraining.model import NoiseContextPretrainingModel
from nemo_noise.models.wav2vec.checkpoint import import_wav2vec2, wav2vec2_config
from nemo_noise.models.wav2vec.pretraining import Wav2Vec2PretrainingModel
from nemo_noise.models.whisper.checkpoint import export_whisper, import_whisper, load_whisper_weights, whisper_config
from nemo_noise.models.whisper.model import WhisperModel

__all__ = [
    "ContextProjector",
    "DualAttentionMultiTaskModel",
    "DualAttentionWhisperModel",
    "NoiseContextPretrainingModel",
    "Wav2Vec2PretrainingModel",
    "WhisperModel",
    "add_dual_attention",
    "add_noise_context",
    "export_whisper",
    "import_wav2vec2",
    "import_whisper",
    "load",
    "load_whisper_weights",
    "start_from_checkpoints",
    "wav2vec2_config",
    "whisper_config",
]
