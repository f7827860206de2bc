# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Small corpora that the data tests write for themselves."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.curriculum.band_weights import BAND_WEIGHTS
from nemo_noise.data.draw.clock import EPOCH_CLOCK

Corpus = Callable[..., Path]


@pytest.fixture(autouse=True)
def _restored_clock() -> Iterator[None]:
    """No test leaves its epoch behind, or what it measured."""
    state = EPOCH_CLOCK._state.clone()
    yield
    EPOCH_CLOCK._state.copy_(state)
    BAND_WEIGHTS.clear()


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Writes recordings (name -> samples) and their manifest, returns its path."""

    def write(name: str, recordings: dict[str, np.ndarray], rate: int = 16000, **fields: object) -> Path:
        manifest = tmp_path / f"{name}.json"
        (tmp_path / name).mkdir()
        lines = []
        for stem, samples in recordings.items():
            soundfile.write(tmp_path / name / f"{stem}.wav", samples, rate, subtype="FLOAT")
            line = {"audio_filepath": f"{name}/{stem}.wav", "duration": len(samples) / rate, **fields}
            lines.append(json.dumps(line))
        manifest.write_text("\n".join(lines) + "\n")
        return manifest

    return write


@pytest.fixture
def noise_manifest(corpus: Corpus) -> Path:
    """Five noises of 3 s at different levels."""
    rng = np.random.default_rng(0)
    return corpus("noises", {f"noise{i}": 0.05 * (i + 1) * rng.standard_normal(48000) for i in range(5)})
