# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Test-time training: a recogniser takes a few steps towards being sure of one utterance, decodes it, forgets them.

After Lin et al., Interspeech 2022 (SUTA, arXiv 2203.14222). Utterances are adapted to one by one, so none knows what
else was in a batch. Decoding is the model's own, greedy or beam, and does not know of the adaptation.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.inference.borrowed_weights import borrowed_weights, choose_parameters
from nemo_noise.inference.emissions import Emissions, emissions_of
from nemo_noise.inference.uncertainty import Objective, spoken_frames, uncertainty

__all__ = ["AdaptationConfig", "AdaptedTranscript", "adapt_and_transcribe"]

NOT_NEGATIVE = (
    *("max_steps", "max_seconds", "learning_rate", "min_improvement", "min_duration_s", "min_spoken_frames"),
    "max_spoken_change",
)


@dataclass(frozen=True)
class AdaptationConfig:
    """How to adapt, and when to leave it.

    Args:
        parameters: what adapts: ``norms``, ``context``, ``fast_weights``, or patterns of parameter names.
        objective: ``entropy`` or ``entropy_and_confusion``.
        max_steps: steps per utterance at most; 0 for none.
        max_seconds: no step begins later than this after the first, in seconds; None for no limit. A limit makes
            results depend on the speed of the machine.
        learning_rate: of Adam.
        temperature: softens the emissions before they are judged.
        confusion_weight: share of the confusion in ``entropy_and_confusion``.
        patience: stop after as many steps without improvement.
        min_improvement: of the objective, relative; less is none.
        min_duration_s: shorter utterances are left alone, in seconds.
        min_spoken_frames: so are those with fewer frames that say anything.
        max_spoken_change: the share of frames that say something may change by no more.
        max_length_ratio: the adapted text may be so many times as long as the other, or the other than it.
        transcribe: further arguments of the model's ``transcribe``.

    Raises:
        ValueError: if a number is out of its range.
    """

    parameters: Sequence[str] = ("norms",)
    objective: Objective | str = Objective.ENTROPY_AND_CONFUSION
    max_steps: int = 10
    max_seconds: float | None = None
    learning_rate: float = 3e-4
    temperature: float = 2.5
    confusion_weight: float = 0.7
    patience: int = 2
    min_improvement: float = 1e-3
    min_duration_s: float = 1.0
    min_spoken_frames: int = 5
    max_spoken_change: float = 0.2
    max_length_ratio: float = 2.0
    transcribe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = [member.value for member in Objective]
        if self.objective not in known:
            raise ValueError(f"objective={self.objective!r} is unknown; use one of {known}.")
        if isinstance(self.parameters, str) or not self.parameters:
            raise ValueError(f"parameters={self.parameters!r} must be a list of names, such as ['norms'].")
        if not isinstance(self.max_steps, int):
            raise ValueError(f"max_steps={self.max_steps!r} must be a whole number, 0 or more.")
        for name in NOT_NEGATIVE:
            value = getattr(self, name)
            if value is None and name == "max_seconds":
                continue
            if not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"{name}={value!r} must be 0 or more.")
        if self.temperature <= 0 or self.patience < 1 or self.max_length_ratio < 1:
            raise ValueError(
                f"temperature={self.temperature} must be above 0, patience={self.patience} and "
                f"max_length_ratio={self.max_length_ratio} at least 1."
            )
        if not 0 <= self.confusion_weight <= 1:
            raise ValueError(f"confusion_weight={self.confusion_weight} must be from 0 to 1.")


class AdaptedTranscript(NamedTuple):
    """What was heard, and how it came to that.

    ``text`` is the result and ``plain_text`` what the model says unadapted; they are the same if ``is_adapted`` is
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


class _Found(NamedTuple):
    """The best weights of an adaptation, or None, with the course of the objective and why it ended."""

    weights: list[Tensor] | None
    objective: list[float]
    reason: str


def adapt_and_transcribe(
    model: ASRModel, audio: Sequence[npt.NDArray[np.float32] | Tensor], config: AdaptationConfig | None = None
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
    config = config or AdaptationConfig()
    names = choose_parameters(model, config.parameters)
    results = []
    for number, samples in enumerate(audio):
        waveform = torch.as_tensor(samples, dtype=torch.float32)
        if waveform.dim() != 1 or len(waveform) == 0:
            raise ValueError(
                f"audio[{number}] has the shape {tuple(waveform.shape)}; it must be mono, [T], not empty."
            )
        with torch.inference_mode(False), torch.enable_grad(), borrowed_weights(model, names) as weights:
            results.append(_adapt_one(model, waveform, weights, config))
    return results


def _adapt_one(
    model: ASRModel, waveform: Tensor, weights: list[nn.Parameter], config: AdaptationConfig
) -> AdaptedTranscript:
    """One utterance, with weights that may be changed."""
    began = time.perf_counter()
    plain = _transcribe(model, waveform, config)
    transcribed = time.perf_counter()
    duration_s = len(waveform) / float(model.cfg.sample_rate)
    found, text, reason = _Found(None, [], ""), plain, ""
    if config.max_steps == 0:
        reason = "max_steps=0"
    elif duration_s < config.min_duration_s:
        reason = f"shorter than {config.min_duration_s} s"
    else:
        found = _adapted_weights(model, waveform.to(next(model.parameters()).device), weights, config)
        reason = found.reason
    if found.weights is not None:
        _put(weights, found.weights)
        text = _transcribe(model, waveform, config)
        if not _is_like(text, plain, config.max_length_ratio):
            found, text, reason = found._replace(weights=None), plain, f"the text changed its length: {text[:80]!r}"
    spent = time.perf_counter() - transcribed
    num_steps = max(0, len(found.objective) - 1)
    is_adapted = found.weights is not None
    return AdaptedTranscript(text, plain, is_adapted, reason, num_steps, found.objective, spent, transcribed - began)


def _adapted_weights(
    model: ASRModel, waveform: Tensor, weights: list[nn.Parameter], config: AdaptationConfig
) -> _Found:
    """Step until the objective stops falling or the budget is spent; the best weights, if any are better."""
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    values: list[float] = []
    best, since_best, best_weights, began = math.inf, 0, None, time.perf_counter()
    spoken_before = -1.0
    reason = f"max_steps={config.max_steps} taken"
    while True:
        emissions = emissions_of(model, waveform)
        spoken = _share_spoken(emissions)
        if not values:
            spoken_before = spoken
            if spoken * len(emissions.log_probs) < config.min_spoken_frames:
                return _Found(None, [], f"fewer than {config.min_spoken_frames} frames say anything")
        objective = Objective(config.objective)
        loss = uncertainty(*emissions, objective, config.temperature, config.confusion_weight)
        value = float(loss.detach())
        values.append(value)
        if not math.isfinite(value) or abs(spoken - spoken_before) > config.max_spoken_change:
            reason = f"the emissions changed too much after {len(values) - 1} steps"
            break
        if value < best - config.min_improvement * abs(best if math.isfinite(best) else 0.0):
            best, since_best = value, 0
            best_weights = [weight.detach().clone() for weight in weights] if len(values) > 1 else None
        else:
            since_best += 1
        if since_best >= config.patience:
            reason = f"no improvement in {config.patience} steps"
            break
        if len(values) > config.max_steps:
            break
        if config.max_seconds is not None and time.perf_counter() - began > config.max_seconds:
            reason = f"max_seconds={config.max_seconds} spent"
            break
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights, allow_unused=True), strict=True):
            weight.grad = gradient
        optimizer.step()
    return _Found(best_weights, values, reason)


def _share_spoken(emissions: Emissions) -> float:
    """The share of frames that say something, 0 of none."""
    if len(emissions.log_probs) == 0:
        return 0.0
    return float(spoken_frames(emissions.log_probs.detach(), emissions.blank).float().mean())


def _is_like(text: str, plain: str, max_ratio: float) -> bool:
    """Whether one text is at most so many times as long as the other."""
    longer, shorter = max(len(text), len(plain)), min(len(text), len(plain))
    return longer <= max_ratio * shorter


@torch.no_grad()
def _put(weights: list[nn.Parameter], values: list[Tensor]) -> None:
    """Set borrowed weights to values."""
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)


def _transcribe(model: ASRModel, waveform: Tensor, config: AdaptationConfig) -> str:
    """The model's own transcript of one utterance, and the model in evaluation mode."""
    verbosity = logging.get_verbosity()
    try:
        output = model.transcribe(
            [waveform.cpu().numpy()], batch_size=1, num_workers=0, verbose=False, **config.transcribe
        )
    finally:
        logging.set_verbosity(verbosity)
        model.eval()
    best = output[0] if isinstance(output, tuple) else output
    while isinstance(best, list):
        best = best[0]
    return best if isinstance(best, str) else str(best.text)
