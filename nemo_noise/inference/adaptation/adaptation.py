# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Test-time training: a recogniser takes a few steps on one utterance or along a stream, decodes, and forgets them.

After Lin et al., Interspeech 2022 (SUTA, arXiv 2203.14222), and along a stream after Lin et al., EMNLP 2024 (DSUTA,
arXiv 2406.11064). Utterances are adapted to one by one, so that none depends on the rest of a batch. Decoding is the
model's own, greedy or beam.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.adaptation.emissions import check_has_emissions, emissions_of
from nemo_noise.inference.adaptation.parameter_sets import choose_parameters
from nemo_noise.inference.adaptation.steps import AdaptedWeights, set_weights, share_spoken, step_down
from nemo_noise.recogniser.batch_statistics import OwnStatistics
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.state import borrowed_weights
from nemo_noise.recogniser.transcription import transcribe
from nemo_noise.recogniser.waveforms import check_waveform

__all__ = [
    "AdaptationConfig",
    "AdaptedStream",
    "AdaptedTranscript",
    "adapt_along_streams",
    "adapt_and_transcribe",
    "check_adaptable",
]

Waveform = npt.NDArray[np.float32] | Tensor


class AdaptedTranscript(NamedTuple):
    """A transcript, and how it came to that.

    ``text`` is the result and ``plain_text`` that of the model unadapted; they are the same if ``is_adapted`` is
    False, for the ``reason`` given. ``objective`` has one value before the steps and one after each. Times in seconds.
    """

    text: str
    plain_text: str
    is_adapted: bool
    reason: str
    num_steps: int
    objective: list[float]
    adaptation_s: float
    transcription_s: float


class AdaptedStream:
    """A recogniser that adapts to one stream, such as a speaker or a recording, from segment to segment.

    In the ``with`` block the model holds borrowed weights; behind it, also after an error, it is what it was, bit for
    bit. The steps of a segment begin where those of the segments before it ended, with an optimiser of their own, and
    the result of a segment depends on it and on them alone. The block may be entered again: that is another stream.

    Args:
        model: a NeMo recogniser with a CTC head (also hybrid) or a transducer, ours or plain.
        config: how; the default adapts the norms. ``anchor`` draws the weights back to their start.

    Raises:
        ValueError: if the config names parameters that the model does not have, or ``batch_statistics`` without norms.
    """

    def __init__(self, model: ASRModel, config: AdaptationConfig | None = None) -> None:
        self.model, self.config = model, config or AdaptationConfig()
        self._names = choose_parameters(model, self.config.parameters)
        self._statistics = OwnStatistics(model, self.config.batch_statistics)
        self._borrowed = ExitStack()
        self._weights: list[nn.Parameter] = []
        self._start: list[Tensor] = []
        self._carried: list[Tensor] | None = None  # the last good weights; None: those of the start

    def __enter__(self) -> "AdaptedStream":
        if self._weights:
            raise RuntimeError("This AdaptedStream is open already; a model serves one stream at a time.")
        with torch.inference_mode(False), torch.enable_grad(), ExitStack() as stack:
            weights = stack.enter_context(borrowed_weights(self.model, self._names))
            self._start = [weight.detach().clone() for weight in weights]
            self._weights, self._borrowed = weights, stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._weights, self._start, self._carried = [], [], None
        with torch.inference_mode(False):
            self._borrowed.close()

    def transcribe(self, samples: Waveform) -> AdaptedTranscript:
        """Adapt to the next segment and transcribe it.

        Args:
            samples: mono at the model's sample rate, [T].

        Returns:
            The result. If something looks wrong, the weights go back to the last good ones: to those of the segment
            before or, if these are not believed here either, to the start, and the text is the plain one.

        Raises:
            RuntimeError: outside of the ``with`` block.
            TypeError: if the model has no emissions for every frame.
            ValueError: if the samples are not [T], or not finite.
        """
        if not self._weights:
            raise RuntimeError("An AdaptedStream borrows weights: use it as `with AdaptedStream(...) as stream:`.")
        with torch.inference_mode(False), torch.enable_grad():
            try:
                return self._next(_mono(samples, "samples"))
            finally:
                set_weights(self._weights, self._carried or self._start)

    def _next(self, waveform: Tensor) -> AdaptedTranscript:
        """One segment: the plain text, the steps, and the text of the best weights that are believed."""
        began = time.perf_counter()
        set_weights(self._weights, self._start)
        plain = self._decode(waveform)
        transcribed = time.perf_counter()
        found = self._adapt(waveform)
        text, is_adapted, reason = plain, False, found.reason
        if found.weights is not None:
            set_weights(self._weights, found.weights)
            text = self._decode_adapted(waveform)
            is_adapted = self._is_like(text, plain)
            if is_adapted:
                self._carry(found.weights)
            else:
                text, reason = plain, f"the text changed its length: {text[:80]!r}"
        if not is_adapted and self._carried is not None:
            set_weights(self._weights, self._carried)
            was_judged = bool(found.objective)  # what is too short to be adapted to has no statistics either
            text = self._decode_adapted(waveform) if was_judged else self._decode(waveform)
            is_adapted = self._is_like(text, plain)
            reason += "; heard with the weights of earlier segments"
            if not is_adapted:
                reason += f", which changed its length: {text[:80]!r}; back to the start"
                text, self._carried = plain, None
        spent, num_steps = time.perf_counter() - transcribed, max(0, len(found.objective) - 1)
        return AdaptedTranscript(
            text, plain, is_adapted, reason, num_steps, found.objective, spent, transcribed - began
        )

    def _adapt(self, waveform: Tensor) -> AdaptedWeights:
        """The steps, from the last good weights; they are given up if they say too much or too little here."""
        config = self.config
        if config.max_steps == 0 and config.batch_statistics == 0:
            return AdaptedWeights(None, [], "max_steps=0")
        if len(waveform) / sample_rate_of(self.model) < config.min_duration_s:
            return AdaptedWeights(None, [], f"shorter than {config.min_duration_s} s")
        waveform = waveform.to(next(self.model.parameters()).device)
        with torch.no_grad():
            reference = emissions_of(self.model, waveform)
        spoken = share_spoken(reference)
        if spoken * len(reference.log_probs) < config.min_spoken_frames:
            return AdaptedWeights(None, [], f"fewer than {config.min_spoken_frames} frames say anything")
        with self._statistics.mixed():
            if self._carried is not None:
                set_weights(self._weights, self._carried)
                with torch.no_grad():
                    change = abs(share_spoken(emissions_of(self.model, waveform)) - spoken)
                if change > config.max_spoken_change:
                    self._carried = None
                    set_weights(self._weights, self._start)
            return step_down(self.model, waveform, self._weights, config=config, reference=reference)

    def _carry(self, weights: list[Tensor]) -> None:
        """Keep weights for the next segment, drawn back to the start."""
        left = 1.0 - self.config.anchor
        drawn = [start.lerp(weight, left) for start, weight in zip(self._start, weights, strict=True)]
        self._carried = drawn if left > 0 and self.config.max_steps > 0 else None

    def _decode_adapted(self, waveform: Tensor) -> str:
        """The text by the weights of the moment and the utterance's own statistics."""
        with self._statistics.mixed():
            return self._decode(waveform)

    def _decode(self, waveform: Tensor) -> str:
        """The model's own transcript of one utterance, and the model in evaluation mode."""
        return transcribe(self.model, [waveform.cpu().numpy()], self.config.transcribe)[0].text

    def _is_like(self, text: str, plain: str) -> bool:
        """Whether one text is at most so many times as long as the other."""
        longer, shorter = max(len(text), len(plain)), min(len(text), len(plain))
        return longer <= self.config.max_length_ratio * shorter


def adapt_and_transcribe(
    model: ASRModel, audio: Sequence[Waveform], config: AdaptationConfig | None = None
) -> list[AdaptedTranscript]:
    """Adapt to each utterance by itself and transcribe it; afterwards the model is what it was, bit for bit.

    Args:
        model: a NeMo recogniser with a CTC head (also hybrid) or a transducer, ours or plain.
        audio: waveforms at the model's sample rate, mono, [T] each.
        config: how; the default adapts the norms.

    Returns:
        One result per waveform, in order.

    Raises:
        TypeError: if the model has no emissions for every frame.
        ValueError: if the config names parameters that the model does not have, or a waveform is not [T].
    """

    def load(number: int) -> Waveform:
        with torch.inference_mode(False):
            return _mono(audio[number], f"audio[{number}]")

    return adapt_along_streams(model, load, range(len(audio)), config=config)


def adapt_along_streams(
    model: ASRModel,
    load: Callable[[int], Waveform],
    streams: Sequence[Hashable],
    *,
    config: AdaptationConfig | None = None,
) -> list[AdaptedTranscript]:
    """Adapt along several streams, one after the other; afterwards the model is what it was, bit for bit.

    Args:
        model: a NeMo recogniser with a CTC head (also hybrid) or a transducer, ours or plain.
        load: gives the segment of a number, mono at the model's sample rate, [T].
        streams: which stream each segment belongs to; segments of one stream come in their order here.
        config: how; the default adapts the norms.

    Returns:
        One result per segment, in the order of ``streams``.

    Raises:
        TypeError: if the model has no emissions for every frame.
        ValueError: if the config names parameters that the model does not have, or a segment is not [T].
    """
    stream = AdaptedStream(model, config)
    members: dict[Hashable, list[int]] = {}
    for number, name in enumerate(streams):
        members.setdefault(name, []).append(number)
    results: dict[int, AdaptedTranscript] = {}
    for numbers in members.values():
        with stream:
            for number in numbers:
                results[number] = stream.transcribe(load(number))
    return [results[number] for number in range(len(streams))]


def check_adaptable(model: ASRModel, config: AdaptationConfig) -> None:
    """Refuse a model that cannot adapt so, before any time is spent.

    Raises:
        TypeError: if the model has no emissions for every frame.
        ValueError: if the config names parameters that the model does not have, or ``batch_statistics`` without norms.
    """
    check_has_emissions(model)
    choose_parameters(model, config.parameters)
    OwnStatistics(model, config.batch_statistics)


def _mono(samples: Waveform, name: str) -> Tensor:
    """Samples as float32 on their device, if `check_waveform` takes them; of a kind that gradients may go by."""
    waveform = torch.as_tensor(check_waveform(samples, name))
    return waveform.clone() if waveform.is_inference() else waveform
