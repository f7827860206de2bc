# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a pair of views promises: the same noise, other speech, the SNR asked for, the same with any workers."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch.utils.data import DataLoader, DistributedSampler

from nemo_noise.data import active_speech_level_db
from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.data.pairs.context_pairs import ContextPairDataset, collate_context_pairs
from nemo_noise.data.pairs.environments import NoiseBank, sound_extent

RATE = 16000


def pairs(corpus, **arguments) -> ContextPairDataset:
    defaults = {"num_pairs": 24, "crop_s": [1.0, 1.0]}
    return ContextPairDataset(corpus.speech, corpus.noise, **(defaults | arguments))


def test_views_share_the_noise_and_not_the_speech(corpus) -> None:
    dataset = pairs(corpus, clean_fraction=0.0, noise_only_fraction=0.0, equalizer_db=0.0)
    for index in range(8):
        item = dataset[index]
        assert (
            dataset.speech.entries[item["speech"][0]].fields["speaker"]
            != dataset.speech.entries[item["speech"][1]].fields["speaker"]
        )
        spectra = torch.fft.rfft(item["audio_noise"]).abs()
        bands = [chunk.square().sum(1) for chunk in spectra.chunk(6, dim=1)]
        loudest = torch.stack(bands).argmax(dim=0)
        assert loudest[0] == loudest[1] == item["noise_label"]
        assert not torch.equal(item["audio_noise"][0], item["audio_noise"][1])


def test_measured_snr_is_the_one_that_was_drawn(corpus) -> None:
    dataset = pairs(corpus, clean_fraction=0.0, noise_only_fraction=0.0, snr_db=[7.0])
    item = dataset[0]
    assert item["snr_db"].tolist() == pytest.approx([7.0, 7.0], abs=0.05)
    speech, noise = (item["audio"] - item["audio_noise"])[0].numpy(), item["audio_noise"][0].numpy()
    measured = active_speech_level_db(speech, RATE) - 10 * np.log10(np.square(noise.astype(np.float64)).mean())
    assert measured == pytest.approx(7.0, abs=0.05)


def test_level_says_nothing_about_the_snr(corpus) -> None:
    dataset = pairs(corpus, num_pairs=200, clean_fraction=0.0, noise_only_fraction=0.0)
    items = [dataset[index] for index in range(200)]
    levels = [10 * np.log10(item["audio"][0].square().mean().item()) for item in items]
    assert -40.1 < min(levels) < max(levels) < -14.9
    assert abs(np.corrcoef(levels, [item["snr_db"][0].item() for item in items])[0, 1]) < 0.2


def test_clean_and_noise_only_views_have_infinite_snr(corpus) -> None:
    clean = pairs(corpus, clean_fraction=1.0, noise_only_fraction=0.0)[0]
    assert clean["environment"] == -1 and clean["audio_noise"].abs().max() == 0 and (clean["snr_db"] == np.inf).all()
    noise = pairs(corpus, clean_fraction=0.0, noise_only_fraction=1.0)[0]
    assert noise["environment"] >= 0 and torch.equal(noise["audio"], noise["audio_noise"])
    assert (noise["snr_db"] == -np.inf).all() and (noise["speech"] == -1).all()


def test_views_have_lengths_of_their_own_and_are_padded_with_zeros(corpus) -> None:
    dataset = pairs(corpus, crop_s=[0.5, 1.0])
    items = [dataset[index] for index in range(8)]
    lengths = torch.cat([item["audio_length"] for item in items])
    assert lengths.min() >= 8000 and lengths.max() <= 16000 and len(set(lengths.tolist())) == 16
    for item in items:
        for view in range(2):
            assert item["audio"].shape == (2, 16000) and not item["audio"][view, item["audio_length"][view] :].any()
            first_db, second_db = item["snr_db"].tolist()
            assert first_db == second_db or first_db == pytest.approx(second_db, abs=0.05)


def test_neighbours_share_their_speech_crosswise(corpus) -> None:
    dataset = pairs(corpus, clean_fraction=0.0, noise_only_fraction=0.0, pairs_per_speech=2)
    for index in range(0, 8, 2):
        assert dataset[index]["speech"].tolist() == dataset[index + 1]["speech"].tolist()[::-1]
    alone = pairs(corpus, clean_fraction=0.0, noise_only_fraction=0.0, pairs_per_speech=1)
    assert any(alone[i]["speech"].tolist() != alone[i + 1]["speech"].tolist()[::-1] for i in range(0, 8, 2))


def test_neighbours_stay_together_when_a_distributed_sampler_deals_them_out(corpus) -> None:
    dataset = pairs(corpus, clean_fraction=0.0, noise_only_fraction=0.0, pairs_per_speech=2)
    dataset.set_num_processes(2)
    shared = set()
    for rank in range(2):
        sampler = DistributedSampler(dataset, num_replicas=2, rank=rank, shuffle=False)
        items = [dataset[index] for index in list(sampler)[:4]]
        for first, second in zip(items[::2], items[1::2], strict=True):
            assert first["speech"].tolist() == second["speech"].tolist()[::-1]
            shared.add(tuple(first["audio"].flatten()[:5].tolist()))
    assert len(shared) == 4
    with pytest.raises(ValueError, match="num_processes=0 must be at least 1"):
        dataset.set_num_processes(0)


def test_items_depend_on_seed_epoch_and_index_and_not_on_workers(corpus) -> None:
    dataset = pairs(corpus)
    loaders = [
        DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=collate_context_pairs) for workers in (0, 2)
    ]
    alone, helped = [[batch["audio"] for batch in loader] for loader in loaders]
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))
    assert torch.equal(pairs(corpus)[5]["audio"], dataset[5]["audio"])
    assert not torch.equal(pairs(corpus, seed=1)[5]["audio"], dataset[5]["audio"])
    dataset.set_epoch(1)
    assert not torch.equal(pairs(corpus)[5]["audio"], dataset[5]["audio"])


def test_a_running_worker_hears_of_the_epoch(corpus) -> None:
    dataset = pairs(corpus)
    loader = DataLoader(
        dataset, batch_size=4, num_workers=1, collate_fn=collate_context_pairs, persistent_workers=True
    )
    first = [batch["audio"] for batch in loader]
    dataset.set_epoch(1)
    second = [batch["audio"] for batch in loader]
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(second[1][0], dataset[4]["audio"])


def test_crops_of_a_noise_do_not_overlap(tmp_path: Path) -> None:
    ramp = np.linspace(0.1, 0.9, 5 * RATE)
    bank = NoiseBank(manifest(tmp_path, ramp), RATE, cache_mb=16)
    for seed in range(20):
        crops = bank.crop_pair(np.random.default_rng(seed), 2 * RATE).samples
        assert crops[0].max() <= crops[1].min() or crops[1].max() <= crops[0].min()


def test_a_short_noise_is_repeated_without_sharing_a_sample_between_views(tmp_path: Path) -> None:
    ramp = np.linspace(0.1, 0.9, RATE // 2)
    bank = NoiseBank(manifest(tmp_path, ramp), RATE, cache_mb=16)
    crops = bank.crop_pair(np.random.default_rng(0), 2 * RATE).samples
    assert crops.shape == (2, 2 * RATE)
    assert not set(np.unique(crops[0][crops[0] > 0])) & set(np.unique(crops[1][crops[1] > 0]))


def test_sparse_events_never_give_a_silent_view(tmp_path: Path) -> None:
    clicks = np.zeros(5 * RATE)
    clicks[[100, 4 * RATE]] = 0.5
    bank = NoiseBank(manifest(tmp_path, clicks), RATE, cache_mb=16)
    for seed in range(20):
        assert np.abs(bank.crop_pair(np.random.default_rng(seed), 2 * RATE).samples).max(axis=1).min() > 0.4


def test_silent_noise_names_the_manifest_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"noise.json:1: .*0.000 s of sound"):
        NoiseBank(manifest(tmp_path, np.zeros(RATE)), RATE, cache_mb=16)
    assert sound_extent(np.zeros(0, dtype=np.float32), RATE) == (0, 0)


def test_a_missing_file_names_the_manifest_line(corpus, tmp_path: Path) -> None:
    path = tmp_path / "speech.json"
    path.write_text(
        json.dumps({"audio_filepath": "nowhere.wav"}) + "\n" + json.dumps({"audio_filepath": "no.wav"}) + "\n"
    )
    with pytest.raises(ManifestError, match=r"speech.json:1.*nowhere.wav"):
        ContextPairDataset(str(path), corpus.noise)


def test_silent_speech_names_the_manifest_line(corpus, tmp_path: Path) -> None:
    path = manifest(tmp_path, np.zeros(2 * RATE), copies=2)
    with pytest.raises(ManifestError, match=r"noise.json:\d: 20 speech crops in a row are silent"):
        ContextPairDataset(path, corpus.noise, crop_s=[1.0, 1.0])[0]


def test_a_full_cache_changes_nothing(corpus) -> None:
    small, large = pairs(corpus, num_pairs=4), pairs(corpus, num_pairs=4)
    small.speech._files.free_bytes = 0
    small.noise._files.free_bytes = 0
    assert torch.equal(small[3]["audio"], large[3]["audio"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop_s": [0.0, 1.0]}, "crop_s=0.0 must be above 0"),
        ({"snr_db": {"low": 0, "high": 5}}, "snr_db"),
        ({"level_db": [-10.0, -20.0]}, r"level_db=\[-10.0, -20.0\] must be \[low, high\]"),
        ({"clean_fraction": 0.6, "noise_only_fraction": 0.6}, "must not exceed 1 together"),
        ({"clean_fraction": -0.1}, r"clean_fraction=-0.1 must lie in \[0, 1\]"),
        ({"pairs_per_speech": 3}, "pairs_per_speech=3 must be 1 or 2"),
        ({"equalizer_db": -1.0}, "equalizer_db=-1.0"),
    ],
)
def test_a_bad_argument_is_named(corpus, arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pairs(corpus, **arguments)


def manifest(folder: Path, samples: np.ndarray, copies: int = 1) -> str:
    soundfile.write(folder / "noise.wav", samples.astype(np.float32), RATE, subtype="FLOAT")
    (folder / "noise.json").write_text((json.dumps({"audio_filepath": "noise.wav"}) + "\n") * copies)
    return str(folder / "noise.json")
