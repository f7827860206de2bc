# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny models and sounds for the tests of evaluation."""

import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from omegaconf import DictConfig

from nemo.collections.asr.models import EncDecCTCModel

SAMPLE_RATE = 16000
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ENCODER = {
    "_target_": "nemo.collections.asr.modules.ConformerEncoder",
    "feat_in": 16,
    "n_layers": 2,
    "d_model": 32,
    "subsampling": "dw_striding",
    "subsampling_factor": 4,
    "subsampling_conv_channels": 16,
    "n_heads": 2,
    "conv_kernel_size": 5,
}


def streaming_encoder(has_context: bool = False, is_causal_context: bool = True, **changes: object) -> dict:
    """The configuration of an encoder that hears nothing beyond chunks of 4 frames, 160 ms."""
    causal = {"causal_downsampling": True, "conv_context_size": "causal", "conv_norm_type": "layer_norm"}
    chunks = {"att_context_style": "chunked_limited", "att_context_size": [28, 3]}
    encoder = ENCODER | causal | chunks | changes
    if not has_context:
        return encoder
    kind = "CausalStatisticsContextEncoder" if is_causal_context else "StatisticsContextEncoder"
    context = {"_target_": f"nemo_noise.modules.{kind}", "feat_in": 16, "d_context": 8}
    context |= {"stride": 4} if is_causal_context else {}
    fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 32, "d_context": 8}}
    target = "nemo_noise.modules.NoiseAwareConformerEncoder"
    return encoder | {"_target_": target, "context": context, "fusion": fusion}


def tiny_ctc(
    encoder: dict | None = None, sample_rate: int = SAMPLE_RATE, seed: int = 0, normalize: str = "per_feature"
) -> EncDecCTCModel:
    """Build a randomly initialised character CTC model."""
    torch.manual_seed(seed)
    labels = list(" abcdefghijklmnopqrstuvwxyz'")
    config = {
        "sample_rate": sample_rate,
        "labels": labels,
        "preprocessor": {
            "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "sample_rate": sample_rate,
            "features": 16,
            "normalize": normalize,
        },
        "encoder": encoder or ENCODER,
        "decoder": {
            "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
            "feat_in": 32,
            "num_classes": len(labels),
            "vocabulary": labels,
        },
        "optim": {"name": "adamw", "lr": 0.001},
    }
    return EncDecCTCModel(DictConfig(config)).eval()


def write_speech(folder: Path, count: int = 3) -> Path:
    """Write synthetic utterances and their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(1)
    lines = []
    for index in range(count):
        seconds = 1.0 + 0.2 * index
        time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        tone = 0.3 * np.sin(2 * np.pi * (180 + 60 * index) * time) * (np.sin(2 * np.pi * 3 * time) > 0)
        soundfile.write(folder / f"utt{index}.wav", tone + 0.001 * generator.standard_normal(len(time)), SAMPLE_RATE)
        text = " ".join(WORDS[(index + offset) % 10] for offset in range(3))
        lines.append({"audio_filepath": f"utt{index}.wav", "duration": seconds, "text": text, "speaker": f"s{index}"})
    return write_lines(folder / "speech.json", lines)


def write_noise(folder: Path, labels: tuple[str, ...] = ("rain", "dog")) -> Path:
    """Write noises and their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for index, label in enumerate(labels):
        noise = 0.1 * np.random.default_rng(10 + index).standard_normal(3 * SAMPLE_RATE)
        soundfile.write(folder / f"{label}.wav", noise, SAMPLE_RATE)
        lines.append({"audio_filepath": f"{label}.wav", "duration": 3.0, "label": label})
    return write_lines(folder / "noise.json", lines)


def write_lines(path: Path, lines: list[dict]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
