# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise crops have the length asked for, come from all recordings, and bad recordings are named."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.signal.speech_level import rms_db

RATE = 16000
Corpus = Callable[..., Path]


def tone(hz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


def test_a_crop_is_the_recording_from_its_offset_on(noise_manifest: Path) -> None:
    noises = NoiseList(noise_manifest, RATE)
    for seed in range(10):
        crop = noises.crop(np.random.default_rng(seed), 8000)
        start = round(crop.offset_s * RATE)
        np.testing.assert_array_equal(
            crop.samples, noises.load(noises.entries.index(crop.entry))[start : start + 8000]
        )


def test_every_recording_is_drawn_as_often_as_any_other(corpus: Corpus) -> None:
    noises = NoiseList(corpus("uneven", {"long": tone(100, 20.0), "short": tone(100, 1.0)}), RATE)
    rng = np.random.default_rng(0)
    long = sum(noises.crop(rng, 160).entry.audio_filepath.endswith("long.wav") for _ in range(400))
    assert long == pytest.approx(200, abs=40)


def test_a_recording_shorter_than_the_crop_is_looped_and_counted(corpus: Corpus) -> None:
    noises = NoiseList(corpus("short", {"beep": tone(400, 0.1)}), RATE)
    crop = noises.crop(np.random.default_rng(0), 5 * RATE)
    assert crop.samples.shape == (5 * RATE,)
    assert noises.counts["looped"] == 1
    per_second = [rms_db(part) for part in crop.samples.reshape(5, RATE)]
    assert np.ptp(per_second) < 0.2


def test_another_rate_is_resampled_and_counted_once(corpus: Corpus) -> None:
    noises = NoiseList(corpus("phone", {"tone": tone(1000, 1.0, 8000)}, rate=8000), RATE)
    for seed in range(5):
        samples = noises.crop(np.random.default_rng(seed), RATE).samples
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 1000
    assert noises.counts["resampled"] == 1


def test_a_crop_avoids_the_gaps_of_a_recording(corpus: Corpus) -> None:
    bark = np.zeros(5 * RATE)
    bark[2 * RATE : 2 * RATE + 3200] = tone(500, 0.2)
    noises = NoiseList(corpus("gaps", {"bark": bark}), RATE)
    levels = [rms_db(noises.crop(np.random.default_rng(seed), 4000).samples) for seed in range(50)]
    assert min(levels) > rms_db(bark) - 40
    assert noises.counts["redrawn"] > 50


def test_a_full_cache_changes_nothing_but_the_time(noise_manifest: Path) -> None:
    cached, uncached = NoiseList(noise_manifest, RATE), NoiseList(noise_manifest, RATE, cache_limit_mb=0.0)
    for seed in range(8):
        crops = [noises.crop(np.random.default_rng(seed), 999) for noises in (cached, uncached)]
        np.testing.assert_array_equal(crops[0].samples, crops[1].samples)
    assert uncached.counts["not cached"] == 8
    assert "not cached" not in cached.counts


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(RATE), "is silent, expected noise"),
        (np.array([0.1, np.nan, 0.1]), "holds NaN or infinite samples"),
        (np.zeros(0), "duration is 0"),
    ],
)
def test_a_bad_recording_is_named_with_file_and_line(corpus: Corpus, samples: np.ndarray, message: str) -> None:
    with pytest.raises(ManifestError, match=rf"list\.json:1: .*{message}"):
        NoiseList(corpus("list", {"bad": samples}), RATE)


def test_a_missing_recording_is_named_at_construction(tmp_path: Path) -> None:
    manifest = tmp_path / "noise.json"
    manifest.write_text(json.dumps({"audio_filepath": "gone.wav"}))
    with pytest.raises(ManifestError, match=r"noise\.json:1: .*gone\.wav: no such file \(1 of 1"):
        NoiseList(manifest, RATE)


def test_a_recording_that_is_no_audio_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    manifest = tmp_path / "noise.json"
    manifest.write_text("\n" + json.dumps({"audio_filepath": "text.wav"}))
    with pytest.raises(ManifestError, match=r"noise\.json:2: .*text\.wav: cannot be read"):
        NoiseList(manifest, RATE).crop(np.random.default_rng(0), 10)


def test_a_crop_without_length_is_refused(noise_manifest: Path) -> None:
    with pytest.raises(ValueError, match="num_samples: is 0"):
        NoiseList(noise_manifest, RATE).crop(np.random.default_rng(0), 0)
