# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech and noise for tunings in tests, one second each, and the options of a short one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

TEXTS = ("one two three", "four five", "zero nine eight", "seven", "six six", "three one")


def write_corpus(folder: Path) -> Path:
    """`train.json`, `dev.json` and a folder of noise; speech is noise with a moving level, as no test reads it."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 6), ("dev", 3)):
        lines = []
        for index in range(count):
            path = folder / f"{name}{index}.wav"
            envelope = np.repeat(rng.random(10), 1600)
            soundfile.write(path, 0.2 * envelope * rng.standard_normal(16000), 16000)
            line = {"audio_filepath": str(path), "duration": 1.0, "text": TEXTS[index % len(TEXTS)]}
            lines.append(json.dumps(line))
        (folder / f"{name}.json").write_text("\n".join(lines) + "\n")
    for index in range(6):
        path = folder / "noise" / ("fan" if index % 2 else "street") / f"{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.05 * rng.standard_normal(24000), 16000)
    return folder


def short(corpus: Path, output: Path, **further: Any) -> dict[str, Any]:
    """The options of a tuning of four steps with two validations."""
    given = {
        "train": corpus / "train.json",
        "dev": corpus / "dev.json",
        "noise": corpus / "noise",
        "output": output,
        "steps": 4,
        "validations": 2,
        "batch_size": 2,
        "dev_snr_db": [0],
        "device": "cpu",
        "model": {"train_ds": {"num_workers": 0}, "validation_ds": {"num_workers": 0}},
        "exp_manager": {"create_tensorboard_logger": False},
    }
    return given | further
