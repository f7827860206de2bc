# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the probes promise: the known answer where the answer is known."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.evaluation.probes import probe, probe_sets


def test_linear_classes_are_found_and_random_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    labels, test_labels = rng.integers(4, size=400), rng.integers(4, size=400)
    centers = 5.0 * rng.standard_normal((4, 8))
    train, test = centers[labels] + rng.standard_normal((400, 8)), centers[test_labels] + rng.standard_normal((400, 8))
    assert probe.probe_accuracy(train, labels, test=test, test_labels=test_labels).value > 0.98
    blind = probe.probe_accuracy(
        rng.standard_normal((400, 8)), labels, test=rng.standard_normal((400, 8)), test_labels=test_labels
    )
    assert blind.low < 0.25 < blind.high and blind.chance == pytest.approx(0.25, abs=0.06)


def test_a_linear_value_is_explained_and_a_random_one_is_not() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((300, 5)), rng.standard_normal((300, 5))
    weights = rng.standard_normal(5)
    score = probe.probe_r2(train, 3.0 + train @ weights, test, 3.0 + test @ weights)
    assert score.value > 0.999 and score.low > 0.99
    assert probe.probe_r2(train, rng.standard_normal(300), test, rng.standard_normal(300)).value < 0.05


def test_wilson_interval_matches_the_textbook() -> None:
    assert probe.wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert probe.wilson_interval(0, 10)[0] == 0.0 and probe.wilson_interval(10, 10)[1] == 1.0


def test_noise_set_divides_speakers_and_time(corpus) -> None:
    found = probe_sets.noise_probe_set(
        corpus.speech, corpus.noise, sample_rate=16000, num_train=24, num_test=12, crop_s=1.0
    )
    assert found.train.samples.shape == (24, 16000) and found.test.samples.shape == (12, 16000)
    assert np.bincount(found.train.labels).tolist() == [4] * 6 and found.classes[0] == "band 0"
    again = probe_sets.noise_probe_set(
        corpus.speech, corpus.noise, sample_rate=16000, num_train=24, num_test=12, crop_s=1.0
    )
    assert np.array_equal(found.test.samples, again.test.samples)


def test_probes_of_the_spectrum_find_band_noises_and_words(corpus) -> None:
    noise_set = probe_sets.noise_probe_set(
        corpus.speech, corpus.noise, sample_rate=16000, num_train=120, num_test=60, crop_s=1.0, snr_db=(-15.0, -5.0)
    )
    word_set = probe_sets.word_probe_set(corpus.speech, corpus.noise, sample_rate=16000)
    assert word_set.classes == ["high", "low"] and len(word_set.test.labels) == 4

    def spectrum(samples: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        power = torch.fft.rfft(samples).abs().square()[:, 1:7981]
        return power.unflatten(1, (21, 380)).mean(2).clamp_min(1e-12).log()

    scores = probe.probe_representation(spectrum, {"all": noise_set}, word_set)
    assert set(scores) == {"all noise accuracy", "all SNR R2", "word accuracy"}
    assert scores["all noise accuracy"].value > 0.8
    text = probe.table({"spectrum": scores})
    assert "chance" in text and len(text.splitlines()) == 3


def test_the_noise_floor_does_not_hear_a_short_burst() -> None:
    class Features(torch.nn.Module):
        def forward(self, input_signal: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return input_signal.unsqueeze(1), length

    quiet = torch.arange(100.0).expand(2, 100).clone()
    burst = quiet.clone()
    burst[:, 95:] = 1000.0
    represent = probe.noise_floor_representation(Features())
    assert torch.equal(represent(quiet, torch.tensor([100, 100])), represent(burst, torch.tensor([100, 100])))


def test_a_word_with_one_take_names_the_manifest_line(corpus, tmp_path: Path) -> None:
    audio = str(Path(corpus.speech).parent / "speech_0.wav")
    path = tmp_path / "words.json"
    path.write_text(json.dumps({"audio_filepath": audio, "text": "one"}) + "\n")
    with pytest.raises(ManifestError, match=r"words.json:1: .*one take of 'one'"):
        probe_sets.word_probe_set(str(path), corpus.noise, sample_rate=16000)
