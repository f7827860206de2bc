# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Files that a broken input needs, written down as values: a table states them, the runner makes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

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
    """Audio: noise of a level, 0 for silence; some samples may be another value; its end may be cut off."""

    name: str = "speech.wav"
    seconds: float = 1.0
    rate: int = RATE
    channels: int = 1
    level: float = 0.1
    odd: float | None = None
    kept_bytes: int | None = None

    def make(self, folder: Path) -> str:
        samples = np.random.default_rng(0).normal(0.0, 1.0, (int(self.seconds * self.rate), self.channels))
        samples = samples * self.level
        if self.odd is not None:
            samples[100:110] = self.odd
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, self.rate, subtype="FLOAT")
        path.write_bytes(path.read_bytes()[: self.kept_bytes])
        return str(path)


@dataclass(frozen=True)
class Lines:
    """A file of JSON lines, or of lines as they are, and the files that it names."""

    name: str
    lines: tuple[Mapping[str, Any] | str, ...]
    files: tuple[Content | Wave, ...] = (Wave(),)

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


SPEECH_LINE = {"audio_filepath": "speech.wav", "duration": 1.0, "text": "one two"}
SPEECH = Lines("speech.json", (SPEECH_LINE,))
NOISE = Lines("noise.json", ({"audio_filepath": "noise.wav", "label": "hum"},), (Wave("noise.wav", 2.0),))


def made(value: Any, folder: Path) -> Any:
    """A value in which every file is written and has become its path."""
    if isinstance(value, Missing | Content | Wave | Lines | Folder):
        return value.make(folder)
    if isinstance(value, Mapping):
        return {key: made(item, folder) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(made(item, folder) for item in value)
    return value
