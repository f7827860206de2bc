# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Facts of a recogniser: family, vocabulary, sample rate, frame length, normalisation of features."""

from enum import Enum
from typing import Any

from omegaconf import OmegaConf
from torch import nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.foreign_text import printable

__all__ = [
    "TRANSDUCERS",
    "Family",
    "check_normalization",
    "check_rates",
    "family_of",
    "frame_samples",
    "input_s",
    "longest_s_of",
    "sample_rate_of",
    "vocabulary_of",
    "whole_utterance_normalization",
    "window_s",
]

WHOLE_UTTERANCE_NORMALIZATIONS = ("per_feature", "all_features")
NORMALIZATIONS = ("per_feature", "all_features", "NA", "na", "None", "none", "null", "")  # from NA on: none


class Family(str, Enum):
    """The decoder family of a recogniser."""

    CTC = "ctc"
    TRANSDUCER = "transducer"
    HYBRID = "hybrid"
    ATTENTION = "attention"
    NONE = "none"


TRANSDUCERS = (Family.TRANSDUCER, Family.HYBRID)  # whose search is a transducer's: RNNT, TDT


def family_of(model: nn.Module) -> Family:
    """The family of a recogniser: CTC, transducer (RNNT, TDT), a hybrid of both, or attention decoder."""
    if hasattr(model, "ctc_decoder"):
        return Family.HYBRID
    if hasattr(model, "joint"):
        return Family.TRANSDUCER
    if hasattr(model, "transf_decoder"):
        return Family.ATTENTION
    return Family.CTC if hasattr(model, "decoder") else Family.NONE


def vocabulary_of(model: ASRModel) -> list[str]:
    """The tokens of a CTC model or a transducer, without its blank."""
    return list(model.joint.vocabulary if family_of(model) in TRANSDUCERS else model.decoder.vocabulary)


def sample_rate_of(model: ASRModel) -> int:
    """Samples per second of a recogniser's audio; a ValueError if neither config nor preprocessor names a rate."""
    named = (OmegaConf.select(model.cfg, key) for key in ("sample_rate", "preprocessor.sample_rate"))
    rate = next((value for value in named if value is not None), None)
    rate = getattr(getattr(model, "preprocessor", None), "_sample_rate", None) if rate is None else rate
    if rate is None:
        raise ValueError(f"{type(model).__name__} has neither cfg.sample_rate nor cfg.preprocessor.sample_rate")
    return int(rate)


def check_rates(model: ASRModel, where: str) -> None:
    """Refuses a model whose configuration and preprocessor disagree about the rate of the audio, by a ValueError.

    NeMo resamples to the one, the preprocessor computes with the other, and every text is wrong. A model that names no
    rate is left alone; ``where`` names the model in the message.
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
    """Refuses a normalisation that NeMo does not have, by a ValueError: it would leave the features as they are.

    A model whose preprocessor names none is left alone; ``where`` names the model in the message.
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


def input_s(model: ASRModel) -> float:
    """Seconds from one input of the encoder to the next: a feature frame, or a sample."""
    return float(getattr(_featurizer(model), "hop_length", 1)) / sample_rate_of(model)


def window_s(model: ASRModel) -> float:
    """Seconds of audio in a feature frame; none where the encoder reads samples."""
    return float(getattr(_featurizer(model), "win_length", 0)) / sample_rate_of(model)


def longest_s_of(preprocessor: nn.Module | None) -> float | None:
    """Seconds of audio that a preprocessor takes at most, as that of Whisper does; None for any length."""
    samples, rate = getattr(preprocessor, "num_samples", None), getattr(preprocessor, "_sample_rate", None)
    return samples / rate if isinstance(samples, int) and isinstance(rate, int) else None


def whole_utterance_normalization(model: ASRModel) -> str | None:
    """How the preprocessor normalises by the whole utterance; None where it does not."""
    normalization = getattr(_featurizer(model), "normalize", None)
    return normalization if normalization in WHOLE_UTTERANCE_NORMALIZATIONS else None


def _featurizer(model: ASRModel) -> Any:
    return getattr(model.preprocessor, "featurizer", None)
