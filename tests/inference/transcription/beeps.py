# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A language of beeps: a word is a tone of 0.3 s, its pitch says which; audio, and what a recogniser makes of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RATE = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORD_S = 0.3
_HOP = 80


def beep(word: str, seconds: float = WORD_S, rate: int = RATE) -> npt.NDArray[np.float32]:
    """The tone of a word, [T]."""
    times = np.arange(round(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * (400 + 200 * WORDS.index(word)) * times)
    edge = np.minimum(1.0, np.minimum(times, times[::-1]) / 0.01)
    return (tone * edge).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> npt.NDArray[np.float32]:
    """A pause with a little noise, [T]."""
    return (1e-4 * np.random.default_rng(1).standard_normal(round(seconds * rate))).astype(np.float32)


def recording(words: Sequence[str], pauses_s: Sequence[float], rate: int = RATE) -> npt.NDArray[np.float32]:
    """Words with a pause behind each, [T]."""
    parts = [
        part
        for word, pause in zip(words, pauses_s, strict=True)
        for part in (beep(word, rate=rate), silence(pause, rate))
    ]
    return np.concatenate(parts)


class Beep(NamedTuple):
    """A word and its times in seconds."""

    text: str
    start_s: float
    end_s: float


def beeps_in(samples: npt.NDArray[np.float32]) -> list[Beep]:
    """The words of a waveform; a tone that was cut gives a word more."""
    hops = len(samples) // _HOP
    loud = np.square(samples[: hops * _HOP]).reshape(hops, _HOP).mean(axis=1) > 1e-3
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    words = []
    for begin, end in edges.reshape(-1, 2):
        tone = samples[begin * _HOP : end * _HOP]
        pitch = np.argmax(np.abs(np.fft.rfft(tone))) * RATE / len(tone)
        number = int(np.clip(round((pitch - 400) / 200), 0, 9))
        words.append(Beep(WORDS[number], begin * _HOP / RATE, end * _HOP / RATE))
    return words
