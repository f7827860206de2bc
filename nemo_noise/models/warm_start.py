# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Proof of a warm start: what an encoder gives away before and after parts are added, on a few utterances."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from nemo.collections.asr.models import ASRModel

from nemo_noise.archive import read_config, restore
from nemo_noise.data.manifests.manifest import load_entry, read_manifest
from nemo_noise.data.synthesis.noise import NOISE_CLASSES, draw_noise
from nemo_noise.models.asr import add_noise_context, check_takes_context
from nemo_noise.models.context_parts import Choice, Options
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.output_settings import normalization_of

__all__ = ["Addition", "SameOutput", "add_and_compare", "compare", "encoder_outputs", "made_signals"]

UTTERANCES, LONGEST_S = 3, 20.0
Samples = NDArray[np.float32]


class SameOutput(NamedTuple):
    """How far outputs are from each other.

    Attributes:
        utterances: how many were compared.
        is_identical: whether all are equal, bit for bit.
        largest_difference: of any two numbers.
    """

    utterances: int
    is_identical: bool
    largest_difference: float


class Addition(NamedTuple):
    """A recogniser with an added noise context.

    Attributes:
        model: the recogniser.
        same: its output beside that of the plain one.
        new_parameters: numbers that were added.
        parameters: all numbers.
        moved: whether the normalisation moved from the preprocessor to the encoder.
    """

    model: ASRModel
    same: SameOutput
    new_parameters: int
    parameters: int
    moved: bool


def add_and_compare(
    checkpoint: Path, manifests: Sequence[str | Path] = (), *, context: Choice, fusion: Choice, options: Options = ()
) -> Addition:
    """Adds a noise context to a checkpoint, and compares the outputs on some speech, else on tones and noise.

    Args:
        checkpoint: a `.nemo` file.
        manifests: of speech; three utterances of it are taken.
        context: see `add_noise_context`, as are the others.
        fusion: likewise.
        options: likewise.
    """
    check_takes_context(read_config(checkpoint), str(checkpoint))
    plain = restore(checkpoint, "MODEL", device=torch.device("cpu"), kind=ASRModel)
    rate, moves = sample_rate_of(plain), normalization_of(plain.cfg)
    signals = _speech(manifests, rate) if manifests else made_signals(rate)
    before, old_size = encoder_outputs(plain, signals), sum(parameter.numel() for parameter in plain.parameters())
    in_preprocessor = plain.cfg.encoder.get("feature_normalization") is None and moves not in ("none", None)
    del plain  # two large models need not be here at once
    model = add_noise_context(checkpoint, context=context, fusion=fusion, options=options)
    size = sum(parameter.numel() for parameter in model.parameters())
    moved = in_preprocessor and model.cfg.encoder.get("feature_normalization") is not None
    return Addition(model, compare(before, encoder_outputs(model, signals)), size - old_size, size, moved)


def _speech(manifests: Sequence[str | Path], sample_rate: int) -> list[Samples]:
    entries = [entry for path in manifests for entry in read_manifest(path)]
    chosen = sorted({round(place) for place in np.linspace(0, len(entries) - 1, UTTERANCES)})
    return [load_entry(entries[index], sample_rate)[: int(LONGEST_S * sample_rate)] for index in chosen]


def encoder_outputs(model: ASRModel, waveforms: Sequence[Samples]) -> list[torch.Tensor]:
    """What the encoder of a model gives its decoder, [D, T] for each utterance [T]; all else of it is unchanged."""
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    outputs = []
    try:
        with torch.no_grad():
            for waveform in waveforms:
                signal = torch.from_numpy(waveform).unsqueeze(0).to(device)  # [1, T]
                length = torch.tensor([signal.shape[1]], device=device)
                features, frames = model.preprocessor(input_signal=signal, length=length)
                encoded: Any = model.encoder(audio_signal=features, length=frames)[0]
                outputs.append(encoded[0].cpu())
    finally:
        model.train(was_training)
    return outputs


def compare(before: Sequence[torch.Tensor], after: Sequence[torch.Tensor]) -> SameOutput:
    """Compares outputs of the same utterances."""
    pairs = list(zip(before, after, strict=True))
    same_shape = all(one.shape == other.shape for one, other in pairs)
    if not same_shape:
        return SameOutput(len(pairs), False, float("inf"))
    differences = [float((one.float() - other.float()).abs().max()) for one, other in pairs]
    return SameOutput(len(pairs), all(torch.equal(one, other) for one, other in pairs), max(differences))


def made_signals(sample_rate: int, seconds: float = 3.0) -> list[Samples]:
    """Tones in silence, and two noises: utterances [T] for a proof where there is no speech."""
    rng, size = np.random.default_rng(0), int(seconds * sample_rate)
    time = np.arange(size) / sample_rate
    tones = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 440.0, 1320.0)) * 0.1 * (np.sin(2 * np.pi * time) > 0)
    labels = sorted(NOISE_CLASSES)
    noises = [draw_noise(label, num_samples=size, sample_rate=sample_rate, rng=rng) for label in labels[:2]]
    return [np.asarray(tones, dtype=np.float32), *noises]
