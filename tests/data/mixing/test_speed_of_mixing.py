# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What makes mixing fast (memory of utterances, decoded noise on disk, counting by blocks) changes no sample."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter1d

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.data.mixing import noise_mix as mixing
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.mixing.utterance_memory import Known, UtteranceMemory
from nemo_noise.data.noise import noise_list
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.signal.speech_level import _Blocks

RATE = 16000


def utterance(seed: int, length: int = 8000) -> np.ndarray:
    return (0.1 * np.random.default_rng(700 + seed).standard_normal(length)).astype(np.float32)


def mixed(perturbation: NoiseMixPerturbation, samples: np.ndarray) -> np.ndarray:
    segment = AudioSegment(samples.copy(), RATE)
    perturbation.perturb(segment)
    return segment.samples


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 900), width=st.integers(1, 400), density=st.floats(0.0, 0.2))
def test_counting_by_blocks_counts_what_a_running_maximum_holds(
    seed: int, length: int, width: int, density: float
) -> None:
    rng, size = np.random.default_rng(seed), max(1, min(64, width // 2))
    envelope = rng.random(length) * (rng.random(length) < density)
    held = maximum_filter1d(envelope, size=width, origin=(width - 1) // 2, mode="constant", cval=0.0)
    for threshold in (0.5, 0.25, 0.01):
        assert _Blocks(envelope, size).count_held(threshold, width) == np.count_nonzero(held >= threshold)


def test_what_was_heard_before_is_not_measured_again_and_sounds_the_same(
    noise_manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [0, 10])
    epochs = []
    for epoch in range(2):
        EPOCH_CLOCK.set(epoch)
        epochs.append([mixed(NoiseMixPerturbation(noise_manifest, [0, 10]), utterance(index)) for index in range(4)])
        if epoch == 1:
            monkeypatch.setattr(mixing, "active_speech_level_db", None)
            monkeypatch.setattr(mixing, "key_of", None)
        for index in range(4):
            np.testing.assert_array_equal(mixed(perturbation, utterance(index)), epochs[epoch][index])
    assert not np.array_equal(epochs[0][0], epochs[1][0])


def test_the_memory_tells_utterances_apart() -> None:
    memory = UtteranceMemory()
    known = {}
    others = [utterance(0), utterance(0)[::-1].copy(), -utterance(0), utterance(0)[:-1], np.roll(utterance(0), 2)]
    others += [utterance(0, 1), utterance(1, 1), np.zeros(3, np.float32), np.zeros(4, np.float32)]
    for number, samples in enumerate(others):
        for rate in (RATE, 8000):
            assert memory.recall(samples, rate) is None
            known[number, rate] = Known(2**64 - 1 - number, -23.4 - rate)
            memory.keep(samples, rate, known[number, rate])
    for number, samples in enumerate(others):
        assert memory.recall(samples, RATE) == known[number, RATE]
        assert copy.deepcopy(memory).recall(samples, 8000) == known[number, 8000]


def test_a_slot_written_by_two_at_once_counts_as_empty() -> None:
    memory = UtteranceMemory()
    memory.keep(utterance(0), RATE, Known(1, -20.0))
    slot = int(np.flatnonzero(memory._table.numpy()[:, 2])[0])
    memory._table[slot, 3] += 1
    assert memory.recall(utterance(0), RATE) is None


def test_decoded_noise_is_mapped_and_decoded_once(
    noise_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, folder = NoiseMixPerturbation(noise_manifest, [0, 10]), tmp_path / "decoded"
    NoiseMixPerturbation(noise_manifest, [0, 10], decoded_dir=folder).check()
    assert len(list(folder.glob("*.npy"))) == 5
    monkeypatch.setattr(noise_list, "load_entry", None)
    mapped = NoiseMixPerturbation(noise_manifest, [0, 10], decoded_dir=folder)
    monkeypatch.undo()
    for index in range(5):
        np.testing.assert_array_equal(mixed(mapped, utterance(index)), mixed(plain, utterance(index)))
    recording = NoiseList(noise_manifest, RATE, decoded_dir=folder).load(0)
    assert isinstance(recording, np.memmap) and not recording.flags.writeable


def test_a_changed_noise_file_is_decoded_again(corpus: Callable[..., Path], tmp_path: Path) -> None:
    manifest = corpus("changing", {"noise": utterance(0)})
    before = np.array(NoiseList(manifest, RATE, decoded_dir=tmp_path / "decoded").load(0))
    soundfile.write(tmp_path / "changing" / "noise.wav", np.append(utterance(1), 0), RATE, subtype="FLOAT")
    after = NoiseList(manifest, RATE, decoded_dir=tmp_path / "decoded").load(0)
    assert not np.array_equal(before, after)
    assert len(NoiseList(manifest, 8000, decoded_dir=tmp_path / "decoded").load(0)) == 4000


def test_a_folder_that_cannot_be_made_is_named(noise_manifest: Path) -> None:
    with pytest.raises(ValueError, match="decoded_dir: .*noises.json.* cannot be made"):
        NoiseMixPerturbation(noise_manifest, [0], decoded_dir=noise_manifest)
