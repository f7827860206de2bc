# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`around_s` and `noise_only_s` of `noise_mix`: noise before and behind the speech, noise alone of its own length."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from nemo.collections.asr.data.audio_to_text import AudioToCharDataset
from nemo.collections.asr.models import EncDecCTCModel
from nemo.collections.asr.parts.preprocessing.perturb import process_augmentations
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.data import NoiseMixPerturbation, active_speech_level_db, rms_db
from nemo_noise.data.draw.clock import EpochClock
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.data.mixing.device.mixer import DeviceMixer
from nemo_noise.data.previews.mixtures import write_preview
from nemo_noise.data.utterance_notes import transcript_note
from tests.data.test_lhotse_loader import heard, model, noise_block, speech_manifest, train_ds  # noqa: F401  fixtures

RATE = 16000
SIDE = {"min": 0.05, "max": 0.3}


def utterance(seed: int, seconds: float = 0.5) -> np.ndarray:
    return (0.1 * np.random.default_rng(700 + seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def mixed(perturbation: NoiseMixPerturbation, samples: np.ndarray) -> np.ndarray:
    segment = AudioSegment(samples.copy(), RATE)
    perturbation.perturb(segment)
    return segment.samples


def drawn(perturbation: NoiseMixPerturbation, count: int = 40) -> list[Any]:
    return [perturbation.draw(utterance(index), RATE) for index in range(count)]


def test_noise_goes_on_before_and_behind_the_speech_as_loud_and_the_speech_keeps_its_samples(
    noise_manifest: Path,
) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [5], around_s=SIDE)
    lengths = set()
    for index in range(8):
        samples = utterance(index)
        draw = perturbation.draw(samples, RATE)
        mixture = mixed(perturbation, samples)
        before, behind = draw.around
        assert len(mixture) == before + len(samples) + behind == len(draw.noise.samples)
        added = mixture.astype(np.float64)
        added[before : before + len(samples)] -= samples
        gain = np.dot(added, draw.noise.samples) / np.dot(draw.noise.samples, draw.noise.samples)
        np.testing.assert_allclose(added, gain * draw.noise.samples, atol=1e-6)
        assert active_speech_level_db(samples, RATE) - rms_db(added) == pytest.approx(5, abs=0.01)
        lengths |= {before, behind}
    assert len(lengths) > 12 and min(lengths) >= 0.05 * RATE and max(lengths) <= 0.3 * RATE


def test_speech_that_stays_clean_gets_digital_silence_around(noise_manifest: Path) -> None:
    perturbation, samples = NoiseMixPerturbation(noise_manifest, [5], mix_prob=0.0, around_s=[0.25]), utterance(0)
    mixture = mixed(perturbation, samples)
    assert len(mixture) == len(samples) + RATE // 2
    np.testing.assert_array_equal(mixture[RATE // 4 : -RATE // 4], samples)
    assert not mixture[: RATE // 4].any() and not mixture[-RATE // 4 :].any()


def test_equal_seeds_and_epochs_give_equal_samples_and_another_epoch_other_lengths(noise_manifest: Path) -> None:
    made = []
    for epoch in (0, 0, 1):
        perturbation = NoiseMixPerturbation(noise_manifest, [5], seed=3, around_s=SIDE)
        clock = EpochClock()
        clock.set(epoch)
        perturbation.follow(clock)
        made.append(mixed(perturbation, utterance(0)))
    np.testing.assert_array_equal(made[0], made[1])
    assert len(made[2]) != len(made[0])


def test_surroundings_disturb_no_other_draw(noise_manifest: Path) -> None:
    options: dict[str, Any] = {"mix_prob": 0.7, "noise_only_prob": 0.3}
    plain = drawn(NoiseMixPerturbation(noise_manifest, {"min": 0, "max": 20}, **options))
    around = drawn(NoiseMixPerturbation(noise_manifest, {"min": 0, "max": 20}, around_s=SIDE, **options))
    for one, other in zip(plain, around, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert (one.snr_db, one.source, one.is_noise_only) == (other.snr_db, other.source, other.is_noise_only)
            assert one.noise.entry == other.noise.entry


def test_noise_alone_has_a_length_of_its_own_and_the_level_that_it_would_have_had(noise_manifest: Path) -> None:
    options: dict[str, Any] = {"noise_only_prob": 1.0, "around_s": [0.5]}
    lengths = []
    for index in range(6):
        samples = utterance(index)
        perturbation = NoiseMixPerturbation(noise_manifest, [5], noise_only_s={"min": 0.2, "max": 2}, **options)
        with transcript_note() as note:
            noise = mixed(perturbation, samples)
        assert note.is_emptied
        assert active_speech_level_db(samples, RATE) - rms_db(noise) == pytest.approx(5, abs=1.0)
        lengths.append(len(noise) / RATE)
    assert 0.2 <= min(lengths) < max(lengths) <= 2 and len(set(lengths)) == 6
    with transcript_note():
        assert len(mixed(NoiseMixPerturbation(noise_manifest, [5], **options), utterance(0))) == 1.5 * RATE


def test_a_share_of_the_sides_gets_nothing_and_the_others_keep_their_length(noise_manifest: Path) -> None:
    all_sides = [draw.around for draw in drawn(NoiseMixPerturbation(noise_manifest, [5], around_s=SIDE), 200)]
    some = NoiseMixPerturbation(noise_manifest, [5], around_s=SIDE, around_prob=0.25)
    sides = [
        pair
        for one, other in zip(all_sides, drawn(some, 200), strict=True)
        for pair in zip(one, other.around, strict=True)
    ]
    assert all(length in (0, whole) for whole, length in sides)
    assert sum(length > 0 for _, length in sides) / 400 == pytest.approx(0.25, abs=0.07)


def test_bands_and_effects_reach_the_surroundings(noise_manifest: Path) -> None:
    bands = [{"below_hz": 1000, "snr_db": [0]}, {"snr_db": [10]}]
    assert len(mixed(NoiseMixPerturbation(noise_manifest, bands=bands, around_s=[0.1]), utterance(0))) == 0.7 * RATE
    effects = {"speech": [{"effect": "telephone_band"}]}
    perturbation = NoiseMixPerturbation(noise_manifest, [5], around_s=[0.1], effects=effects)
    assert len(mixed(perturbation, utterance(0))) == 0.7 * RATE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"around_s": -1}, "around_s: is -1, expected 0 to 60"),
        ({"around_s": {"max": 1}}, r"around_s: has the keys \['max'\], expected exactly min and max"),
        ({"around_s": {"min": 2, "max": 1}}, "around_s: min 2 is above max 1"),
        ({"around_s": "1 s"}, "around_s: is '1 s', expected a number"),
        ({"around_s": 1, "around_prob": 2}, "around_prob: is 2, expected 0 to 1"),
        ({"noise_only_s": 0}, "noise_only_s: is 0, expected 0.1 to 600"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(noise_manifest: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseMixPerturbation(noise_manifest, [5], **options)


def test_both_loaders_give_the_same_surroundings_whatever_the_workers(
    model: EncDecCTCModel,  # noqa: F811
    speech_manifest: Path,  # noqa: F811
    noise_manifest: Path,
) -> None:
    block = noise_block(noise_manifest, mix_prob=0.8, around_s=SIDE)
    configs = [train_ds(speech_manifest, block, use_lhotse=False, shuffle=True)]
    configs += [train_ds(speech_manifest, block, use_lhotse=True, num_workers=workers) for workers in (0, 2)]
    classic, *others = (heard(model._setup_dataloader_from_config(config)) for config in configs)
    assert len(classic) == 6 and min(classic) >= 8000 + 0.1 * RATE
    for other in others:
        assert classic.keys() == other.keys()
        assert all(torch.equal(classic[length], other[length]) for length in classic)


def test_the_device_and_sensors_of_the_speech_are_refused(tmp_path: Path, noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [5], around_s=[0.1])
    with pytest.raises(ValueError, match="around_s: cannot be done on the device"):
        DeviceMixer(perturbation, sample_rate=RATE, device=torch.device("cpu"))
    np.save(tmp_path / "shaking.npy", np.zeros((50, 3)))
    soundfile.write(tmp_path / "speech.wav", utterance(0), RATE)
    line = {"audio_filepath": "speech.wav", "duration": 0.5, "text": "ab"}
    line |= {"sensors": {"shaking": {"file": "shaking.npy", "rate_hz": 100}}}
    (tmp_path / "speech.json").write_text(json.dumps(line) + "\n")
    augmentor = process_augmentations(noise_block(noise_manifest, around_s=[0.1]))
    data_set = AudioToCharDataset(str(tmp_path / "speech.json"), labels=["a", "b"], sample_rate=RATE,
                                  augmentor=augmentor)  # fmt: skip
    with pytest.raises(ValueError, match=r"around_s: .*speech.json:1 has sensors, which begin with its speech"):
        data_set[0]


def test_the_preview_shows_what_is_around(corpus: Callable[..., Path], noise_manifest: Path, tmp_path: Path) -> None:
    speech = corpus("speech", {"a": utterance(0), "b": utterance(1)}, text="ab")
    for mix_prob in (1.0, 0.0):
        perturbation = NoiseMixPerturbation(noise_manifest, [5], mix_prob=mix_prob, around_s=SIDE)
        lines = write_preview(perturbation, read_manifest(speech), tmp_path / f"out{mix_prob:g}", sample_rate=RATE)
        for line in lines:
            assert line["duration"] == pytest.approx(0.5 + line["lead_in_s"] + line["tail_s"], abs=1e-3)
            assert soundfile.info(tmp_path / f"out{mix_prob:g}" / line["audio_filepath"]).duration > 0.6
            assert line["measured_snr_db"] in (None, pytest.approx(5, abs=0.05))
            assert (line["measured_snr_db"] is None) == (mix_prob == 0)
