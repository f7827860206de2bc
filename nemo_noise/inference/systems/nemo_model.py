# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A NeMo model as a system, through its own `transcribe`."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from omegaconf.errors import OmegaConfBaseException

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel

from nemo_noise.inference.decoding.guarded_transcription import (
    GUARD_OPTIONS,
    check_guards,
    guarded_search,
    transcribe_guarded,
)
from nemo_noise.inference.systems.contract import System, TimedWord, Waveforms, with_options
from nemo_noise.inference.systems.kinds import Kind
from nemo_noise.recogniser.facts import longest_s_of, sample_rate_of
from nemo_noise.recogniser.transcription import Transcript, fingerprint, load_model, transcripts_of
from nemo_noise.recogniser.waveforms import check_waveforms

__all__ = ["NeMoSystem", "open_nemo"]

_SHORTEST_S = 1.0  # of what NeMo gives a model


class NeMoSystem(System):
    """A loaded NeMo ASR model of any family.

    Args:
        name: to show.
        model: in evaluation mode.
        options: further arguments of its `transcribe`, such as `source_lang`, and some of `GUARD_OPTIONS`:
            `temperature` and thresholds of an attention model, `vad_filter` and `vad_parameters` of any.

    Attributes:
        model: the model, for what takes NeMo models alone.
        options: as given.

    Raises:
        ImportError: the VAD's package is not installed.
        ValueError: a guard is wrong, or the model cannot do it.
    """

    kind = Kind.NEMO.value

    def __init__(self, name: str, model: ASRModel, options: Mapping[str, Any] | None = None) -> None:
        self.name, self.model, self.options = name, model, dict(options or {})
        self.sample_rate = sample_rate_of(model)
        check_guards(
            self.options,
            where="transcribe",
            is_attention_model=isinstance(model, EncDecMultiTaskModel),
            shown=name,
            sample_rate=self.sample_rate,
        )
        self.longest_s = longest_s_of(getattr(model, "preprocessor", None))
        parameters = list(model.parameters())
        self.parameter_count = sum(parameter.numel() for parameter in parameters)
        self.device = parameters[0].device if parameters else torch.device("cpu")
        self.fingerprint = with_options(fingerprint(model), self.options)

    def transcribe(self, waveforms: Waveforms) -> list[Transcript]:
        """As `System.transcribe`; audio below one second gets digital silence around it, as NeMo's users get it."""
        return transcribe_guarded(self.model, waveforms, self.options) if len(waveforms) else []

    def transcribe_words(self, waveforms: Waveforms) -> list[list[TimedWord]]:
        """As `TimesWords.transcribe_words`, by NeMo's `timestamps=True`, which CTC models and transducers have."""
        if self.options.get("vad_filter"):
            raise TypeError(f"{self.name} gives no times of words with vad_filter")
        waveforms = check_waveforms(waveforms, "waveforms") if len(waveforms) else []
        decoding = copy.deepcopy(self.model.cfg.get("decoding"))
        try:
            output: Any = []
            if len(waveforms):
                own = {name: value for name, value in self.options.items() if name not in GUARD_OPTIONS}
                options = {"batch_size": len(waveforms), "num_workers": 0, "verbose": False, **own}
                with guarded_search(self.model, waveforms, self.options):
                    output = self.model.transcribe(waveforms, timestamps=True, **options)
        except (NotImplementedError, ValueError, OmegaConfBaseException) as error:  # the last: a step that has no name
            raise TypeError(f"{self.name} ({type(self.model).__name__}) gives no times of words: {error}") from error
        finally:
            self.model.eval()
            if decoding is not None and decoding != self.model.cfg.get("decoding"):
                self.model.change_decoding_strategy(decoding)
        best = output[0] if isinstance(output, tuple) else output
        return [
            _words(item[0] if isinstance(item, list) else item, len(waveform) / self.sample_rate)
            for item, waveform in zip(best, waveforms, strict=True)
        ]


def open_nemo(name: str, device: torch.device, options: Mapping[str, Any] | None = None) -> NeMoSystem:
    """Load a `.nemo` file, or a pretrained NeMo model by its name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file may not be restored, or its weights are no numbers.
        TypeError: the model cannot transcribe.
    """
    return NeMoSystem(name, load_model(name, device), options)


def _words(hypothesis: Any, length_s: float) -> list[TimedWord]:
    """The words of an utterance; NeMo puts silence before and behind one that is shorter than a second."""
    found = (getattr(hypothesis, "timestamp", None) or {}).get("word")
    if found is None:
        raise TypeError("this NeMo model gives no times of words")
    kept = transcripts_of([hypothesis])[0].word_confidence
    confidences: Sequence[float | None] = kept if kept and len(kept) == len(found) else [None] * len(found)
    before_s = max(0.0, _SHORTEST_S - length_s) / 2

    def inside(second: float) -> float:
        return min(max(0.0, float(second) - before_s), length_s)

    return [
        TimedWord(str(word["word"]), inside(word["start"]), inside(word["end"]), sure)
        for word, sure in zip(found, confidences, strict=True)
    ]
