# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Babble: several talkers at once, each speaking without end, made from a manifest of speech."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nemo_noise.data.draw.distribution import whole_range
from nemo_noise.data.manifests.manifest import ManifestEntry
from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList
from nemo_noise.data.signal.speech_level import active_speech_level_db

_MOST_TALKERS = 1000  # more are a steady noise
_TALKER_LEVEL_DB = -26.0  # of every talker; the mixture scales the sum anyway


class Babble:
    """Draws babble: talkers of equal active level (ITU-T P.56), each a chain of utterances from a random place on.

    A talker is a speaker if every line of the manifest has `speaker`, else a line. Talkers of one babble differ as
    long as there are enough. Use speech that is neither trained on nor tested with.

    Args:
        recordings: speech, at the rate of the babble.
        talkers: how many at once: a number, or a mapping with `min` and `max`, all numbers between as likely.
    """

    def __init__(self, recordings: NoiseList, talkers: int | Mapping[str, int]) -> None:
        self.recordings = recordings
        self.min_talkers, self.max_talkers = whole_range(talkers, "talkers", _MOST_TALKERS)
        self._talkers = talkers
        self._voices = _voices(recordings.entries)
        self._gains: dict[int, np.float32] = {}

    def at_rate(self, sample_rate: int) -> "Babble":
        """Returns the same talkers at another rate; itself if the rate is the same."""
        if sample_rate == self.recordings.sample_rate:
            return self
        return Babble(self.recordings.at_rate(sample_rate), self._talkers)

    def check(self) -> None:
        """Decodes every recording; raises the ManifestError of a bad one."""
        self.recordings.check()

    def labels(self) -> frozenset[str]:
        """Its one class."""
        return frozenset({"babble"})

    def crop(self, rng: np.random.Generator, num_samples: int, labels: frozenset[str] | None = None) -> NoiseCrop:
        """Draws talkers, and where each of them begins; `labels` change nothing, as babble is of one class.

        Returns:
            The babble [num_samples]; its entry names no file but the number of talkers.
        """
        if num_samples < 1:
            raise ValueError(f"num_samples: is {num_samples}, expected 1 or more")
        count = int(rng.integers(self.min_talkers, self.max_talkers + 1))
        drawn = rng.choice(len(self._voices), size=count, replace=count > len(self._voices))
        babble = np.zeros(num_samples, np.float32)
        for voice in drawn:
            babble += self._speak(rng, self._voices[voice], num_samples)
        first = self.recordings.entries[self._voices[drawn[0]][0]]
        entry = ManifestEntry(
            audio_filepath=f"babble_{count}",
            duration=None,
            text=None,
            fields={"label": "babble", "talkers": count},
            source=f"{Path(first.source.rsplit(':', 1)[0])} ({count} talkers)",
        )
        return NoiseCrop(babble, entry, 0.0)

    def _speak(self, rng: np.random.Generator, lines: list[int], num_samples: int) -> npt.NDArray[np.float32]:
        """One talker: random utterances end to end, [T]."""
        spoken: list[npt.NDArray[np.float32]] = []
        missing = num_samples
        while missing > 0:
            index = lines[int(rng.integers(len(lines)))]
            utterance = self.recordings.load(index)
            if not spoken:
                utterance = utterance[int(rng.integers(len(utterance))) :]
            spoken.append(utterance[:missing] * self._gain(index))
            missing -= len(spoken[-1])
        return np.concatenate(spoken)

    def _gain(self, index: int) -> np.float32:
        if index not in self._gains:
            level_db = active_speech_level_db(self.recordings.load(index), self.recordings.sample_rate)
            self._gains[index] = np.float32(10.0 ** ((_TALKER_LEVEL_DB - level_db) / 20.0))
        return self._gains[index]


def _voices(entries: list[ManifestEntry]) -> list[list[int]]:
    """The lines of each talker."""
    speakers = [entry.fields.get("speaker") for entry in entries]
    if any(speaker is None for speaker in speakers):
        return [[index] for index in range(len(entries))]
    lines: dict[str, list[int]] = {}
    for index, speaker in enumerate(speakers):
        lines.setdefault(str(speaker), []).append(index)
    return list(lines.values())
