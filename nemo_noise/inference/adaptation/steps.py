# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of an adaptation: down the objective on one utterance, until it stops falling or looks wrong."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.adaptation.emissions import Emissions, emissions_of
from nemo_noise.inference.adaptation.objectives import (
    Objective,
    disagreement,
    draw_hidden_frames,
    features_hidden,
    spoken_frames,
    uncertainty,
)

__all__ = ["AdaptedWeights", "set_weights", "share_spoken", "step_down"]


class AdaptedWeights(NamedTuple):
    """The best weights of an adaptation, or None, with the course of the objective and why it ended."""

    weights: list[Tensor] | None
    objective: list[float]
    reason: str


class _Judged(NamedTuple):
    spoken: float
    loss: Tensor


def step_down(
    model: ASRModel, waveform: Tensor, weights: list[nn.Parameter], *, config: AdaptationConfig, reference: Emissions
) -> AdaptedWeights:
    """Steps on an utterance [T] until the objective stops falling or the budget is spent; gradients must be on.

    Returns:
        The best weights, if any are better than those that it began with; with ``batch_statistics`` these themselves
        may be the best, as they give something else already. None if the steps led to where the emissions changed too
        much, as what they passed on the way is not to be believed either.
    """
    judge = _judge(model, waveform, config=config, reference=reference)
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    spoken_before, values = share_spoken(reference), list[float]()
    best, since_best, best_weights, began = math.inf, 0, None, time.perf_counter()
    reason = f"max_steps={config.max_steps} taken"
    while True:
        judged = judge()
        value = float(judged.loss.detach())
        values.append(value)
        if not math.isfinite(value) or abs(judged.spoken - spoken_before) > config.max_spoken_change:
            return AdaptedWeights(None, values, f"the emissions changed too much after {len(values) - 1} steps")
        if value < best - config.min_improvement * abs(best if math.isfinite(best) else 0.0):
            best, since_best = value, 0
            is_changed = len(values) > 1 or config.batch_statistics > 0  # these change the model before any step
            best_weights = [weight.detach().clone() for weight in weights] if is_changed else None
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
        gradients = torch.autograd.grad(judged.loss, weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
    return AdaptedWeights(best_weights, values, reason)


def share_spoken(emissions: Emissions) -> float:
    """The share of frames whose likeliest class is not blank, 0 of none."""
    if len(emissions.log_probs) == 0:
        return 0.0
    return float(spoken_frames(emissions.log_probs.detach(), emissions.blank).float().mean())


@torch.no_grad()
def set_weights(weights: list[nn.Parameter], values: list[Tensor]) -> None:
    """Sets borrowed weights to values."""
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)


def _judge(
    model: ASRModel, waveform: Tensor, *, config: AdaptationConfig, reference: Emissions
) -> Callable[[], _Judged]:
    objective = Objective(config.objective)
    if objective is Objective.MASKED_PREDICTION:
        duration_s = len(waveform) / float(model.cfg.sample_rate)
        num_frames = len(reference.log_probs)
        span = round(config.mask_span_s * num_frames / duration_s)
        hidden = draw_hidden_frames(waveform, num_frames, share=config.mask_share, span=span)

        def by_masks() -> _Judged:
            with torch.no_grad():
                emissions = emissions_of(model, waveform)
            with features_hidden(model, hidden):
                guessed = emissions_of(model, waveform, reference.path)
            loss = disagreement(reference.log_probs, guessed.log_probs, hidden, temperature=config.temperature)
            return _Judged(share_spoken(emissions), loss)

        return by_masks

    def by_uncertainty() -> _Judged:
        emissions = emissions_of(model, waveform)
        loss = uncertainty(
            emissions.log_probs,
            emissions.blank,
            objective=objective,
            temperature=config.temperature,
            confusion_weight=config.confusion_weight,
        )
        return _Judged(share_spoken(emissions), loss)

    return by_uncertainty
