# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a model makes of two fixed recordings: numbers of every output, texts where there are any."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nemo_noise.data.manifests.sensors import SensorBatch

RATE = 16000
KEPT = 48  # numbers of each output
Batch = dict[str, Any]


def recordings(num_samples: int = RATE) -> tuple[Tensor, Tensor]:
    """Two bursts of tones in noise, [2, T], and their lengths."""
    time = np.arange(num_samples) / RATE
    rng = np.random.default_rng(3)
    rows = [np.sin(2 * np.pi * pitch * time) * (np.sin(2 * np.pi * 3 * time) > -0.3) for pitch in (220.0, 510.0)]
    signal = torch.from_numpy(0.2 * np.stack(rows) + 0.03 * rng.standard_normal((2, num_samples))).float()
    length = torch.tensor([num_samples, 3 * num_samples // 4])
    return signal.masked_fill(torch.arange(num_samples) >= length[:, None], 0.0), length


def pairs() -> Batch:
    """Eight pairs of views for pretraining, with one stream of sensors that two views lack."""
    rng = np.random.default_rng(5)
    noise = 0.1 * np.cumsum(rng.standard_normal((8, 2, 12800)), axis=-1) / np.sqrt(np.arange(1, 12801))
    speech = np.sin(2 * np.pi * (200 + 60 * np.arange(8))[:, None, None] * np.arange(12800) / RATE)
    snr_db = rng.uniform(-5.0, 20.0, 8)
    length = np.stack([np.full(8, 12800), np.full(8, 11200)], axis=1)
    audio = 0.05 * 10 ** (snr_db / 20)[:, None, None] * speech + noise
    beyond = np.arange(12800) >= length[..., None]
    shaking = np.sin(2 * np.pi * np.arange(16)[:, None] * np.arange(80) / 100.0) + 0.01 * rng.standard_normal((16, 80))
    valid = torch.tensor([80] * 14 + [0, 0])
    return {
        "audio": torch.from_numpy(np.where(beyond, 0.0, audio)).float(),
        "audio_noise": torch.from_numpy(np.where(beyond, 0.0, noise)).float(),
        "audio_length": torch.from_numpy(length),
        "snr_db": torch.from_numpy(np.stack([snr_db, snr_db], axis=1)).float(),
        "environment": torch.tensor([0, 1, 2, 3, 4, 5, 0, 1]),
        "noise_label": torch.tensor([0, 1, 2, 3, 4, 5, 0, 1]),
        "speech": torch.tensor([[0, 1], [1, 0], [2, 3], [3, 2], [4, 5], [5, 4], [6, 7], [7, 6]]),
        "speaker": torch.tensor([[0, 1], [1, 0], [2, 3], [3, 2], [0, 1], [1, 0], [2, 3], [3, 2]]),
        "sensors": {
            "shaking": SensorBatch(torch.from_numpy(shaking).float().unsqueeze(2), valid, torch.full((16,), 100.0))
        },
    }


def outputs(name: str, model: Any) -> dict[str, Any]:
    """Shape and some numbers of every output of a model, and its texts."""
    signal, length = recordings()
    model.eval()
    with torch.no_grad():
        found = _pretraining(model) if name.startswith("pretraining") else _recogniser(model, signal, length)
    described: dict[str, Any] = {key: _describe(value) for key, value in found.items()}
    if hasattr(model, "transcribe") and not name.endswith("pretraining"):
        spoken = [row[:valid].numpy() for row, valid in zip(signal, length, strict=True)]
        hypotheses = model.transcribe(spoken, batch_size=2, verbose=False)
        hypotheses = hypotheses[0] if isinstance(hypotheses, tuple) else hypotheses
        described["texts"] = [getattr(hypothesis, "text", hypothesis) for hypothesis in hypotheses]
    return described


def _recogniser(model: Any, signal: Tensor, length: Tensor) -> dict[str, Tensor]:
    if hasattr(model, "transf_decoder"):
        prompt = torch.arange(4, 9).expand(2, -1)
        transcript = {"transcript": prompt, "transcript_length": torch.tensor([5, 5])}
        log_probs, _, states, _ = model(input_signal=signal, input_signal_length=length, **transcript)
        return {"log_probs": log_probs, "states": states}
    encoded, *_ = model(input_signal=signal, input_signal_length=length)
    if not hasattr(model, "joint"):
        return {"encoded" if encoded.shape[1] > encoded.shape[2] else "log_probs": encoded}
    predicted = model.decoder(targets=torch.tensor([[1, 2], [3, 4]]), target_length=torch.tensor([2, 2]))[0]
    found = {"encoded": encoded, "joint": model.joint.joint(encoded.transpose(1, 2), predicted.transpose(1, 2))}
    if hasattr(model, "ctc_decoder"):
        found["log_probs"] = model.ctc_decoder(encoder_output=encoded)
    return found


def _pretraining(model: Any) -> dict[str, Tensor]:
    signal, length = recordings()
    context = model(input_signal=signal, input_signal_length=length)
    losses = model.validation_step(pairs(), 0)
    return {"context": context, **losses}


def _describe(values: Tensor) -> dict[str, Any]:
    flat = values.double().flatten()
    chosen = torch.linspace(0, len(flat) - 1, min(KEPT, len(flat))).long()
    return {
        "shape": list(values.shape),
        "mean": float(f"{flat.mean():.8g}"),
        "largest": float(f"{flat.abs().max():.8g}"),
        "values": [float(f"{value:.8g}") for value in flat[chosen].tolist()],
    }


def differences(expected: dict[str, Any], actual: dict[str, Any], tolerance: float) -> list[str]:
    """Where two descriptions differ, a line each; numbers may differ by a share of 1 or of the number."""
    lines = [f"{key}: only {'expected' if key in expected else 'found'}" for key in expected.keys() ^ actual.keys()]
    for key in expected.keys() & actual.keys():
        wanted, found = expected[key], actual[key]
        if key == "texts" or wanted["shape"] != found["shape"]:
            lines += [] if wanted == found else [f"{key}: {json.dumps(wanted)[:300]} != {json.dumps(found)[:300]}"]
            continue
        numbers = [("mean", wanted["mean"], found["mean"]), ("largest", wanted["largest"], found["largest"])]
        numbers += [(str(n), *both) for n, both in enumerate(zip(wanted["values"], found["values"], strict=True))]
        for place, one, other in numbers:
            if not abs(one - other) <= tolerance * max(1.0, abs(one)):
                lines.append(f"{key} {place}: {one} != {other}")
    return sorted(lines)
