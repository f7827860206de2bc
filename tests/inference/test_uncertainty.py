# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Entropy and class confusion: equal to torch's and to a loop, zero for the sure, largest for the clueless."""

import math

import pytest
import torch

from nemo_noise.inference.adaptation.objectives import (
    Objective,
    class_confusion,
    entropies,
    spoken_frames,
    uncertainty,
)


def test_the_entropy_is_torch_s() -> None:
    log_probs = torch.randn(7, 5).log_softmax(dim=1)
    expected = torch.distributions.Categorical(logits=log_probs).entropy()
    assert torch.allclose(entropies(log_probs), expected, atol=1e-6)


def test_a_probability_of_zero_is_no_trouble() -> None:
    log_probs = torch.tensor([[0.0, -math.inf]]).requires_grad_()
    entropies(log_probs).sum().backward()
    assert entropies(log_probs).item() == 0.0 and log_probs.grad is not None and log_probs.grad.isfinite().all()


def test_the_confusion_is_that_of_a_loop_over_frames_and_classes() -> None:
    log_probs = torch.randn(6, 4, dtype=torch.float64).log_softmax(dim=1)
    probs = log_probs.exp()
    weights = [1.0 + math.exp(-float(-(frame * frame.log()).sum())) for frame in probs]
    total = [[sum(w * float(f[i] * f[j]) for w, f in zip(weights, probs, strict=True)) for j in range(4)]
             for i in range(4)]  # fmt: skip
    expected = sum(total[i][j] / sum(total[i]) for i in range(4) for j in range(4) if i != j) / 4
    assert float(class_confusion(log_probs)) == pytest.approx(expected, abs=1e-12)


def test_the_sure_are_not_confused_and_the_clueless_are_wholly() -> None:
    sure = torch.full((4, 4), -60.0).fill_diagonal_(0.0).log_softmax(dim=1)
    clueless = torch.zeros(6, 4).log_softmax(dim=1)
    assert float(class_confusion(sure)) == pytest.approx(0.0, abs=1e-6)
    assert float(class_confusion(clueless)) == pytest.approx(3 / 4, abs=1e-6)


def test_the_entropy_is_that_of_frames_that_say_something() -> None:
    log_probs = torch.randn(20, 5).log_softmax(dim=1)
    is_spoken = spoken_frames(log_probs, blank=4)
    expected = entropies((log_probs / 2.0).log_softmax(dim=1))[is_spoken].mean()
    actual = uncertainty(log_probs, 4, objective=Objective.ENTROPY, temperature=2.0, confusion_weight=0.7)
    assert 0 < is_spoken.sum() < 20 and torch.allclose(actual, expected)
    both = uncertainty(log_probs, 4, objective=Objective.ENTROPY_AND_CONFUSION, temperature=2.0, confusion_weight=0.7)
    confusion = class_confusion((log_probs / 2.0).log_softmax(dim=1))
    assert torch.allclose(both, 0.3 * expected + 0.7 * confusion)
