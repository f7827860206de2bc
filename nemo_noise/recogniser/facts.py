# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How a recogniser takes audio: the length of a frame of its encoder, the rate, the normalisation of features."""

from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel

from nemo_noise.foreign_text import printable

__all__ = ["check_normalization", "check_rates", "frame_samples", "heard_rate"]

NORMALIZATIONS = ("per_feature", "all_features", "NA", "na", "None", "none", "null", "")  # from NA on: none


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


def check_normalization(model: ASRModel, where: str) -> None:
    """Refuses a normalisation that NeMo does not have: it would leave the features as they are, without a word.

    Args:
        model: any model; one whose preprocessor names none is left alone.
        where: which one, for the message: `model=whisper.nemo`.

    Raises:
        ValueError: if the name is unknown.
    """
    name = OmegaConf.select(model.cfg, "preprocessor.normalize")
    if isinstance(name, str) and name not in NORMALIZATIONS and "fixed_mean" not in name:
        known = ", ".join(repr(one) for one in NORMALIZATIONS if one)
        raise ValueError(f"{where}: preprocessor.normalize is {printable(repr(name), 100)}, must be one of {known}.")


def frame_samples(model: ASRModel) -> int:
    """Samples of audio from one frame of the encoder's output to the next; NeMo's preprocessors and Whisper's."""
    preprocessor = model.preprocessor
    features = preprocessor if hasattr(preprocessor, "hop_length") else preprocessor.featurizer
    return int(features.hop_length) * int(model.encoder.subsampling_factor)
