# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A corpus for the tests of pretraining: buzzing speakers, coloured noises, and a tiny model over them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
from omegaconf import DictConfig, OmegaConf

RATE = 16000
NUM_SPEAKERS = 4
NUM_NOISES = 6


class Corpus(NamedTuple):
    """Manifests of speech (``text`` is one of two words) and of noise."""

    speech: str
    noise: str


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Speech: harmonic buzz in bursts, a pitch for each speaker. Noise: white noise through a band of its own."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    speech, noise = [], []
    for number in range(5 * NUM_SPEAKERS):
        speaker, time = number % NUM_SPEAKERS, np.arange(int(0.8 * RATE)) / RATE
        word = "high" if number % 2 else "low"
        buzz = np.sign(np.sin(2 * np.pi * (100 + 40 * speaker) * time)) * (np.sin(2 * np.pi * 3 * time) > -0.5)
        carrier = np.cos(2 * np.pi * (2000 if number % 2 else 400) * time)
        write(folder / f"speech_{number}.wav", 0.1 * buzz * carrier + 1e-4 * rng.standard_normal(len(time)))
        speech.append({"audio_filepath": f"speech_{number}.wav", "speaker": f"s{speaker}", "text": word})
    for number in range(NUM_NOISES):
        spectrum = np.fft.rfft(rng.standard_normal(3 * RATE))
        band = np.arange(len(spectrum)) // (len(spectrum) // NUM_NOISES + 1) == number
        write(folder / f"noise_{number}.wav", 0.1 * np.fft.irfft(spectrum * np.where(band, 1.0, 0.05)))
        noise.append({"audio_filepath": f"noise_{number}.wav", "label": f"band {number}"})
    for name, lines in (("speech", speech), ("noise", noise)):
        (folder / f"{name}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Corpus(str(folder / "speech.json"), str(folder / "noise.json"))


def task(name: str, weight: float = 1.0, **options: Any) -> dict[str, Any]:
    """The config of one pretext task."""
    return {"_target_": f"nemo_noise.models.pretraining.{name}", "weight": weight, **options}


@pytest.fixture
def pretraining_config(corpus: Corpus) -> DictConfig:
    """A pretraining config of the smallest useful size."""
    data: dict[str, Any] = {
        "manifest_filepath": corpus.speech,
        "noise_manifest": corpus.noise,
        "num_pairs": 16,
        "batch_size": 8,
        "crop_s": [0.6, 1.0],
    }
    return OmegaConf.create(
        {
            "sample_rate": RATE,
            "preprocessor": {
                "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
                "sample_rate": RATE,
                "normalize": "NA",
                "features": 16,
                "n_fft": 512,
                "pad_to": 0,
            },
            "encoder": {
                "context_encoder": {
                    "_target_": "nemo_noise.modules.AttentiveContextEncoder",
                    "feat_in": 16,
                    "d_context": 8,
                    "d_hidden": 16,
                }
            },
            "tasks": {
                "masked": task("MaskedSpans", num_codes=16, code_dim=4, d_hidden=16),
                "contrastive": task("EnvironmentContrast"),
                "redundancy": task("Redundancy"),
                "leakage": task("SpeechLeakage"),
                "snr": task("SNRRegression", weight=0.3),
                "variance": task("ContextVariance", weight=0.04),
            },
            "train_ds": data,
            "validation_ds": {**data, "seed": 1},
            "optim": {"name": "adamw", "lr": 0.01},
        }
    )


def write(path: Path, samples: np.ndarray) -> None:
    """Write mono audio."""
    soundfile.write(path, samples.astype(np.float32), RATE)
