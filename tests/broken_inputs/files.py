# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Files that a broken input needs, written down as values: a table states them, the runner makes them."""

import atexit
import json
import shutil
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from safetensors.torch import load_file, save_file

from tests.wav2vecs import write_wav2vec2
from tests.whispers import write_whisper

RATE = 16000


@dataclass(frozen=True)
class Missing:
    """A path at which there is nothing."""

    name: str

    def make(self, folder: Path) -> str:
        return str(folder / self.name)


@dataclass(frozen=True)
class Content:
    """A file of these bytes, or of this text in UTF-8."""

    name: str
    content: bytes | str

    def make(self, folder: Path) -> str:
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content if isinstance(self.content, bytes) else self.content.encode())
        return str(path)


@dataclass(frozen=True)
class Wave:
    """Audio: noise of a level, 0 for silence; some samples may be another value; its end may be cut off.

    `opposite` gives the second channel the first with its sign changed; `constant` is added to all.
    """

    name: str = "speech.wav"
    seconds: float = 1.0
    rate: int = RATE
    channels: int = 1
    level: float = 0.1
    odd: float | None = None
    kept_bytes: int | None = None
    opposite: bool = False
    constant: float = 0.0
    subtype: str = "FLOAT"

    def make(self, folder: Path) -> str:
        samples = np.random.default_rng(0).normal(0.0, 1.0, (int(self.seconds * self.rate), self.channels))
        samples = samples * self.level + self.constant
        if self.opposite:
            samples[:, 1] = -samples[:, 0]
        if self.odd is not None:
            samples[100:110] = self.odd
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, self.rate, subtype=self.subtype)
        path.write_bytes(path.read_bytes()[: self.kept_bytes])
        return str(path)


@dataclass(frozen=True)
class Riff:
    """A 16-bit WAV file of noise whose header says what it likes."""

    name: str
    rate: int = RATE
    channels: int = 1
    claimed_bytes: int | None = None
    whole_bytes: int | None = None
    frames: int = RATE

    def make(self, folder: Path) -> str:
        data = np.random.default_rng(0).normal(0, 3000, self.frames * self.channels).astype("<i2").tobytes()
        claimed = len(data) if self.claimed_bytes is None else self.claimed_bytes
        whole = min(claimed + 36, 0xFFFFFFFF) if self.whole_bytes is None else self.whole_bytes
        width = 2 * self.channels
        rates = struct.pack("<IHHIIHH", 16, 1, self.channels, self.rate, self.rate * width & 0xFFFFFFFF, width, 16)
        head = b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + rates + b"data" + struct.pack("<I", claimed)
        return Content(self.name, head + data).make(folder)


@dataclass(frozen=True)
class Lines:
    """A file of JSON lines, or of lines as they are, and the files that it names."""

    name: str
    lines: tuple[Mapping[str, Any] | str, ...]
    files: tuple[Content | Wave | Riff, ...] = (Wave(),)

    def make(self, folder: Path) -> str:
        for file in self.files:
            file.make(folder)
        written = [line if isinstance(line, str) else json.dumps(line) for line in self.lines]
        return Content(self.name, "\n".join(written) + "\n").make(folder)


@dataclass(frozen=True)
class Folder:
    """A folder and what lies in it."""

    name: str
    files: tuple[Content | Wave, ...] = ()

    def make(self, folder: Path) -> str:
        inner = folder / self.name
        inner.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            file.make(inner)
        return str(inner)


@dataclass(frozen=True)
class HuggingFace:
    """A folder of a small model as transformers writes it, with some files and tensors changed.

    Attributes:
        kind: ``whisper``, ``wav2vec`` (CTC) or ``wav2vec_pretraining``.
        files: by name, keys that are changed in a JSON object, or what the file holds instead.
        tensors: by name, other tensors, or None for none of that name.
    """

    kind: str
    files: Mapping[str, Mapping[str, Any] | bytes | str] = field(default_factory=dict)
    tensors: Mapping[str, torch.Tensor | None] = field(default_factory=dict)

    def make(self, folder: Path) -> str:
        inner = folder / self.kind
        shutil.copytree(_whole(self.kind), inner)
        for name, change in self.files.items():
            if isinstance(change, Mapping):
                before = json.loads((inner / name).read_text()) if (inner / name).exists() else {}
                change = json.dumps({**before, **change})
            Content(name, change).make(inner)
        if self.tensors:
            weights = load_file(inner / "model.safetensors") | self.tensors
            save_file(
                {name: value for name, value in weights.items() if value is not None}, inner / "model.safetensors"
            )
        return str(inner)


@cache
def _whole(kind: str) -> Path:
    """The folder with nothing changed, written once."""
    folder = Path(tempfile.mkdtemp(prefix="nemo_noise_broken_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if kind == "whisper":
        write_whisper(folder)
    else:
        write_wav2vec2(folder, "pretraining" if kind == "wav2vec_pretraining" else "ctc")
    return folder


SPEECH_LINE = {"audio_filepath": "speech.wav", "duration": 1.0, "text": "one two"}
SPEECH = Lines("speech.json", (SPEECH_LINE,))
NOISE = Lines("noise.json", ({"audio_filepath": "noise.wav", "label": "hum"},), (Wave("noise.wav", 2.0),))


def made(value: Any, folder: Path) -> Any:
    """A value in which every file is written and has become its path."""
    if isinstance(value, Missing | Content | Wave | Riff | Lines | Folder | HuggingFace):
        return value.make(folder)
    if isinstance(value, Mapping):
        return {key: made(item, folder) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(made(item, folder) for item in value)
    return value
