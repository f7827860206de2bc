# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`noise_mix` draws the same noise for (seed, epoch, utterance), whoever asks and in whatever order."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, Dataset

from nemo.collections.asr.parts.preprocessing.perturb import AudioAugmentor, process_augmentations
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment
from nemo.utils import logging

from nemo_noise.data import NoiseMixPerturbation, active_speech_level_db
from nemo_noise.data.draw import utterance as utterance_draw
from nemo_noise.data.draw.clock import EPOCH_CLOCK, EpochClock
from nemo_noise.data.manifests.manifest import ManifestError

RATE = 16000


def utterance(seed: int, seconds: float = 0.5) -> np.ndarray:
    return (0.1 * np.random.default_rng(100 + seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def mixed(perturbation: NoiseMixPerturbation | AudioAugmentor, samples: np.ndarray) -> np.ndarray:
    segment = AudioSegment(samples.copy(), RATE)
    perturbation.perturb(segment)
    return segment.samples


class MixedUtterances(Dataset[torch.Tensor]):
    def __init__(self, augmentor: AudioAugmentor) -> None:
        self.augmentor = augmentor

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(mixed(self.augmentor, utterance(index)))


def augmentor(noise_manifest: Path, **options: object) -> AudioAugmentor:
    block = {"prob": 1.0, "manifest_path": str(noise_manifest), "snr_db": [0, 5, 10], "seed": 3, **options}
    return process_augmentations(OmegaConf.create({"noise_mix": block}))


def one_epoch(noise_manifest: Path, epoch: int, order: list[int], num_workers: int, **options: object) -> torch.Tensor:
    """Mixes all utterances in an order and returns them sorted back: [8, T]."""
    EPOCH_CLOCK.set(epoch)
    random.seed(num_workers)
    dataset = MixedUtterances(augmentor(noise_manifest, **options))
    loader = DataLoader(dataset, batch_size=2, sampler=order, num_workers=num_workers)
    return torch.cat(list(loader))[torch.argsort(torch.tensor(order))]


def test_importing_nemo_noise_registers_the_perturbation(noise_manifest: Path) -> None:
    made = augmentor(noise_manifest, snr_db={"min": 0, "max": 20})
    assert isinstance(made._pipeline[0][1], NoiseMixPerturbation)


def test_noise_depends_on_neither_workers_nor_order(noise_manifest: Path) -> None:
    options = {"mix_prob": 0.7}
    forwards = one_epoch(noise_manifest, 1, list(range(8)), 0, **options)
    assert torch.equal(forwards, one_epoch(noise_manifest, 1, list(range(8)), 2, **options))
    assert torch.equal(forwards, one_epoch(noise_manifest, 1, [5, 0, 7, 2, 1, 6, 3, 4], 2, **options))


def test_another_epoch_brings_other_noise_and_the_same_epoch_the_same(noise_manifest: Path) -> None:
    order = list(range(8))
    first = one_epoch(noise_manifest, 0, order, 0)
    assert not any(torch.equal(a, b) for a, b in zip(first, one_epoch(noise_manifest, 1, order, 2), strict=True))
    assert torch.equal(first, one_epoch(noise_manifest, 0, order, 0))


def test_another_seed_brings_other_noise(noise_manifest: Path) -> None:
    samples = utterance(0)
    assert not np.array_equal(
        mixed(augmentor(noise_manifest), samples), mixed(augmentor(noise_manifest, seed=4), samples)
    )


def test_refresh_never_keeps_the_noise_in_every_epoch(noise_manifest: Path) -> None:
    order = list(range(8))
    options = {"refresh": "never"}
    assert torch.equal(
        one_epoch(noise_manifest, 0, order, 0, **options), one_epoch(noise_manifest, 5, order, 0, **options)
    )


def drawn_snrs(noise_manifest: Path, snr_db: object, count: int = 200) -> list[float]:
    perturbation = NoiseMixPerturbation(noise_manifest, snr_db, seed=1)
    draws = [perturbation.draw(utterance(index, 0.02), RATE) for index in range(count)]
    return [draw.snr_db for draw in draws if draw is not None]


def test_an_snr_list_gives_each_of_its_values(noise_manifest: Path) -> None:
    snrs = drawn_snrs(noise_manifest, [0, 5, 10])
    assert {snr: snrs.count(snr) > 40 for snr in set(snrs)} == {0.0: True, 5.0: True, 10.0: True}


def test_an_snr_range_is_filled_evenly(noise_manifest: Path) -> None:
    snrs = drawn_snrs(noise_manifest, {"min": -5, "max": 15})
    assert -5 <= min(snrs) < -4
    assert 14 < max(snrs) <= 15
    assert np.mean(snrs) == pytest.approx(5.0, abs=1.5)


def test_the_mixture_has_the_snr_that_was_drawn(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, {"min": 0, "max": 20})
    samples = utterance(1, 5.0)  # longer than every noise
    added = mixed(perturbation, samples).astype(np.float64) - samples
    draw = perturbation.draw(samples, RATE)
    assert draw is not None
    measured = active_speech_level_db(samples, RATE) - 10 * np.log10(np.mean(added**2))
    assert measured == pytest.approx(draw.snr_db, abs=0.1)


def test_mix_prob_is_the_share_of_utterances_that_get_noise(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [0], mix_prob=0.25)
    share = np.mean([perturbation.draw(utterance(index, 0.02), RATE) is not None for index in range(400)])
    assert share == pytest.approx(0.25, abs=0.07)


def test_several_lists_are_one(corpus: Callable[..., Path], noise_manifest: Path) -> None:
    other = corpus("other", {"hum": np.sin(np.arange(RATE)) * 0.1})
    perturbation = NoiseMixPerturbation([noise_manifest, other], [0])
    sources = {draw.noise.entry.source for i in range(80) if (draw := perturbation.draw(utterance(i, 0.02), RATE))}
    assert len(sources) == 6


def test_a_silent_utterance_stays_as_it_is_and_is_counted(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [0])
    assert not mixed(perturbation, np.zeros(RATE, np.float32)).any()
    assert perturbation.counts == {"silent speech": 1}


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([0.1, np.nan], np.float32), "bad.wav: noise_mix cannot use it, samples: 1 of 2 samples are NaN"),
        (np.zeros(0, np.float32), "bad.wav: noise_mix cannot use it, samples: is empty"),
        (np.ones((5, 2), np.float32), r"bad.wav: noise_mix cannot use it, samples: has shape \(5, 2\)"),
    ],
)
def test_unusable_speech_is_named(noise_manifest: Path, samples: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseMixPerturbation(noise_manifest, [0]).perturb(AudioSegment(samples, RATE, audio_file="bad.wav"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snr_db": []}, "snr_db: is an empty list"),
        ({"snr_db": "loud"}, "snr_db: is 'loud', expected a list"),
        ({"snr_db": 5}, "snr_db: is 5, expected a list"),
        ({"snr_db": [0, float("inf")]}, "snr_db: is inf"),
        ({"snr_db": {"min": 3}}, r"snr_db: has the keys \['min'\]"),
        ({"snr_db": {"min": 3, "max": 1}}, "snr_db: min 3 is above max 1"),
        ({"seed": -1}, "seed: is -1"),
        ({"mix_prob": 1.5}, "mix_prob: is 1.5"),
        ({"refresh": "sometimes"}, "refresh: is 'sometimes', expected one of"),
        ({"manifest_path": []}, "manifest_path: is an empty list"),
        ({"manifest_path": "absent.json"}, "absent.json: no such manifest"),
    ],
)
def test_an_unusable_option_is_named_at_construction(noise_manifest: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseMixPerturbation(**{"manifest_path": noise_manifest, "snr_db": [0], **options})


def test_a_bad_noise_is_named_with_its_line(corpus: Callable[..., Path]) -> None:
    manifest = corpus("bad", {"silence": np.zeros(RATE)})
    with pytest.raises(ManifestError, match=r"bad\.json:1: .*silence\.wav: is silent"):
        mixed(NoiseMixPerturbation(manifest, [0]), utterance(0))


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", said.append)
    return said


def test_a_clock_that_nobody_sets_is_reported_once(
    noise_manifest: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utterance_draw, "EPOCH_CLOCK", EpochClock())
    perturbation = NoiseMixPerturbation(noise_manifest, [0])
    for _ in range(3):
        for index in range(3):
            mixed(perturbation, utterance(index))
    assert len(warnings) == 1
    assert "nemo_noise.training.epoch.EpochClockCallback" in warnings[0]


def test_workers_that_live_one_epoch_notice_a_clock_that_nobody_sets(
    noise_manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utterance_draw, "EPOCH_CLOCK", EpochClock())
    dataset = MixedUtterances(augmentor(noise_manifest))
    perturbation = dataset.augmentor._pipeline[0][1]
    list(DataLoader(dataset, num_workers=2))
    assert perturbation.draws._witness[1] == 0
    list(DataLoader(dataset, num_workers=2))
    assert perturbation.draws._witness[1] == 1


@pytest.mark.parametrize("refresh", ["each_epoch", "never"])
def test_a_clock_that_moves_or_is_not_needed_is_not_reported(
    noise_manifest: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch, refresh: str
) -> None:
    clock = EpochClock()
    monkeypatch.setattr(utterance_draw, "EPOCH_CLOCK", clock)
    perturbation = NoiseMixPerturbation(noise_manifest, [0], refresh=refresh)
    for epoch in range(3):
        if refresh == "each_epoch":
            clock.set(epoch)
        mixed(perturbation, utterance(0))
    assert warnings == []
