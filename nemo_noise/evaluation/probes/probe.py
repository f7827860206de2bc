# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a context knows: linear, frozen probes for the noise, the SNR and the word (which it should not know)."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression, Ridge  # type: ignore[import-untyped]
from sklearn.pipeline import Pipeline, make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]
from torch import Tensor, nn

from nemo_noise import whole_file
from nemo_noise.evaluation.probes.probe_sets import ProbeSet
from nemo_noise.modules import ContextEncoder

__all__ = [
    "ProbeScore",
    "Representation",
    "context_representation",
    "explained_share",
    "linear_probe",
    "noise_floor_representation",
    "probe_accuracy",
    "probe_r2",
    "probe_representation",
    "represent_all",
    "spectrum_representation",
    "table",
    "write_scores",
]

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
Representation = Callable[[Tensor, Tensor], Tensor]  # samples [B, T], lengths [B] -> [B, C]

BATCH_SIZE = 64
NORMAL_95 = 1.96
REPLICATIONS = 1000


class ProbeScore(NamedTuple):
    """A score on the test split, its 95 % interval, what guessing gives, and how much data there was."""

    value: float
    low: float
    high: float
    chance: float
    num_train: int
    num_test: int


def probe_accuracy(
    train: FloatArray, train_labels: IntArray, *, test: FloatArray, test_labels: IntArray
) -> ProbeScore:
    """Accuracy of logistic regression on standardised contexts.

    Args:
        train: contexts to learn from [N, C].
        train_labels: their classes [N].
        test: contexts to test on [M, C].
        test_labels: their classes [M].

    Returns:
        Share of right answers with Wilson's interval; chance is always naming the commonest class of the training.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    probe.fit(train, train_labels)
    correct = int((probe.predict(test) == test_labels).sum())
    commonest = np.bincount(train_labels).argmax()
    chance = float((test_labels == commonest).mean())
    low, high = wilson_interval(correct, len(test_labels))
    return ProbeScore(correct / len(test_labels), low, high, chance, len(train_labels), len(test_labels))


def probe_r2(
    train: FloatArray, train_values: FloatArray, test: FloatArray, test_values: FloatArray, *, seed: int = 0
) -> ProbeScore:
    """R2 of ridge regression on standardised contexts, interval by bootstrap over the test recordings.

    Args:
        train: contexts to learn from [N, C].
        train_values: what to predict [N].
        test: contexts to test on [M, C].
        test_values: the truth [M].
        seed: of the bootstrap.

    Returns:
        Explained share of the variance; 0 for always naming the mean, below 0 for worse.
    """
    probe = linear_probe()
    probe.fit(train, train_values)
    predicted = probe.predict(test)
    draws = np.random.default_rng(seed).integers(len(test_values), size=(REPLICATIONS, len(test_values)))
    replicated = [explained_share(test_values[draw], predicted[draw]) for draw in draws]
    low, high = np.percentile(replicated, [2.5, 97.5])
    value = explained_share(test_values, predicted)
    return ProbeScore(value, float(low), float(high), 0.0, len(train_values), len(test_values))


def linear_probe() -> Pipeline:
    """Ridge regression on standardised contexts, not fitted yet."""
    return make_pipeline(StandardScaler(), Ridge(alpha=1.0))


def explained_share(truth: FloatArray, predicted: FloatArray) -> float:
    """R2 of predictions [N] of a truth [N]: 1 for no error, 0 for always naming the mean or where nothing varies."""
    residual = float(np.square(truth - predicted).sum())
    total = float(np.square(truth - truth.mean()).sum())
    return 1.0 - residual / total if total > 0 else 0.0


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """95 % interval of a binomial share (Wilson, 1927)."""
    share = correct / total
    square = NORMAL_95**2 / total
    center = (share + square / 2) / (1 + square)
    width = NORMAL_95 * np.sqrt(share * (1 - share) / total + square / total / 4) / (1 + square)
    return max(0.0, float(center - width)), min(1.0, float(center + width))


def context_representation(preprocessor: nn.Module, context_encoder: ContextEncoder) -> Representation:
    """The frozen context of recordings; one that follows the time is averaged over it."""
    preprocessor.eval()
    context_encoder.eval()

    def represent(samples: Tensor, lengths: Tensor) -> Tensor:
        features, frames = preprocessor(input_signal=samples, length=lengths)
        return context_encoder.read(features, frames).pooled()  # recordings of a probe have one length

    return represent


def spectrum_representation(preprocessor: nn.Module) -> Representation:
    """Mean and standard deviation of every band: what the features say without a context."""
    preprocessor.eval()

    def represent(samples: Tensor, lengths: Tensor) -> Tensor:
        features, frames = preprocessor(input_signal=samples, length=lengths)
        valid = features[:, :, : int(frames.min())]  # recordings of a probe have one length
        return torch.cat([valid.mean(dim=2), valid.std(dim=2)], dim=1)

    return represent


def noise_floor_representation(preprocessor: nn.Module, quantile: float = 0.1) -> Representation:
    """A low quantile of every band, nothing learned: it follows noise and no words, so it is the baseline to beat."""
    preprocessor.eval()

    def represent(samples: Tensor, lengths: Tensor) -> Tensor:
        features, frames = preprocessor(input_signal=samples, length=lengths)
        return features[:, :, : int(frames.min())].quantile(quantile, dim=2)  # recordings of a probe have one length

    return represent


def probe_representation(
    represent: Representation, noise_sets: Mapping[str, ProbeSet], word_set: ProbeSet
) -> dict[str, ProbeScore]:
    """Ask one representation everything.

    Scores are ``<name> noise accuracy`` and ``<name> SNR R2`` for every noise set, and ``word accuracy``.
    """
    scores = {}
    for name, noise_set in noise_sets.items():
        train, test = (
            represent_all(represent, noise_set.train.samples),
            represent_all(represent, noise_set.test.samples),
        )
        scores[f"{name} noise accuracy"] = probe_accuracy(
            train, noise_set.train.labels, test=test, test_labels=noise_set.test.labels
        )
        scores[f"{name} SNR R2"] = probe_r2(train, noise_set.train.snr_db, test, noise_set.test.snr_db)
    train, test = represent_all(represent, word_set.train.samples), represent_all(represent, word_set.test.samples)
    scores["word accuracy"] = probe_accuracy(train, word_set.train.labels, test=test, test_labels=word_set.test.labels)
    return scores


def table(scores: Mapping[str, Mapping[str, ProbeScore]]) -> str:
    """Text table: a row for each representation, a column for each question, ``value [low, high]``."""
    questions = list(next(iter(scores.values())))
    chances = [f"{next(iter(scores.values()))[question].chance:.2f}" for question in questions]
    rows = [["", *questions], ["chance", *chances]]
    for name, answers in scores.items():
        cells = [answers[question] for question in questions]
        rows.append([name, *(f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]" for score in cells)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def write_scores(path: str | Path, scores: Mapping[str, Mapping[str, ProbeScore]]) -> None:
    """Write the scores as JSON: representation -> question -> value, interval, chance and counts."""
    plain = {name: {key: score._asdict() for key, score in answers.items()} for name, answers in scores.items()}
    whole_file.write_text(path, json.dumps(plain, indent=2) + "\n")


@torch.inference_mode()
def represent_all(represent: Representation, samples: npt.NDArray[np.float32]) -> FloatArray:
    """What a representation says of recordings: samples [N, T] to contexts [N, C]."""
    contexts = []
    for start in range(0, len(samples), BATCH_SIZE):
        batch = torch.from_numpy(samples[start : start + BATCH_SIZE].copy())
        lengths = torch.full((len(batch),), batch.shape[1], dtype=torch.int64)
        contexts.append(represent(batch, lengths).float().numpy())
    stacked: FloatArray = np.concatenate(contexts)
    return stacked
