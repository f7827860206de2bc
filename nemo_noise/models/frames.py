# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How long a frame is that a recogniser's encoder gives, and at which rate it hears."""

from nemo.collections.asr.models import ASRModel

__all__ = ["frame_samples", "heard_rate"]


def heard_rate(model: ASRModel) -> int:
    """Samples per second of the audio that the model's preprocessor takes."""
    return int(model.preprocessor._sample_rate)


def frame_samples(model: ASRModel) -> int:
    """Samples of audio from one frame of the encoder's output to the next; NeMo's preprocessors and Whisper's."""
    preprocessor = model.preprocessor
    features = preprocessor if hasattr(preprocessor, "hop_length") else preprocessor.featurizer
    return int(features.hop_length) * int(model.encoder.subsampling_factor)
