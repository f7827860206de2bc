# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech and noise of the question: the demo's recordings, the same cut to the speech, and unseen noise."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from nemo_noise.data.audio.files import load_audio
from nemo_noise.data.manifests.manifest import read_manifest, write_manifest
from nemo_noise.data.synthesis.noise import draw_noise
from nemo_noise.demo.recordings import UNSEEN, make_recordings
from nemo_noise.demo.sizes import FULL

__all__ = ["Material", "make_material"]

SAMPLE_RATE = 16000
QUIET_DB, KEPT_S = 40.0, 0.01  # below the peak: not yet speech; so much stays before and behind it
TEST_VOICES, TEST_UTTERANCES = 24, 240
NOISES_PER_CLASS, NOISE_S = 90, 8.0  # 36 minutes of the three classes


@dataclass(frozen=True)
class Material:
    """Folders and manifests.

    Attributes:
        demo: speech with up to 0.5 s of silence before and behind it, as the demo makes it.
        at_once: the same speech, cut 10 ms before and behind it.
        test: unknown voices, cut.
        noise: classes that no training has.
    """

    demo: Path
    at_once: Path
    test: Path
    noise: Path


def make_material(folder: Path) -> Material:
    """Makes what is not there."""
    made = Material(folder / "demo", folder / "at_once", folder / "at_once/test.json", folder / "noise.json")
    if not made.noise.exists():
        make_recordings(made.demo, replace(FULL, test_voices=TEST_VOICES, test_utterances=TEST_UTTERANCES), 0)
        for name in ("train", "validation", "test"):
            _cut(made.demo / f"{name}.json", made.at_once / name)
        shutil.copytree(made.demo / "tokenizer", made.at_once / "tokenizer", dirs_exist_ok=True)
        shutil.copy(made.demo / "seen.json", made.at_once / "seen.json")
        _write_noise(made.noise)
    return made


def _cut(manifest: Path, folder: Path) -> None:
    """Writes the recordings of a manifest without what is before and behind the speech; silence stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for entry in read_manifest(manifest):
        samples = load_audio(entry.audio_filepath, SAMPLE_RATE)
        if entry.text:
            loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * 10 ** (-QUIET_DB / 20))
            kept = int(KEPT_S * SAMPLE_RATE)
            samples = samples[max(0, loud[0] - kept) : loud[-1] + kept]
        path = folder / Path(entry.audio_filepath).name
        soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
        length = round(len(samples) / SAMPLE_RATE, 4)
        lines.append({**entry.fields, "audio_filepath": str(path.resolve()), "duration": length})
    write_manifest(folder.with_suffix(".json"), lines)


def _write_noise(manifest: Path) -> None:
    rng, lines = np.random.default_rng([0, 9]), []
    manifest.with_suffix("").mkdir(parents=True, exist_ok=True)
    for label in UNSEEN:
        for index in range(NOISES_PER_CLASS):
            noise = draw_noise(label, num_samples=int(NOISE_S * SAMPLE_RATE), sample_rate=SAMPLE_RATE, rng=rng)
            path = manifest.with_suffix("") / f"{label}_{index}.wav"
            soundfile.write(path, noise, SAMPLE_RATE, subtype="PCM_16")
            lines.append({"audio_filepath": str(path.resolve()), "duration": NOISE_S, "label": label})
    write_manifest(manifest, lines)
