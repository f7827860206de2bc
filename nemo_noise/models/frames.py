# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How long a frame is that a recogniser's encoder gives, and at which rate it hears."""

from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel

__all__ = ["check_rates", "frame_samples", "heard_rate"]


def heard_rate(model: ASRModel) -> int:
    """Samples per second of the audio that the model's preprocessor takes."""
    return int(model.preprocessor._sample_rate)


def check_rates(model: ASRModel, where: str) -> None:
    """Refuses a model whose configuration and preprocessor disagree about the rate of the audio.

    NeMo resamples to the one, the preprocessor computes with the other, and every text is wrong.

    Args:
        model: any model; one that names no rate is left alone.
        where: which one, for the message: `model=whisper.nemo`.

    Raises:
        ValueError: if they disagree.
    """
    named = {
        "sample_rate": model.cfg.get("sample_rate"),
        "preprocessor.sample_rate": OmegaConf.select(model.cfg, "preprocessor.sample_rate"),
        "the rate of its preprocessor": getattr(getattr(model, "preprocessor", None), "_sample_rate", None),
    }
    for name, value in named.items():
        if value is not None and (not isinstance(value, int | float) or value <= 0):
            raise ValueError(f"{where}: {name} is {value!r}, must be a number of samples per second.")
    known = {name: int(value) for name, value in named.items() if value is not None}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{name}={value}" for name, value in known.items())
        raise ValueError(f"{where}: {listed} disagree, must be one rate in samples per second.")


def frame_samples(model: ASRModel) -> int:
    """Samples of audio from one frame of the encoder's output to the next; NeMo's preprocessors and Whisper's."""
    preprocessor = model.preprocessor
    features = preprocessor if hasattr(preprocessor, "hop_length") else preprocessor.featurizer
    return int(features.hop_length) * int(model.encoder.subsampling_factor)
