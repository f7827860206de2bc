# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`train_ds.augmentor` does in NeMo's Lhotse loader what it does in NeMo's own."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lhotse import MonoCut, Recording, SupervisionSegment
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.data.audio_to_text_lhotse import LhotseSpeechToTextBpeDataset
from nemo.collections.asr.models import EncDecCTCModel
from nemo.collections.asr.parts.preprocessing.perturb import AudioAugmentor, Perturbation, process_augmentations
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment
from nemo.collections.common.data.lhotse import dataloader as lhotse_dataloader
from nemo.collections.common.data.lhotse import get_lhotse_dataloader_from_config
from nemo.utils import logging

from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.nemo_patches.lhotse_loader import AugmentedAudio
from nemo_noise.nemo_patches.table import install
from nemo_noise.nemo_patches.transcripts import without_transcript

RATE = 16000


@pytest.fixture
def speech_manifest(corpus: Callable[..., Path]) -> Path:
    """Six utterances of different lengths, so that a length names an utterance."""
    rng = np.random.default_rng(9)
    return corpus("speech", {f"u{i}": 0.1 * rng.standard_normal(8000 + 160 * i) for i in range(6)}, text="ab")


def noise_block(noise_manifest: Path, **options: object) -> dict:
    return {"noise_mix": {"prob": 1.0, "manifest_path": str(noise_manifest), "snr_db": [0, 10], "seed": 5, **options}}


def heard(loader: object) -> dict[int, torch.Tensor]:
    """Everything that a loader gives: {length: samples}."""
    utterances = {}
    for signals, lengths, *_ in loader:
        for signal, length in zip(signals, lengths, strict=True):
            assert not signal[int(length) :].any(), "padding is not zero"
            utterances[int(length)] = signal[: int(length)].clone()
    return utterances


def train_ds(speech_manifest: Path, augmentor: dict | None, **options: object) -> DictConfig:
    loader = {"manifest_filepath": str(speech_manifest), "sample_rate": RATE, "batch_size": 4, "num_workers": 0}
    loader |= {"shuffle": False, "labels": ["a", "b"], "augmentor": augmentor, **options}
    return OmegaConf.create(loader)


@pytest.fixture(scope="module")
def model() -> EncDecCTCModel:
    features = {"_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor", "features": 16}
    block = {"filters": 8, "repeat": 1, "kernel": [1], "stride": [1], "dilation": [1], "dropout": 0.0}
    jasper = [{**block, "residual": False, "separable": True}]
    encoder = {"_target_": "nemo.collections.asr.modules.ConvASREncoder", "feat_in": 16, "activation": "relu"}
    decoder = {"_target_": "nemo.collections.asr.modules.ConvASRDecoder", "feat_in": 8, "num_classes": 2}
    parts = {"preprocessor": features, "encoder": {**encoder, "jasper": jasper}}
    return EncDecCTCModel(DictConfig({"sample_rate": RATE, **parts, "decoder": {**decoder, "vocabulary": ["a", "b"]}}))


def test_both_loaders_give_the_same_samples_whatever_the_workers(
    model: EncDecCTCModel, speech_manifest: Path, noise_manifest: Path
) -> None:
    epochs = []
    for epoch in (0, 3):
        EPOCH_CLOCK.set(epoch)
        block = noise_block(noise_manifest, mix_prob=0.8)
        configs = [train_ds(speech_manifest, block, use_lhotse=False, shuffle=True)]
        configs += [train_ds(speech_manifest, block, use_lhotse=True, num_workers=workers) for workers in (0, 2)]
        configs += [train_ds(speech_manifest, block, use_lhotse=True, batch_size=2, force_iterable_dataset=True)]
        classic, *with_lhotse = (heard(model._setup_dataloader_from_config(config)) for config in configs)
        assert len(classic) == 6
        for other in with_lhotse:
            assert classic.keys() == other.keys()
            assert all(torch.equal(classic[length], other[length]) for length in classic)
        epochs.append(classic)
    assert not all(torch.equal(epochs[0][length], epochs[1][length]) for length in epochs[0])


def test_a_curriculum_is_the_same_in_both_loaders_for_all_workers_and_ranks(
    model: EncDecCTCModel, speech_manifest: Path, noise_manifest: Path
) -> None:
    falling = {"schedule": "linear", "from": 30, "to": -10, "until": 1000}
    curriculum = {"unit": "step", "snr_db": {"min": falling, "max": 30}, "mix_prob": {**falling, "from": 0.3, "to": 1}}
    block = noise_block(noise_manifest, snr_db=None, curriculum=curriculum)
    epochs = []
    for epoch, step in ((0, 0), (3, 900)):
        EPOCH_CLOCK.set(epoch, step)
        configs = [train_ds(speech_manifest, block, use_lhotse=False, shuffle=True, num_workers=2)]
        configs += [train_ds(speech_manifest, block, use_lhotse=True, num_workers=workers) for workers in (0, 2)]
        classic, *others = (heard(model._setup_dataloader_from_config(config)) for config in configs)
        of_ranks = [lhotse_loader(plain(speech_manifest, block), rank=rank, ranks=2) for rank in (0, 1)]
        others.append({length: samples for loader in of_ranks for length, samples in heard(loader).items()})
        for other in others:
            assert classic.keys() == other.keys()
            assert all(torch.equal(classic[length], other[length]) for length in classic)
        epochs.append(classic)
    assert not all(torch.equal(epochs[0][length], epochs[1][length]) for length in epochs[0])


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", said.append)
    return said


class Words:
    """A tokenizer of one token per letter."""

    def __call__(self, text: str, lang: str | None = None) -> list[int]:
        return [ord(letter) for letter in text]


def lhotse_loader(config: DictConfig | dict, dataset: object = None, rank: int = 0, ranks: int = 1) -> object:
    dataset = dataset or LhotseSpeechToTextBpeDataset(tokenizer=Words())
    return get_lhotse_dataloader_from_config(config, global_rank=rank, world_size=ranks, dataset=dataset)


def plain(speech_manifest: Path, augmentor: dict | None) -> DictConfig:
    config = train_ds(speech_manifest, augmentor, use_lhotse=True)
    del config["labels"]
    return config


def test_nemo_does_not_say_that_it_drops_what_is_obeyed(
    speech_manifest: Path, noise_manifest: Path, warnings: list[str]
) -> None:
    config = plain(speech_manifest, noise_block(noise_manifest))
    lhotse_loader(config)
    assert not [line for line in warnings if "augmentor" in line]
    assert "augmentor" in config, "the caller's config is not ours to change"


def test_an_augmentor_without_ours_stays_nemos_business(speech_manifest: Path, warnings: list[str]) -> None:
    loader = lhotse_loader(plain(speech_manifest, {"gain": {"prob": 1.0}}))
    assert [line for line in warnings if "augmentor" in line]
    assert not isinstance(loader.dataset.load_audio, AugmentedAudio)


def test_perturbations_of_nemo_run_before_and_after_ours(speech_manifest: Path, noise_manifest: Path) -> None:
    plain_noise = heard(lhotse_loader(plain(speech_manifest, noise_block(noise_manifest))))
    block = {**noise_block(noise_manifest), "gain": {"prob": 1.0, "min_gain_dbfs": 6.0, "max_gain_dbfs": 6.0}}
    louder = heard(lhotse_loader(plain(speech_manifest, block)))
    for length, samples in plain_noise.items():
        assert torch.allclose(louder[length], samples * 10 ** (6 / 20), atol=1e-5)


class Halved(Perturbation):
    """Leaves the first half."""

    def perturb(self, data: AudioSegment) -> None:
        data._samples = data._samples[: len(data._samples) // 2]


def test_a_perturbation_may_change_the_length() -> None:
    batch = torch.arange(20.0).reshape(2, 10), torch.tensor([10, 6]), "cuts"
    audio, lengths, cuts = AugmentedAudio(lambda cuts: batch, AudioAugmentor([(1.0, Halved())]), RATE)("cuts")
    assert (lengths.tolist(), cuts) == ([5, 3], "cuts")
    assert audio.tolist() == [[0, 1, 2, 3, 4], [10, 11, 12, 0, 0]]


def test_several_channels_are_refused() -> None:
    batch = torch.zeros(2, 2, 10), torch.tensor([10, 6])
    with pytest.raises(ValueError, match=r"augmentor: needs mono audio \[B, T\], got \[2, 2, 10\]"):
        AugmentedAudio(lambda cuts: batch, AudioAugmentor([]), RATE)("cuts")


def test_one_augmentor_serves_a_loader_of_several_configs(speech_manifest: Path, noise_manifest: Path) -> None:
    one = plain(speech_manifest, None)
    block = noise_block(noise_manifest)
    several = {"multi_config": True, "seed": 0, "shard_seed": 0, "shuffle": False, "force_finite": True}
    mixed = heard(lhotse_loader(OmegaConf.create({**several, "first": one, "augmentor": block, "sample_rate": RATE})))
    expected = heard(lhotse_loader(plain(speech_manifest, block)))
    assert all(torch.equal(mixed[length], expected[length]) for length in expected)
    nested = OmegaConf.create({**several, "first": plain(speech_manifest, block)})
    with pytest.raises(ValueError, match="first.augmentor: a loader with multi_config has one augmentor for all"):
        lhotse_loader(nested)


def test_a_data_set_without_audio_is_refused(speech_manifest: Path, noise_manifest: Path) -> None:
    with pytest.raises(ValueError, match="augmentor: dict has no load_audio"):
        lhotse_loader(plain(speech_manifest, noise_block(noise_manifest)), dataset={"a": 1})


def test_registering_twice_wraps_once() -> None:
    before = lhotse_dataloader.get_lhotse_dataloader_from_single_config
    install()
    assert lhotse_dataloader.get_lhotse_dataloader_from_single_config is before


def test_the_loading_of_audio_can_be_copied(speech_manifest: Path, noise_manifest: Path) -> None:
    loader = lhotse_loader(plain(speech_manifest, noise_block(noise_manifest)))
    again = copy.deepcopy(loader.dataset.load_audio)
    assert again.fault_tolerant is True


def texts(loader: object) -> dict[int, list[int]]:
    """The tokens of each utterance: {length of the audio: tokens}."""
    tokens = {}
    for _, lengths, transcripts, transcript_lengths, *_ in loader:
        for length, transcript, count in zip(lengths, transcripts, transcript_lengths, strict=True):
            tokens[int(length)] = transcript[: int(count)].tolist()
    return tokens


def test_both_loaders_empty_the_text_of_noise_alone(
    model: EncDecCTCModel, speech_manifest: Path, noise_manifest: Path
) -> None:
    block = noise_block(noise_manifest, noise_only_prob=0.5)
    configs = [train_ds(speech_manifest, block, use_lhotse=False)]
    configs += [train_ds(speech_manifest, block, use_lhotse=True, num_workers=workers) for workers in (0, 2)]
    loaders = [model._setup_dataloader_from_config(config) for config in configs]
    classic, *with_lhotse = ((heard(loader), texts(loader)) for loader in loaders)
    assert sorted(map(tuple, classic[1].values())).count(()) in range(1, 6)
    assert {tuple(tokens) for tokens in classic[1].values()} == {(), (0, 1)}
    for audio, tokens in with_lhotse:
        assert tokens == classic[1]
        assert all(torch.equal(audio[length], classic[0][length]) for length in audio)


def test_a_cut_without_transcript_is_formatted_again_and_its_original_is_kept() -> None:
    said = SupervisionSegment("s", "r", 0.0, 1.0, text="ab", custom={"tokens": np.ones(2)})
    recording = Recording("r", [], RATE, RATE, 1.0)
    cut = MonoCut("c", 0.0, 1.0, 0, recording=recording, supervisions=[said], custom={"input_ids": 1, "kept": 2})
    for emptied in (without_transcript(cut), without_transcript(cut.pad(2.0))):
        assert emptied.supervisions[0].text == ""
        assert len(emptied.supervisions[0].tokens) == 0
        assert not hasattr(emptied, "input_ids")
        assert emptied.kept == 2
    assert cut.supervisions[0].text == "ab" and cut.input_ids == 1 and len(said.tokens) == 2


def test_noise_alone_is_refused_where_the_data_set_keeps_its_cuts(noise_manifest: Path) -> None:
    block = noise_block(noise_manifest, noise_only_prob=1.0)
    batch = 0.1 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(0)), torch.tensor([4000])
    load = AugmentedAudio(lambda cuts: batch, process_augmentations(block), RATE)
    with pytest.raises(ValueError, match="cannot empty the transcript"):
        load("cuts")
