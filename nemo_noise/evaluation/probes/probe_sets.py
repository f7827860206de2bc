# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a context is questioned about: recordings whose noise, SNR or word is known, split so that nothing repeats.

Between training and test of a probe, noise crops are disjoint in time (first and second half of every file), speech
comes from other speakers (other files where none are named), and words from other takes.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nemo_noise.data.manifests.decoded_files import DecodedFiles
from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError
from nemo_noise.data.pairs.environments import NoiseBank, read_manifests, root_mean_square
from nemo_noise.data.signal.snr import mix_at_snr

__all__ = ["ProbeSet", "ProbeSplit", "noise_probe_set", "word_probe_set"]

Samples = npt.NDArray[np.float32]

CACHE_MB = 512
LEVEL_DB = (-40.0, -15.0)  # of a recording; drawn apart from the SNR
TEST_SHARE = 0.2  # of the takes of a word
MAX_DRAWS = 20


class ProbeSplit(NamedTuple):
    """Recordings [N, T], the class of each [N] and its SNR in dB [N]."""

    samples: Samples
    labels: npt.NDArray[np.int64]
    snr_db: npt.NDArray[np.float64]


class ProbeSet(NamedTuple):
    """What a probe learns from and what it is tested on, and the names of the classes."""

    train: ProbeSplit
    test: ProbeSplit
    classes: list[str]


def noise_probe_set(
    speech_manifest: str | Sequence[str],
    noise_manifest: str | Sequence[str],
    *,
    sample_rate: int,
    num_train: int = 1500,
    num_test: int = 750,
    crop_s: float = 2.0,
    snr_db: Sequence[float] = (-5.0, 20.0),
    seed: int = 0,
) -> ProbeSet:
    """Noisy speech with known noise class and SNR; every class equally often.

    Args:
        speech_manifest: speech; its speakers are divided between training and test.
        noise_manifest: noise with a field ``label``; the first half of every file is for training.
        sample_rate: in Hz.
        num_train: recordings to learn from.
        num_test: recordings to test on.
        crop_s: length of a recording in seconds.
        snr_db: range [low, high] in dB.
        seed: of the draws.

    Returns:
        The set.
    """
    noise = NoiseBank(noise_manifest, sample_rate, CACHE_MB)
    files_of: dict[int, list[int]] = defaultdict(list)
    for file_index, label_index in enumerate(noise.label_indices):
        files_of[label_index].append(file_index)
    speech = read_manifests("speech_manifest", speech_manifest)
    halves = _divide_speakers(speech)
    num_samples = round(crop_s * sample_rate)
    splits = []
    for half, count in enumerate((num_train, num_test)):
        rng = np.random.default_rng((seed, half))
        files = DecodedFiles(halves[half], sample_rate, limit_bytes=CACHE_MB * 2**20)
        labels = np.arange(count) % len(noise.labels)
        snrs = rng.uniform(snr_db[0], snr_db[1], size=count)
        rows = []
        for label, snr in zip(labels, snrs, strict=True):
            sound, floor = noise.sound(int(rng.choice(files_of[int(label)])))
            middle = len(sound) // 2
            noise_crop = _crop(rng, sound[middle:] if half else sound[:middle], num_samples, floor=floor)
            speech_crop = _crop(rng, files[int(rng.integers(len(halves[half])))], num_samples, floor=1e-6)
            speech_crop = np.pad(speech_crop, (0, num_samples - len(speech_crop)))
            rows.append(
                _at_random_level(rng, mix_at_snr(speech_crop, noise_crop, snr_db=float(snr), sample_rate=sample_rate))
            )
        splits.append(ProbeSplit(np.stack(rows), labels, snrs))
    return ProbeSet(splits[0], splits[1], noise.labels)


def word_probe_set(
    word_manifest: str | Sequence[str],
    noise_manifest: str | Sequence[str],
    *,
    sample_rate: int,
    crop_s: float = 1.0,
    snr_db: Sequence[float] = (5.0, 20.0),
    seed: int = 0,
) -> ProbeSet:
    """Single words in noise; the last fifth of the takes of each speaker and word is the test.

    Args:
        word_manifest: recordings of one word each, the word in ``text``; longer words are cut to ``crop_s``.
        noise_manifest: noise that the words are mixed with.
        sample_rate: in Hz.
        crop_s: length of a recording in seconds; the word lies somewhere inside.
        snr_db: range [low, high] in dB.
        seed: of the draws.

    Returns:
        The set.

    Raises:
        ManifestError: if a line has no text or a speaker has fewer than two takes of a word.
    """
    entries = read_manifests("word_manifest", word_manifest)
    words = sorted({_word(entry) for entry in entries})
    takes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        takes[_word(entry), str(entry.fields.get("speaker", ""))].append(index)
    chosen: tuple[list[int], list[int]] = ([], [])
    for (word, speaker), indices in takes.items():
        if len(indices) < 2:
            raise ManifestError(
                f"{entries[indices[0]].source}: speaker {speaker!r} has one take of {word!r}, need at least 2."
            )
        first_test = min(len(indices) - 1, round(len(indices) * (1 - TEST_SHARE)))
        chosen[0].extend(indices[:first_test])
        chosen[1].extend(indices[first_test:])
    noise = NoiseBank(noise_manifest, sample_rate, CACHE_MB)
    files = DecodedFiles(entries, sample_rate, limit_bytes=CACHE_MB * 2**20)
    num_samples = round(crop_s * sample_rate)
    splits = []
    for half, indices in enumerate(chosen):
        rng = np.random.default_rng((seed, half, 1))
        snrs = rng.uniform(snr_db[0], snr_db[1], size=len(indices))
        rows = []
        for index, snr in zip(indices, snrs, strict=True):
            clip = files[index][:num_samples]
            before = int(rng.integers(num_samples - len(clip) + 1))
            speech = np.pad(clip, (before, num_samples - len(clip) - before))
            noise_crop = noise.crop_pair(rng, num_samples).samples[0]
            rows.append(
                _at_random_level(rng, mix_at_snr(speech, noise_crop, snr_db=float(snr), sample_rate=sample_rate))
            )
        labels = np.array([words.index(_word(entries[index])) for index in indices], dtype=np.int64)
        splits.append(ProbeSplit(np.stack(rows), labels, snrs))
    return ProbeSet(splits[0], splits[1], words)


def _divide_speakers(entries: Sequence[ManifestEntry]) -> tuple[list[ManifestEntry], list[ManifestEntry]]:
    """Every second speaker (file where none is named) for the test; training gets the rest."""
    names = [str(entry.fields.get("speaker", entry.audio_filepath)) for entry in entries]
    if len(set(names)) < 2:
        names = [entry.audio_filepath for entry in entries]
    order = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(order) < 2:
        raise ManifestError(f"{entries[0].source}: the speech manifest needs at least 2 files, has 1.")
    halves: tuple[list[ManifestEntry], list[ManifestEntry]] = ([], [])
    for entry, name in zip(entries, names, strict=True):
        halves[order[name] % 2].append(entry)
    return halves


def _crop(rng: np.random.Generator, samples: Samples, num_samples: int, *, floor: float) -> Samples:
    """A crop that is not silent; the whole signal where it is shorter."""
    if len(samples) <= num_samples:
        return samples
    for _ in range(MAX_DRAWS):
        start = int(rng.integers(len(samples) - num_samples + 1))
        if root_mean_square(samples[start : start + num_samples]) > floor:
            return samples[start : start + num_samples]
    start = int(np.clip(np.argmax(np.abs(samples)) - num_samples // 2, 0, len(samples) - num_samples))
    return samples[start : start + num_samples]


def _at_random_level(rng: np.random.Generator, samples: Samples) -> Samples:
    level_db = float(rng.uniform(*LEVEL_DB))
    scaled: Samples = samples * np.float32(10.0 ** (level_db / 20.0) / root_mean_square(samples))
    return scaled


def _word(entry: ManifestEntry) -> str:
    if not entry.text:
        raise ManifestError(f"{entry.source}: text={entry.text!r} must be the word that is spoken.")
    return entry.text
