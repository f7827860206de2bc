# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The objectives of an adaptation, without a transcript: entropy, class confusion, prediction of hidden frames.

Lin et al., Interspeech 2022 (SUTA, "Listen, adapt, better WER", arXiv 2203.14222) for entropy and confusion in
recognition; Jin et al., ECCV 2020 for minimum class confusion. Masked prediction has no head: the outputs where spans
are hidden are compared with those of the run on everything. It is test-time training (Sun et al., ICML 2020) with the
consistency of CR-CTC (Yao et al., ICLR 2025, arXiv 2410.05101, where it is a loss of training) in its one-sided form:
that run teaches and stays as it was.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.modules.wav2vec.span_mask import draw_span_mask

__all__ = [
    "Objective",
    "class_confusion",
    "disagreement",
    "draw_hidden_frames",
    "entropies",
    "features_hidden",
    "spoken_frames",
    "uncertainty",
]


class Objective(str, Enum):
    """What an adaptation makes smaller: the entropy alone, or with the confusion of classes, or what masks do."""

    ENTROPY = "entropy"
    ENTROPY_AND_CONFUSION = "entropy_and_confusion"
    MASKED_PREDICTION = "masked_prediction"


def entropies(log_probs: Tensor) -> Tensor:
    """Entropy of every frame in nats: [T, V] -> [T]; a probability of zero counts nothing."""
    return -(log_probs.exp() * log_probs.clamp_min(torch.finfo(log_probs.dtype).min)).sum(dim=1)


def spoken_frames(log_probs: Tensor, blank: int) -> Tensor:
    """Which frames have another likeliest class than blank: [T, V] -> [T]."""
    return log_probs.argmax(dim=1) != blank


def class_confusion(log_probs: Tensor) -> Tensor:
    """How often two classes are likely in the same frame of [T, V], sure frames counting more.

    A number from 0 (every frame is sure of its class) to (V - 1) / V (none is).
    """
    probs = log_probs.exp()  # [T, V]
    weights = 1.0 + (-entropies(log_probs).detach()).exp()
    weights = weights / weights.mean()
    together = probs.T @ (weights.unsqueeze(1) * probs)  # [V, V]
    together = together / together.sum(dim=1, keepdim=True).clamp_min(torch.finfo(probs.dtype).tiny)
    return (together.sum() - together.trace()) / together.shape[0]


def uncertainty(
    log_probs: Tensor, blank: int, *, objective: Objective, temperature: float, confusion_weight: float
) -> Tensor:
    """The number that an adaptation makes smaller by ``entropy`` or ``entropy_and_confusion``; NaN if all is blank.

    Args:
        log_probs: of one utterance without padding [T, V].
        blank: the class that means nothing; the entropy is that of the other frames.
        objective: a ValueError for ``masked_prediction``.
        temperature: divides the log-probabilities first; above 1, sure frames still teach something.
        confusion_weight: share of the confusion, 0 to 1.
    """
    if objective is Objective.MASKED_PREDICTION:
        raise ValueError(f"objective={objective.value!r} needs two runs of the recogniser; use `disagreement`.")
    is_spoken = spoken_frames(log_probs.detach(), blank)
    softened = (log_probs / temperature).log_softmax(dim=1)
    entropy = entropies(softened)[is_spoken].mean()
    if objective is Objective.ENTROPY:
        return entropy
    return (1.0 - confusion_weight) * entropy + confusion_weight * class_confusion(softened)


def draw_hidden_frames(waveform: Tensor, num_frames: int, *, share: float, span: int) -> Tensor:
    """Draws which frames [T'] of an utterance are hidden, on the CPU: the same for the same samples [T].

    Args:
        waveform: its bytes are the seed.
        num_frames: those that the recogniser puts out.
        share: spans times their length over the number of frames; there is one span at least.
        span: frames of one span; at most half the utterance.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(waveform.detach().cpu().numpy().tobytes()))
    span = max(1, min(span, num_frames // 2))
    length = torch.tensor([num_frames])
    return draw_span_mask(length, num_frames, share=share, span=span, min_spans=1, generator=generator)[0]


@contextmanager
def features_hidden(model: ASRModel, hidden: Tensor) -> Iterator[None]:
    """Gives a recogniser the mean of every feature over the utterance where its output frames [T'] are hidden.

    Features, or samples, follow in proportion; one utterance at a time. A TypeError without a preprocessor.
    """
    if not isinstance(getattr(model, "preprocessor", None), nn.Module):
        raise TypeError(f"{type(model).__name__} has no preprocessor, so that its features cannot be hidden.")

    def hide(module: nn.Module, inputs: Any, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        features, length = output  # [1, D, F], [1]
        num_valid = int(length[0])
        place = torch.arange(num_valid) * len(hidden) // max(1, num_valid)  # [F'], the output frame of each
        is_hidden = torch.zeros(features.shape[-1], dtype=torch.bool)
        is_hidden[:num_valid] = hidden.cpu()[place]
        mean = features[..., :num_valid].mean(dim=-1, keepdim=True)  # [1, D, 1]
        return torch.where(is_hidden.to(features.device), mean, features), length

    handle = model.preprocessor.register_forward_hook(hide)
    try:
        yield
    finally:
        handle.remove()


def disagreement(whole: Tensor, guessed: Tensor, hidden: Tensor, *, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of the guess from the whole, both [T, V], mean over the hidden frames, in nats.

    No gradient reaches ``whole``; the temperature divides both log-probabilities first.
    """
    lowest = torch.finfo(guessed.dtype).min
    hidden = hidden.to(guessed.device)
    teacher = (whole.detach()[hidden] / temperature).log_softmax(dim=1).clamp_min(lowest)  # [M, V]
    student = (guessed[hidden] / temperature).log_softmax(dim=1).clamp_min(lowest)
    return (teacher.exp() * (teacher - student)).sum(dim=1).mean()
