# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every knob of `noise_mix` does what it says, and disturbs no draw but its own."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data import NoiseMixPerturbation, active_speech_level_db, mix_at_snr, rms_db
from nemo_noise.data.acoustics import FrameDrops
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.data.previews.mixtures import write_preview
from nemo_noise.data.signal.snr import mix_at_band_snrs, noise_at_snr
from nemo_noise.data.utterance_notes import transcript_note

RATE = 16000


def utterance(seed: int, seconds: float = 0.1, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(500 + seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def mixed(perturbation: NoiseMixPerturbation, samples: np.ndarray) -> np.ndarray:
    segment = AudioSegment(samples.copy(), RATE)
    perturbation.perturb(segment)
    return segment.samples


@pytest.fixture
def hum_manifest(corpus: Callable[..., Path]) -> Path:
    return corpus("hum", {"hum": 0.1 * np.sin(np.arange(3 * RATE) / 20)}, label="hum")


def test_sources_are_drawn_by_weight_each_with_its_snrs(noise_manifest: Path, hum_manifest: Path) -> None:
    sources = [
        {"manifest_path": noise_manifest, "name": "hiss", "weight": 3, "snr_db": {"min": 0, "max": 5}},
        {"manifest_path": [hum_manifest]},
        {"manifest_path": noise_manifest, "name": "never", "weight": 0},
    ]
    perturbation = NoiseMixPerturbation(sources=sources, snr_db=[20])
    draws = [perturbation.draw(utterance(index), RATE) for index in range(400)]
    counts = Counter(draw.source for draw in draws)
    assert set(counts) == {"hiss", "hum"}
    assert counts["hiss"] / 400 == pytest.approx(0.75, abs=0.07)
    assert all(0 <= draw.snr_db <= 5 if draw.source == "hiss" else draw.snr_db == 20 for draw in draws)
    assert all(draw.noise.entry.fields.get("label") == "hum" for draw in draws if draw.source == "hum")


def test_one_source_is_the_same_as_a_manifest_path(noise_manifest: Path) -> None:
    plain = NoiseMixPerturbation(noise_manifest, [0, 10], seed=4)
    listed = NoiseMixPerturbation(sources=[{"manifest_path": noise_manifest, "snr_db": [0, 10]}], seed=4)
    for index in range(5):
        np.testing.assert_array_equal(mixed(plain, utterance(index)), mixed(listed, utterance(index)))


def test_babble_has_as_many_talkers_as_asked_all_equally_loud(corpus: Callable[..., Path]) -> None:
    tones = {
        f"t{i}": 0.01 * (i + 1) * np.sin(2 * np.pi * (200 + 150 * i) * np.arange(RATE // 4) / RATE) for i in range(6)
    }
    manifest = corpus("talkers", tones)
    source = {"manifest_path": manifest, "talkers": {"min": 2, "max": 4}}
    perturbation = NoiseMixPerturbation(sources=[source], snr_db=[0])
    seen = Counter()
    for index in range(40):
        crop = perturbation.draw(utterance(index, 1.0), RATE).noise
        spectrum = np.abs(np.fft.rfft(crop.samples * np.hanning(RATE)))
        peaks = np.array([spectrum[200 + 150 * i - 3 : 200 + 150 * i + 4].max() for i in range(6)])
        heard = peaks > 0.5 * peaks.max()
        assert heard.sum() == crop.entry.fields["talkers"]
        assert peaks[heard].min() > 0.6 * peaks.max()
        seen[int(heard.sum())] += 1
    assert set(seen) == {2, 3, 4}


def test_a_talker_of_the_babble_keeps_the_voice(corpus: Callable[..., Path]) -> None:
    voices = {
        f"{v}{i}": 0.1 * np.sin(2 * np.pi * f * np.arange(1600) / RATE)
        for v, f in (("a", 500), ("b", 900))
        for i in range(3)
    }
    manifest = corpus("voices", voices)
    lines = manifest.read_text().splitlines()
    spoken = [line[:-1] + f', "speaker": "{"a" if "/a" in line else "b"}"}}' for line in lines]
    manifest.write_text("\n".join(spoken))
    perturbation = NoiseMixPerturbation(sources=[{"manifest_path": manifest, "talkers": 1}], snr_db=[0])
    for index in range(10):
        spectrum = np.abs(np.fft.rfft(perturbation.draw(utterance(index, 1.0), RATE).noise.samples))
        assert min(spectrum[480:520].max(), spectrum[880:920].max()) < 0.3 * spectrum.max()


def band_level_db(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    """The level between two frequencies, by Butterworth filters."""
    edges = [low_hz, high_hz] if low_hz > 0 else high_hz
    kind = "bandpass" if low_hz > 0 else "lowpass"
    return rms_db(sosfiltfilt(butter(8, edges, kind, fs=RATE, output="sos"), samples))


def test_each_band_has_the_snr_that_it_was_asked_for() -> None:
    speech, noise = utterance(0, 4.0), utterance(1, 5.0, 0.3)
    mixture = mix_at_band_snrs(speech, noise, edges_hz=[1000, 3000], snrs_db=[0, 20, 5], sample_rate=RATE)
    added = mixture.astype(np.float64) - speech
    for (low, high), snr_db in {(0, 950): 0, (1100, 2900): 20, (3200, 7800): 5}.items():
        assert band_level_db(speech, low, high) - band_level_db(added, low, high) == pytest.approx(snr_db, abs=0.6)


def test_bands_with_equal_snr_keep_the_noise_of_white_speech_as_it_is() -> None:
    speech, noise = utterance(0, 2.0), utterance(1, 2.0)
    added = (
        mix_at_band_snrs(speech, noise, edges_hz=[2000], snrs_db=[7, 7], sample_rate=RATE).astype(np.float64) - speech
    )
    assert np.corrcoef(added, noise)[0, 1] > 0.999
    assert active_speech_level_db(speech, RATE) - rms_db(added) == pytest.approx(7.0, abs=0.3)


def test_noise_stays_out_of_a_band_without_speech() -> None:
    speech = (0.1 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)).astype(np.float64)  # exactly one line
    added = (
        mix_at_band_snrs(speech, utterance(1, 1.0), edges_hz=[1000], snrs_db=[0, 0], sample_rate=RATE).astype(
            np.float64
        )
        - speech
    )
    assert np.abs(np.fft.rfft(added))[1100:].max() < 1e-3


def test_bands_are_drawn_one_by_one(noise_manifest: Path) -> None:
    bands = [
        {"below_hz": 1000, "snr_db": [0, 5]},
        {"below_hz": 3000, "snr_db": {"min": 10, "max": 12}},
        {"snr_db": [30]},
    ]
    perturbation = NoiseMixPerturbation(noise_manifest, bands=bands)
    draws = [perturbation.draw(utterance(index), RATE) for index in range(30)]
    assert {draw.band_snrs_db[0] for draw in draws} == {0.0, 5.0}
    assert all(
        10 <= draw.band_snrs_db[1] <= 12 and draw.band_snrs_db[2] == 30 and draw.snr_db is None for draw in draws
    )
    samples = utterance(3, 2.0)
    added = mixed(perturbation, samples).astype(np.float64) - samples
    assert band_level_db(samples, 3200, 7800) - band_level_db(added, 3200, 7800) == pytest.approx(30, abs=0.6)


def test_noise_only_utterances_are_as_many_as_asked_and_have_the_level_of_the_mixture(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [6], noise_only_prob=0.3, mix_prob=0.5)
    plain = NoiseMixPerturbation(noise_manifest, [6], mix_prob=0.5)
    draws = [perturbation.draw(utterance(index), RATE) for index in range(300)]
    alone = [draw is not None and draw.is_noise_only for draw in draws]
    assert np.mean(alone) == pytest.approx(0.3, abs=0.08)
    for index, is_alone in enumerate(alone):
        if not is_alone:  # the others hear what they heard without the knob
            np.testing.assert_array_equal(mixed(perturbation, utterance(index)), mixed(plain, utterance(index)))
    index = alone.index(True)
    with transcript_note() as transcript:
        noise = mixed(perturbation, utterance(index))
    assert transcript.is_emptied
    assert active_speech_level_db(utterance(index), RATE) - rms_db(noise) == pytest.approx(6.0, abs=0.01)


def test_noise_only_is_refused_where_nobody_empties_the_transcript(noise_manifest: Path) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, [0], noise_only_prob=1.0)
    with pytest.raises(ValueError, match="noise_only_prob: this data set cannot empty the transcript"):
        mixed(perturbation, utterance(0))


@pytest.mark.parametrize("policy", ["leave", "scale", "clip"])
def test_a_mixture_beyond_full_scale_is_left_scaled_or_clipped(noise_manifest: Path, policy: str) -> None:
    samples = utterance(0, 1.0, 0.5)
    left = mixed(NoiseMixPerturbation(noise_manifest, [-20]), samples)
    assert np.abs(left).max() > 3
    expected = {"leave": left, "scale": left / np.abs(left).max(), "clip": np.clip(left, -1, 1)}[policy]
    np.testing.assert_allclose(
        mixed(NoiseMixPerturbation(noise_manifest, [-20], full_scale=policy), samples), expected, atol=1e-6
    )
    quiet = 0.01 * samples
    whole = mixed(NoiseMixPerturbation(noise_manifest, [-20], full_scale=policy), quiet)
    np.testing.assert_array_equal(whole, mixed(NoiseMixPerturbation(noise_manifest, [-20]), quiet))


class Applied(NamedTuple):
    samples: np.ndarray


class Times:
    """An effect that multiplies, and notes what it drew."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.drawn: list[float] = []

    def apply(self, samples: np.ndarray, sample_rate: int, rng: np.random.Generator) -> Applied:
        self.drawn.append(rng.random())
        return Applied(samples * np.float32(self.factor))


def test_effects_act_on_speech_noise_and_mixture(noise_manifest: Path) -> None:
    samples = utterance(0, 1.0)
    plain = mixed(NoiseMixPerturbation(noise_manifest, [5]), samples)
    speech, noise, mixture = Times(2.0), Times(9.0), Times(0.5)
    effects = {"speech": [speech], "noise": [noise], "mixture": [mixture]}
    perturbation = NoiseMixPerturbation(noise_manifest, [5], effects=effects)
    # Twice the speech, noise at the same ratio to it whatever its own gain, and half of all that.
    np.testing.assert_allclose(mixed(perturbation, samples), plain, atol=1e-6)
    mixed(perturbation, samples)
    assert len({*speech.drawn, *noise.drawn, *mixture.drawn}) == 3, "each place its own numbers, each time the same"


def test_effects_of_ours_are_chosen_by_name(noise_manifest: Path) -> None:
    samples = utterance(0, 1.0)
    for part in ("speech", "noise", "mixture"):
        by_name = {part: [{"effect": "frame_drops", "drop_rate": 0.3}, {"effect": "gsm", "prob": 0.0}]}
        named = NoiseMixPerturbation(noise_manifest, [5], effects=by_name)
        passed_in = NoiseMixPerturbation(noise_manifest, [5], effects={part: [FrameDrops(0.3)]})
        np.testing.assert_array_equal(mixed(named, samples), mixed(passed_in, samples))


def test_the_preview_shows_sources_bands_and_noise_alone(
    corpus: Callable[..., Path], noise_manifest: Path, tmp_path: Path
) -> None:
    speech = read_manifest(corpus("speech", {f"u{i}": utterance(i, 0.5) for i in range(3)}, text="word"))
    alone = NoiseMixPerturbation(noise_manifest, [0], noise_only_prob=1.0)
    (line,) = write_preview(alone, speech, tmp_path / "alone", sample_rate=RATE, num_utterances=1, num_epochs=1)
    assert (line["text"], line["measured_snr_db"], line["source"]) == ("", None, "noises")
    clipped = NoiseMixPerturbation(noise_manifest, [-30], full_scale="clip")
    (line,) = write_preview(clipped, speech, tmp_path / "clipped", sample_rate=RATE, num_utterances=1, num_epochs=1)
    assert (line["text"], line["measured_snr_db"], line["snr_db"]) == ("word", None, -30)


BANDS = [{"below_hz": 1000, "snr_db": [0]}, {"snr_db": [0]}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"manifest_path": None}, "manifest_path, sources: expected exactly one"),
        ({"sources": []}, "manifest_path, sources: expected exactly one"),
        ({"manifest_path": None, "sources": []}, r"sources: is \[\], expected a list"),
        ({"manifest_path": None, "sources": "a.json"}, "sources: is 'a.json', expected a list"),
        ({"manifest_path": None, "sources": ["a.json"]}, r"sources\[0\]: is 'a.json', expected manifest_path"),
        (
            {"manifest_path": None, "sources": [{"path": "a"}]},
            r"sources\[0\]: is {'path': 'a'}, expected manifest_path",
        ),
        ({"snr_db": None}, r"sources\[0\].snr_db: is missing"),
        ({"bands": BANDS}, "bands: is given beside snr_db"),
        ({"snr_db": None, "bands": BANDS[:1]}, "bands: is .* expected a list of two or more"),
        (
            {"snr_db": None, "bands": [BANDS[1], BANDS[1]]},
            r"bands\[0\]: is .* expected exactly \['below_hz'",
        ),
        (
            {"snr_db": None, "bands": [BANDS[0], BANDS[0], BANDS[1]]},
            "bands: below_hz are .* expected rising",
        ),
        ({"noise_only_prob": -0.1}, "noise_only_prob: is -0.1, expected 0 to 1"),
        ({"full_scale": "loud"}, r"full_scale: is 'loud', expected one of \['leave', 'scale', 'clip'\]"),
        ({"effects": {"room": []}}, r"effects: has the keys \['room'\]"),
        ({"effects": {"speech": [3]}}, r"effects.speech\[0\]: int has no apply"),
        ({"effects": {"speech": [{"effect": "echo"}]}}, r"effects.speech\[0\]: there is no effect 'echo'"),
        ({"effects": {"noise": [{"name": "x"}]}}, r"effects.noise\[0\]: is {'name': 'x'}, expected a _target_"),
    ],
)
def test_an_unusable_knob_is_named_at_construction(noise_manifest: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseMixPerturbation(**{"manifest_path": noise_manifest, "snr_db": [0], **options})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": -1}, r"sources\[0\].weight: is -1, expected 0 or more"),
        ({"weight": 0}, "sources: all weights are 0"),
        ({"weight": "much"}, r"sources\[0\].weight: is 'much', expected a finite number"),
        ({"talkers": 0}, "talkers: is 0, expected a whole number above 0"),
        ({"talkers": {"min": 5, "max": 3}}, "talkers: is .* expected a whole number"),
        ({"talkers": {"from": 5}}, r"talkers: has the keys \['from'\]"),
        ({"snr_db": 5}, "snr_db: is 5, expected a list"),
    ],
)
def test_an_unusable_source_is_named(noise_manifest: Path, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseMixPerturbation(sources=[{"manifest_path": noise_manifest, "snr_db": [0], **change}])


def test_two_sources_of_one_name_are_refused(noise_manifest: Path) -> None:
    with pytest.raises(ValueError, match=r"sources: the names are \['noises', 'noises'\], expected each once"):
        NoiseMixPerturbation(sources=[{"manifest_path": noise_manifest, "snr_db": [0]}] * 2)


def test_a_source_beside_bands_has_no_snrs(noise_manifest: Path) -> None:
    with pytest.raises(ValueError, match=r"sources\[0\].snr_db: is given beside bands"):
        NoiseMixPerturbation(sources=[{"manifest_path": noise_manifest, "snr_db": [0]}], bands=BANDS)


@pytest.mark.parametrize(
    ("edges_hz", "snrs_db", "message"),
    [
        ([1000], [0], "snrs_db: are 1, expected one more than the 1 edges_hz"),
        ([8000], [0, 0], r"edges_hz: are \[8000\], expected rising numbers between 0 and 8000 Hz"),
        ([1000, 900], [0, 0, 0], r"edges_hz: are \[1000, 900\]"),
        ([1000], [0, float("nan")], "snr_db: is nan, expected a finite number of dB"),
    ],
)
def test_unusable_bands_are_named(edges_hz: list, snrs_db: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mix_at_band_snrs(utterance(0), utterance(1), edges_hz=edges_hz, snrs_db=snrs_db, sample_rate=RATE)


def test_the_noise_of_a_mixture_is_the_mixture_without_the_speech() -> None:
    speech, noise = utterance(0, 0.5), utterance(1, 0.2)
    expected = mix_at_snr(speech, noise, snr_db=3.0, sample_rate=RATE).astype(np.float64) - speech
    np.testing.assert_allclose(noise_at_snr(speech, noise, snr_db=3.0, sample_rate=RATE), expected, atol=1e-7)
