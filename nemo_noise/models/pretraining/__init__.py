# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Self-supervised pretraining of a noise context: pretext tasks, and what hides a part of the input."""

from nemo_noise.models.pretraining.contrast import EnvironmentContrast
from nemo_noise.models.pretraining.hidden_noise import HiddenNoise
from nemo_noise.models.pretraining.masked_cells import CellMasking, MaskedCells
from nemo_noise.models.pretraining.masked_sensors import MaskedSensors
from nemo_noise.models.pretraining.masked_spans import MaskedSpans, SpanMasking
from nemo_noise.models.pretraining.redundancy import ContextVariance, Redundancy, SpeechLeakage
from nemo_noise.models.pretraining.snr import SNRRegression
from nemo_noise.models.pretraining.task import PretextTask

__all__ = [
    "CellMasking",
    "ContextVariance",
    "EnvironmentContrast",
    "HiddenNoise",
    "MaskedCells",
    "MaskedSensors",
    "MaskedSpans",
    "PretextTask",
    "Redundancy",
    "SNRRegression",
    "SpanMasking",
    "SpeechLeakage",
]
