# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Untrained recognisers that hear: what they say depends on the sound. And sounds to say something about."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from nemo_noise.inference.adaptation.emissions import emissions_of
from tests.recognisers import build_recogniser

RATE = 16000


def tones(num_samples: int, seed: int) -> np.ndarray:
    """Tones that change, with pauses and a little noise, [T]."""
    time = np.arange(num_samples) / RATE
    pitch = 200 + 300 * np.floor(4 * time + seed) % 1700
    noise = 0.02 * np.random.default_rng(seed).standard_normal(num_samples)
    return (0.3 * np.sin(2 * np.pi * pitch * time) * (np.floor(3 * time) % 2) + noise).astype(np.float32)


def listening_ctc(folder: Path) -> Any:
    """A tiny CTC model of letters whose head is turned up until 4 of 10 frames are blank and the others differ."""
    torch.manual_seed(3)
    model = build_recogniser("ctc", folder)
    head, heard = model.decoder.decoder_layers[0], torch.from_numpy(tones(72000, 0))
    with torch.no_grad():
        head.weight *= 8.0
        head.bias -= emissions_of(model, heard).log_probs.mean(dim=0)
        log_probs = emissions_of(model, heard).log_probs
        head.bias[-1] += (log_probs[:, :-1].amax(dim=1) - log_probs[:, -1]).quantile(0.4)
    return model


def state_bytes(model: nn.Module) -> dict[str, bytes]:
    """Every parameter and buffer as bytes."""
    state = model.state_dict().items()
    return {name: value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() for name, value in state}


class LevelMeter(nn.Module):
    """A recogniser of one letter, said where the level of 10 ms is above a threshold; the threshold may be learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.preprocessor, self.decoder, self.encoder = _Levels(), nn.Identity(), nn.Module()
        self.encoder.bias = nn.Parameter(torch.tensor([-1.0]))
        self.cfg = DictConfig({"sample_rate": RATE})

    def forward(self, input_signal: Tensor, input_signal_length: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities [1, T, 2] of the letter and of the blank."""
        levels, length = self.preprocessor(input_signal, input_signal_length)
        letter = levels[:, 0] + self.encoder.bias  # [1, T]
        return torch.stack([letter, torch.zeros_like(letter)], dim=2).log_softmax(dim=2), length

    def transcribe(self, audio: list[np.ndarray], **_: object) -> list[str]:
        """An ``a`` for every sound but one that is there from the beginning."""
        texts = []
        for samples in audio:
            with torch.no_grad():
                said = (
                    self(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))[0][0].argmax(dim=1) == 0
                )  # [T]
            texts.append("a" * int((said[1:] & ~said[:-1]).sum()))
        return texts


class _Levels(nn.Module):
    """Means over 10 ms."""

    def forward(self, signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        return signal.unflatten(1, (-1, 160)).mean(dim=2).unsqueeze(1), length // 160
