# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How unsure a recogniser is of one utterance: entropy and class confusion of its emissions, no transcript needed.

Lin et al., Interspeech 2022 (SUTA, "Listen, adapt, better WER", arXiv 2203.14222) for their use in recognition; Jin et
al., ECCV 2020 for minimum class confusion.
"""

from enum import Enum

import torch
from torch import Tensor

__all__ = ["Objective", "class_confusion", "entropies", "spoken_frames", "uncertainty"]


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
    """How often two classes are likely in the same frame, sure frames counting more.

    Args:
        log_probs: [T, V].

    Returns:
        A number from 0 (every frame knows its class) to (V - 1) / V (none knows anything).
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
    """The number that an adaptation makes smaller.

    Args:
        log_probs: of one utterance without padding [T, V].
        blank: the class that means nothing; the entropy is that of the other frames.
        objective: ``entropy`` or ``entropy_and_confusion``; see ``masked_prediction.py`` for the other.
        temperature: divides the log-probabilities first; above 1, sure frames still teach something.
        confusion_weight: share of the confusion in ``entropy_and_confusion``.

    Returns:
        Scalar; not a number if blank is likeliest everywhere.

    Raises:
        ValueError: if the objective is no measure of being unsure.
    """
    if objective is Objective.MASKED_PREDICTION:
        raise ValueError(f"objective={objective.value!r} needs two runs of the recogniser; use `disagreement`.")
    is_spoken = spoken_frames(log_probs.detach(), blank)
    softened = (log_probs / temperature).log_softmax(dim=1)
    entropy = entropies(softened)[is_spoken].mean()
    if objective is Objective.ENTROPY:
        return entropy
    return (1.0 - confusion_weight) * entropy + confusion_weight * class_confusion(softened)
