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
from fnmatch import fnmatchcase
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.adaptation.emissions import check_has_emissions, emissions_of
from nemo_noise.inference.adaptation.steps import AdaptedWeights, set_weights, share_spoken, step_down
from nemo_noise.inference.decoding.guarded_transcription import transcribe_guarded
from nemo_noise.modules.mixers.lact.mixer import FastWeightsStart
from nemo_noise.modules.mixers.ssm.mixer import GatedRMSNorm
from nemo_noise.recogniser.batch_statistics import OwnStatistics
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.state import borrowed_weights
from nemo_noise.recogniser.waveforms import check_waveform

__all__ = [
    "AdaptationConfig",
    "AdaptedStream",
    "AdaptedTranscript",
    "adapt_along_streams",
    "adapt_and_transcribe",
    "check_adaptable",
    "choose_parameters",
]

Waveform = npt.NDArray[np.float32] | Tensor
NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm, GatedRMSNorm)
CONTEXT = ("encoder.context_encoder.", "encoder.fusions.")
PARAMETER_SETS = ("norms", "context", "fast_weights")


class AdaptedTranscript(NamedTuple):
    """A transcript, and how it came to that.

    ``plain_text`` is that of the unadapted model; ``text`` is the same if ``is_adapted`` is False, for the ``reason``
    given. ``objective`` has one value before the steps and one after each.
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
            reason += "; transcribed with the weights of earlier segments"
            if not is_adapted:
                reason += f", which changed its length: {text[:80]!r}; back to the start"
                text, self._carried = plain, None
        spent, num_steps = time.perf_counter() - transcribed, max(0, len(found.objective) - 1)
        return AdaptedTranscript(
            text, plain, is_adapted, reason, num_steps, found.objective, spent, transcribed - began
        )

    def _adapt(self, waveform: Tensor) -> AdaptedWeights:
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
            return AdaptedWeights(None, [], f"fewer than {config.min_spoken_frames} frames are not blank")
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
        left = 1.0 - self.config.anchor
        drawn = [start.lerp(weight, left) for start, weight in zip(self._start, weights, strict=True)]
        self._carried = drawn if left > 0 and self.config.max_steps > 0 else None

    def _decode_adapted(self, waveform: Tensor) -> str:
        with self._statistics.mixed():
            return self._decode(waveform)

    def _decode(self, waveform: Tensor) -> str:
        return transcribe_guarded(self.model, [waveform.cpu().numpy()], self.config.transcribe)[0].text

    def _is_like(self, text: str, plain: str) -> bool:
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
    """Raises a TypeError without emissions for every frame, a ValueError where the config does not fit the model."""
    check_has_emissions(model)
    choose_parameters(model, config.parameters)
    OwnStatistics(model, config.batch_statistics)


def choose_parameters(model: nn.Module, parameters: Sequence[str]) -> list[str]:
    """The names of the parameters that shall adapt, in the model's order; a ValueError where one names none.

    Args:
        model: the recogniser.
        parameters: ``norms`` (scale and shift of all norms in the encoder), ``context`` (noise context and fusions),
            ``fast_weights`` (the starts of LaCT's), or patterns of full names such as ``encoder.layers.0.*``.
    """
    names = [name for name, _ in model.named_parameters()]
    owners = {"norms": NORMS, "fast_weights": (FastWeightsStart,)}
    chosen: set[str] = set()
    for wanted in parameters:
        if wanted in owners:
            owned = [name for name, module in model.named_modules() if isinstance(module, owners[wanted])]
            found = {name for name in names if name.rpartition(".")[0] in owned and name.startswith("encoder.")}
        elif wanted == "context":
            found = {name for name in names if name.startswith(CONTEXT)}
        else:
            found = {name for name in names if fnmatchcase(name, wanted)}
        if not found:
            raise ValueError(
                f"parameters={wanted!r} names no parameter of this {type(model).__name__}; use one of "
                f"{list(PARAMETER_SETS)}, if the model has such, or a pattern like {names[0]!r}."
            )
        chosen |= found
    return [name for name in names if name in chosen]


def _mono(samples: Waveform, name: str) -> Tensor:
    waveform = torch.as_tensor(check_waveform(samples, name))
    return waveform.clone() if waveform.is_inference() else waveform  # autograd refuses inference tensors
