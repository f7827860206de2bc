# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`noise_mix` with a curriculum: the SNR asked for is the SNR heard, and everything else keeps its draw."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data import NoiseMixPerturbation, active_speech_level_db, rms_db
from nemo_noise.data.acoustics.perturbation import AcousticsPerturbation
from nemo_noise.data.draw.clock import EPOCH_CLOCK

RATE = 16000
FALLING = {"schedule": "linear", "from": 20, "to": -5, "begin": 2, "until": 12}
SNRS = {
    "constant": {"min": 0, "max": 20},
    "linear": {"min": FALLING, "max": 20},
    "cosine": {"min": {**FALLING, "schedule": "cosine"}, "max": {**FALLING, "from": 25, "to": 10}},
    "stepwise": {
        "min": {"schedule": "stepwise", "steps": [{"at": 0, "value": 10}, {"at": 7, "value": -5}]},
        "max": 15,
    },
    "accan": {"schedule": "accan", "ladder_db": [0, 5, 10, 15, 20], "every": 3},
    "reverse accan": {"schedule": "accan", "ladder_db": [-5, 5, 15], "every": 4, "direction": "clean_to_noisy"},
    "difficulty": {"schedule": "difficulty", "bands_db": [-10, -5, 0, 5, 10]},
}


def utterance(seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(500 + seed).standard_normal(3200)).astype(np.float32)


def mixed(perturbation: NoiseMixPerturbation, samples: np.ndarray) -> np.ndarray:
    segment = AudioSegment(samples.copy(), RATE)
    perturbation.perturb(segment)
    return segment.samples


@pytest.fixture
def classes(corpus: Callable[..., Path]) -> list[Path]:
    rng = np.random.default_rng(1)
    return [corpus(label, {label: 0.1 * rng.standard_normal(RATE)}, label=label) for label in ("rain", "wind", "dog")]


@pytest.mark.parametrize("kind", SNRS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(time=st.integers(0, 20), index=st.integers(0, 10**6), unit=st.sampled_from(["epoch", "step"]))
def test_the_snr_is_the_one_asked_for_under_every_schedule(
    noise_manifest: Path, kind: str, time: int, index: int, unit: str
) -> None:
    perturbation = NoiseMixPerturbation(noise_manifest, curriculum={"unit": unit, "snr_db": SNRS[kind]}, seed=2)
    EPOCH_CLOCK.set(*((time, 0) if unit == "epoch" else (3, time)))
    speech = utterance(index)
    draw = perturbation.draw(speech, RATE)
    lowest, highest = perturbation.curriculum.snr.range_db(time)
    assert lowest <= draw.snr_db <= highest
    added = mixed(perturbation, speech).astype(np.float64) - speech
    assert active_speech_level_db(speech, RATE) - rms_db(added) == pytest.approx(draw.snr_db, abs=0.01)


def test_a_curriculum_that_does_not_change_is_no_curriculum(noise_manifest: Path) -> None:
    plain = NoiseMixPerturbation(noise_manifest, {"min": 0, "max": 20}, mix_prob=0.6, seed=7)
    constant = {"snr_db": {"min": 0, "max": 20}, "mix_prob": 0.6, "weights": {"noises": 2}}
    same = NoiseMixPerturbation(noise_manifest, curriculum=constant, seed=7)
    for epoch in (0, 3):
        EPOCH_CLOCK.set(epoch)
        for index in range(12):
            np.testing.assert_array_equal(mixed(plain, utterance(index)), mixed(same, utterance(index)))


def test_what_was_noisy_at_a_low_share_is_noisy_at_a_higher_one(noise_manifest: Path) -> None:
    rising = {"schedule": "linear", "from": 0.2, "to": 0.9, "until": 100}
    perturbation = NoiseMixPerturbation(noise_manifest, [5], curriculum={"unit": "step", "mix_prob": rising})
    noisy = {}
    for step, share in ((0, 0.2), (50, 0.55), (100, 0.9)):
        EPOCH_CLOCK.set(1, step)
        noisy[step] = {index for index in range(300) if perturbation.draw(utterance(index), RATE)}
        assert len(noisy[step]) / 300 == pytest.approx(share, abs=0.08)
    assert noisy[0] < noisy[50] < noisy[100]


def labels(perturbation: NoiseMixPerturbation, epoch: int) -> set[str]:
    EPOCH_CLOCK.set(epoch)
    return {perturbation.draw(utterance(index), RATE).noise.entry.fields["label"] for index in range(40)}


def test_classes_of_noise_join_by_their_labels(classes: list[Path]) -> None:
    steps = [{"at": 0, "allowed": ["rain"]}, {"at": 2, "allowed": ["rain", "wind"]}, {"at": 4, "allowed": "all"}]
    listed = NoiseMixPerturbation(classes, [5], curriculum={"labels": steps})
    sources = [{"manifest_path": classes[:2], "name": "weather"}, {"manifest_path": classes[2]}]
    apart = NoiseMixPerturbation(sources=sources, snr_db=[5], curriculum={"labels": steps})
    plain = NoiseMixPerturbation(classes, [5])
    for perturbation in (listed, apart):
        assert [labels(perturbation, epoch) for epoch in (1, 2, 9)] == [{"rain"}, {"rain", "wind"}, labels(plain, 9)]
    np.testing.assert_array_equal(mixed(listed, utterance(1)), mixed(plain, utterance(1)))


def test_sources_come_and_go_by_their_weights(classes: list[Path]) -> None:
    sources = [{"manifest_path": path} for path in classes[:2]]
    fading = {"rain": {"schedule": "linear", "from": 1, "to": 0, "until": 4}, "wind": 0.25}
    perturbation = NoiseMixPerturbation(sources=sources, snr_db=[5], curriculum={"weights": fading})
    EPOCH_CLOCK.set(2)
    drawn = [perturbation.draw(utterance(index), RATE).source for index in range(300)]
    assert drawn.count("rain") / 300 == pytest.approx(0.5 / 0.75, abs=0.08)
    assert labels(perturbation, 4) == {"wind"}


def test_rooms_and_devices_become_more_frequent() -> None:
    rising = {"probs": {"clipping": {"schedule": "linear", "from": 0, "to": 1, "until": 10}}}
    effects = {"clipping": {"clipped_share": 0.2}}
    perturbation = AcousticsPerturbation(effects, curriculum=rising)

    def share_changed(epoch: int) -> float:
        EPOCH_CLOCK.set(epoch)
        changed = [not np.array_equal(mixed(perturbation, utterance(index)), utterance(index)) for index in range(100)]
        return float(np.mean(changed))

    assert share_changed(0) == 0
    assert share_changed(5) == pytest.approx(0.5, abs=0.15)
    assert share_changed(10) == 1
    always = AcousticsPerturbation(effects)
    np.testing.assert_array_equal(mixed(perturbation, utterance(3)), mixed(always, utterance(3)))


SNR = {"snr_db": {"min": 0, "max": 5}}


@pytest.mark.parametrize(
    ("curriculum", "options", "message"),
    [
        ({}, {}, "curriculum: is {}, expected unit and some of"),
        ({"snr": 3}, {}, "curriculum: is {'snr': 3}, expected unit"),
        ({**SNR, "unit": "hour"}, {}, "curriculum.unit: is 'hour', expected one of"),
        (SNR, {"snr_db": [5]}, "curriculum.snr_db: is given beside snr_db"),
        (SNR, {"bands": [{"below_hz": 1000, "snr_db": [0]}, {"snr_db": [0]}]}, "snr_db: is given beside bands"),
        (SNR, {"refresh": "never"}, "curriculum: is given with refresh: never"),
        ({"mix_prob": 1.5}, {"snr_db": [5]}, "curriculum.mix_prob: is 1.5 at 0, expected 0 to 1"),
        ({"weights": {"babble": 1}}, {"snr_db": [5]}, r"curriculum.weights: names \['babble'\], expected sources out"),
        ({"weights": {"rain": 0}}, {"snr_db": [5]}, r"curriculum: at epoch 0 the sources \['rain'\] have the weights"),
        ({"labels": [{"at": 0, "allowed": ["snow"]}]}, {"snr_db": [5]}, r"curriculum.labels: allows \['snow'\], but"),
        ({"labels": [{"at": 0, "allowed": "rain"}]}, {"snr_db": [5]}, r"labels\[0\].allowed: is 'rain', expected"),
    ],
)
def test_a_bad_curriculum_is_named(classes: list[Path], curriculum: dict, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseMixPerturbation(classes[0], curriculum=curriculum, **options)


@pytest.mark.parametrize(
    ("curriculum", "message"),
    [
        ({"unit": "step"}, "curriculum: is {'unit': 'step'}, expected unit and probs"),
        ({"probs": {"hall": 1}}, r"curriculum.probs: names \['hall'\], expected effects out of \['clipping'\]"),
        ({"probs": {"clipping": 2}}, "curriculum.probs.clipping: is 2 at 0, expected 0 to 1"),
    ],
)
def test_a_bad_curriculum_of_effects_is_named(curriculum: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AcousticsPerturbation({"clipping": {"clipped_share": 0.2}}, curriculum=curriculum)
