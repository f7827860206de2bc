# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A system as a recogniser of pieces: with times of words where it has them, adapted or with a language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nemo.collections.asr.models import ASRModel

from nemo_noise.arpa import ArpaError, check_arpa, is_kenlm_binary
from nemo_noise.inference.adaptation.adaptation import adapt_and_transcribe, check_adaptable
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.decoding.search import SearchSetting, apply_setting, strategies_of
from nemo_noise.inference.systems.contract import System, TimesWords
from nemo_noise.inference.transcription.recognition import Recognised
from nemo_noise.inference.transcription.segments import Word, joined
from nemo_noise.recogniser.facts import TRANSDUCERS, family_of, vocabulary_of
from nemo_noise.recogniser.transcription import keep_word_confidence

__all__ = ["LanguageModel", "SystemRecogniser", "default_longest_s", "search_with"]

_LONGEST_S = 40.0  # of a piece, where a system takes any length: about what NeMo's models are trained with
_WHISPER_S = 30.0
_CONFIDENCE = {"method_cfg": {"name": "max_prob"}, "aggregation": "mean", "exclude_blank": True}
WORDS = "pyctcdecode"  # the search that reads words


@dataclass(frozen=True)
class LanguageModel:
    """A beam search, with a language model or without.

    Attributes:
        path: ARPA file of the model's tokens or of words, or a KenLM binary of words; None for none.
        weight: of the language model.
        beam_size: hypotheses that are kept.
    """

    path: str | Path | None = None
    weight: float = 0.5
    beam_size: int = 8


class SystemRecogniser:
    """Transcribes pieces by a system.

    Args:
        system: any.
        with_words: whether times of words are asked for; a system without any gives text alone.
        adaptation: how a NeMo model adapts to each piece, which then has no times of words; None: not at all.

    Attributes:
        name: of the system.
        sample_rate: of waveforms, Hz.
        has_words: whether the results have words.

    Raises:
        TypeError: if the system cannot be adapted.
        ValueError: if the adaptation does not fit it.
    """

    def __init__(self, system: System, *, with_words: bool = True, adaptation: AdaptationConfig | None = None) -> None:
        self.system, self.adaptation = system, adaptation
        self.name, self.sample_rate = system.name, system.sample_rate
        self.has_words = with_words and adaptation is None and isinstance(system, TimesWords)
        if adaptation is not None:
            check_adaptable(nemo_model_of(system, "adapt"), adaptation)

    def __call__(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Recognised]:
        """Transcribes waveforms, [T] each, as one batch, in order."""
        if self.adaptation is not None:
            model = nemo_model_of(self.system, "adapt")
            return [Recognised(one.text) for one in adapt_and_transcribe(model, waveforms, self.adaptation)]
        if self.has_words and isinstance(self.system, TimesWords):
            try:
                timed = self.system.transcribe_words(waveforms)
            except TypeError:  # of another family than it can time
                self.has_words = False
            else:
                return [
                    Recognised(joined([word.text for word in words]), [Word(*word) for word in words])
                    for words in timed
                ]
        return [
            Recognised(
                transcript.text,
                None,
                _number(transcript.extra, "no_speech_prob"),
                _number(transcript.extra, "avg_logprob"),
            )
            for transcript in self.system.transcribe(waveforms)
        ]


def default_longest_s(system: System) -> float:
    """Seconds of a piece that suit a system: its own limit, 30 for Whisper, 40 for others."""
    if system.longest_s is not None:
        return min(system.longest_s, _LONGEST_S)
    window = getattr(getattr(system, "features", None), "n_samples", None)
    if window is not None:
        return float(window) / system.sample_rate
    return _WHISPER_S if "whisper" in system.kind.lower() else _LONGEST_S


def search_with(system: System, language_model: LanguageModel) -> None:
    """Lets a system search so from now on.

    Raises:
        TypeError: if it is no NeMo model with a CTC head or a transducer.
        ValueError: if the language model is not one for it; names the file.
        FileNotFoundError: if there is no such file.
    """
    model = nemo_model_of(system, "lm or beam")
    strategies = strategies_of(model)
    path = None if language_model.path is None else str(language_model.path)
    chosen: str = next(name for name in ("beam_batch", "malsd_batch") if name in strategies)
    if path is not None and _is_of_words(model, path):
        if family_of(model) in TRANSDUCERS:
            raise ValueError(
                f"lm={path} is a language model of words, which a transducer's search does not read; give an ARPA "
                "file of tokens, as train_ngram.py writes with unit=token"
            )
        chosen = WORDS
    alpha = 0.0 if path is None else language_model.weight
    apply_setting(model, SearchSetting(chosen, language_model.beam_size, alpha, language_model=path))


def keep_confidences(system: System) -> None:
    """Lets a NeMo model keep the confidence of each word, where it can; others are left alone."""
    if isinstance(getattr(system, "model", None), ASRModel):
        keep_word_confidence(nemo_model_of(system, "confidence"), _CONFIDENCE)


def nemo_model_of(system: System, option: str) -> Any:
    """The NeMo model of a system; a TypeError that names the option where it is none."""
    model = getattr(system, "model", None)
    if not isinstance(model, ASRModel):
        raise TypeError(f"{option} is for NeMo models, but {system.name} is a {system.kind}: leave it out")
    return model


def _is_of_words(model: ASRModel, path: str) -> bool:
    if Path(path).is_file() and is_kenlm_binary(path):
        return True
    try:
        check_arpa(path, vocabulary_size=len(vocabulary_of(model)), argument="lm")
    except ArpaError as error:
        if "is a word" not in str(error):
            raise
        check_arpa(path, argument="lm")
        return True
    return False


def _number(extra: Any, name: str) -> float | None:
    value = (extra or {}).get(name)
    return float(value) if isinstance(value, int | float) else None
