# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech without recordings: espeak-ng reads connected digits (or any text) in many voices."""

import ctypes
import functools
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

__all__ = ["DIGITS", "SpeechSynthesizer", "Voice", "draw_digits", "make_voices"]

Samples = npt.NDArray[np.float32]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-029", "en-us-nyc")
TIMBRES = ("m1", "f1", "m3", "f2", "m7", "f4", "adam", "linda", "john", "steph", "robert", "aunty", "Mario", "Andrea")

# From espeak-ng's speak_lib.h.
_RETRIEVE_AND_WAIT = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_CHARACTER_POSITION = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_LONGEST_DATA_PATH = 140  # espeak-ng keeps 160 bytes for it and silently cuts what is longer


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker.

    Attributes:
        name: name of the speaker in manifests.
        accent: language of espeak-ng.
        timbre: voice variant of espeak-ng.
        pitch: 0 to 99, 50 is the variant's own.
        pitch_range: liveliness of the pitch, 0 to 99.
    """

    name: str
    accent: str
    timbre: str
    pitch: int
    pitch_range: int


def make_voices(count: int, seed: int) -> list[Voice]:
    """Makes speakers that differ in accent, timbre and pitch.

    Timbres repeat (at other pitches, in other accents) after `len(TIMBRES)`; a seed gives the same speakers again.
    """
    rng = np.random.default_rng(seed)
    timbres = [str(TIMBRES[int(index)]) for index in rng.permutation(len(TIMBRES))]
    voices = []
    for index in range(count):
        accent, timbre = ACCENTS[int(rng.integers(len(ACCENTS)))], timbres[index % len(timbres)]
        pitch, pitch_range = int(rng.integers(30, 70)), int(rng.integers(20, 80))
        voices.append(Voice(f"{seed}-{index:02d}-{timbre}", accent, timbre, pitch, pitch_range))
    return voices


def draw_digits(rng: np.random.Generator, shortest: int, longest: int) -> str:
    """Draws a string of digits, in words, for instance `"seven zero two"`."""
    count = int(rng.integers(shortest, longest + 1))
    return " ".join(DIGITS[int(index)] for index in rng.integers(len(DIGITS), size=count))


class SpeechSynthesizer:
    """Reads text with espeak-ng, whose library and voices come with the package `espeakng-loader`.

    The library has one state per process: synthesizers of one process share it, threads must not.

    Args:
        sample_rate: rate of the speech, hertz.

    Raises:
        ImportError: `espeakng-loader` is not installed.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._library, self._own_rate = _load_library()
        self._chunks: list[npt.NDArray[np.int16]] = []
        # The library keeps the pointer only; the callback lives as long as this object.
        self._callback = _CALLBACK_TYPE(self._collect)

    def read(self, text: str, voice: Voice, words_per_minute: int = 150) -> Samples:
        """Reads a text aloud.

        Args:
            text: English; a comma makes a pause.
            voice: the speaker.
            words_per_minute: speed, 80 to 450.

        Returns:
            Samples, [T], as loud as the voice makes them (full scale 1.0), silence around them included. The engine
            carries some state along: the same text read again may differ by a few samples.

        Raises:
            ValueError: The text has no words, espeak-ng lacks the voice, or the speed is out of range.
        """
        if not 80 <= words_per_minute <= 450:
            raise ValueError(f"words_per_minute: is {words_per_minute}, expected 80 to 450")
        if not any(character.isalnum() for character in text):
            raise ValueError(f"text: is {text!r}, expected words")
        name = f"{voice.accent}+{voice.timbre}"
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise ValueError(f"voice: espeak-ng has no {name!r}, expected an accent and a timbre that it ships")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks.clear()
        self._library.espeak_SetSynthCallback(self._callback)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _CHARACTER_POSITION, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._chunks:
            raise RuntimeError(f"espeak-ng made no sound of {text!r}")
        samples = np.concatenate(self._chunks).astype(np.float32) / 32768.0  # [T]
        return np.asarray(soxr.resample(samples, self._own_rate, self.sample_rate, quality="HQ"), dtype=np.float32)

    def read_at_level(self, text: str, voice: Voice, *, words_per_minute: int, peak: float) -> Samples:
        """Reads a text and scales it to a peak (full scale 1.0); see `read`."""
        samples = self.read(text, voice, words_per_minute)
        return samples * np.float32(peak / max(float(np.abs(samples).max()), 1e-6))

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


_CALLBACK_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def babble(voices_speech: Sequence[Samples], num_samples: int, rng: np.random.Generator) -> Samples:
    """Adds up talkers, each equally loud and from a random place on.

    Recordings [N], one per talker, are repeated to the wanted length; the babble [num_samples] has a root mean square
    near 0.1.
    """
    total = np.zeros(num_samples, dtype=np.float32)
    for speech in voices_speech:
        looped = np.tile(speech, -(-num_samples // len(speech)) + 1)
        start = int(rng.integers(len(speech)))
        talker = looped[start : start + num_samples]
        total += talker / max(float(np.sqrt(np.mean(talker**2))), 1e-6)
    return total * np.float32(0.1 / np.sqrt(len(voices_speech)))


@functools.cache
def _load_library() -> tuple[ctypes.CDLL, int]:
    """Loads and starts espeak-ng once per process; returns it and its sample rate in hertz."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise ImportError("speech synthesis needs espeakng-loader: pip install 'nemo-noise[demo]'") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = Path(espeakng_loader.get_data_path())
    if len(os.fsencode(data)) > _LONGEST_DATA_PATH:
        link = Path(tempfile.mkdtemp(prefix="espeak-")) / "espeak-ng-data"
        link.symlink_to(data)
        data = link
    rate = int(library.espeak_Initialize(_RETRIEVE_AND_WAIT, 0, os.fsencode(data), _DO_NOT_EXIT))
    if rate <= 0:
        raise RuntimeError(f"espeak-ng did not start with its voices in {data}: reinstall espeakng-loader")
    return library, rate
