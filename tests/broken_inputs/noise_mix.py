# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken configs of `noise_mix`: lists of noise, SNRs, weights, bands, curricula."""

from typing import Any

import numpy as np

from nemo.collections.asr.parts.preprocessing.perturb import process_augmentations
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.signal.snr import mix_at_band_snrs, mix_at_snr
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import NOISE, RATE, Content, Lines, Missing, Wave

SOUND = np.full(RATE, 0.1, np.float32)


def noise_mix(**options: Any) -> None:
    """Reads the config, decodes every noise and mixes an utterance, as a training does."""
    perturbation = NoiseMixPerturbation(**{"snr_db": [0], **options})
    perturbation.check()
    perturbation.perturb(AudioSegment(SOUND.copy(), RATE))


def mixed(speech: Any = SOUND, noise: Any = SOUND, snr_db: Any = 0.0, sample_rate: Any = RATE) -> None:
    """Mixes; samples may be a number, which a second is filled with."""
    made = [np.full(RATE, value, np.float32) if isinstance(value, float) else value for value in (speech, noise)]
    mix_at_snr(*made, snr_db=snr_db, sample_rate=sample_rate)


def mixed_by_bands(edges_hz: list[float], snrs_db: list[float]) -> None:
    mix_at_band_snrs(SOUND, SOUND, edges_hz=edges_hz, snrs_db=snrs_db, sample_rate=RATE)


def _mix(**options: Any) -> dict[str, Any]:
    return {"manifest_path": NOISE, **options}


def _sources(*sources: Any) -> dict[str, Any]:
    return {"sources": list(sources)}


def _time(**what: Any) -> dict[str, Any]:
    return {"manifest_path": NOISE, "snr_db": None, "curriculum": what}


def _noise(*waves: Wave) -> Lines:
    return Lines("noise.json", tuple({"audio_filepath": wave.name} for wave in waves), waves)


def augmented(**block: Any) -> None:
    """Makes NeMo's augmentor of a block `noise_mix`."""
    process_augmentations({"noise_mix": block})


LINEAR = {"schedule": "linear", "from": 0, "to": 1, "until": 10}

LISTS = [
    Case(
        "noise-list-missing", noise_mix, {"manifest_path": Missing("n.json")}, "n.json", "no such manifest", "expected"
    ),
    Case(
        "noise-list-empty-file",
        noise_mix,
        {"manifest_path": Content("n.json", "")},
        "n.json",
        "no entry",
        "at least one",
    ),
    Case("noise-lists-none", noise_mix, {"manifest_path": []}, "manifest_path", "empty list", "at least one"),
    Case("noise-list-a-number", noise_mix, {"manifest_path": 5}, "manifest_path", "5", "expected"),
    Case("noise-nowhere", noise_mix, {}, "manifest_path", "sources", "exactly one of the two"),
    Case(
        "noise-twice", noise_mix, _mix(sources=[{"manifest_path": NOISE}]), "manifest_path", "sources", "exactly one"
    ),
    Case(
        "noise-file-missing",
        noise_mix,
        {"manifest_path": Lines("noise.json", ({"audio_filepath": "x.wav"},))},
        "x.wav",
        "1 of 1",
        "no such file",
        "noise.json:1",
    ),
    Case(
        "noise-silent",
        noise_mix,
        {"manifest_path": _noise(Wave("n.wav", level=0.0))},
        "n.wav",
        "silent",
        "expected noise",
        "noise.json:1",
    ),
    Case(
        "noise-with-nan",
        noise_mix,
        {"manifest_path": _noise(Wave("n.wav", odd=float("nan")))},
        "n.wav",
        "NaN",
        "expected",
        "noise.json:1",
    ),
    Case(
        "noise-constant",
        noise_mix,
        {"manifest_path": _noise(Wave("n.wav", level=0.0, constant=0.2))},
        "n.wav",
        "is constant",
        "expected noise",
        "noise.json:1",
    ),
    Case(
        "noise-of-one-sample",
        noise_mix,
        {"manifest_path": _noise(Wave("n.wav", seconds=1 / RATE))},
        "n.wav",
        "1 samples",
        "0.01 s of noise or more",
        "noise.json:1",
    ),
    Case(
        "noises-two-of-three-unusable",
        noise_mix,
        {"manifest_path": _noise(Wave("a.wav"), Wave("b.wav", level=0.0), Wave("c.wav", odd=float("inf")))},
        "b.wav",
        "2 of 3",
        "at most half",
        "noise.json:3",
    ),
    Case(
        "noise-label-a-list",
        noise_mix,
        {"manifest_path": Lines("noise.json", ({"audio_filepath": "n.wav", "label": ["rain"]},), (Wave("n.wav"),))},
        "label",
        "['rain']",
        "name of the noise's class",
        "noise.json:1",
    ),
    Case(
        "noise-not-audio",
        noise_mix,
        {"manifest_path": Lines("noise.json", ({"audio_filepath": "n.wav"},), (Content("n.wav", "x"),))},
        "n.wav",
        "cannot be read",
        "expected",
        "noise.json:1",
    ),
    Case(
        "noise-list-at-rate-0", NoiseList, {"manifest_path": NOISE, "sample_rate": 0}, "sample_rate", "0", "expected"
    ),
    Case("noise-cache-negative", noise_mix, _mix(cache_limit_mb=-1.0), "cache_limit_mb", "-1", "expected"),
    Case("noise-cache-a-string", noise_mix, _mix(cache_limit_mb="big"), "cache_limit_mb", "'big'", "expected"),
    Case(
        "decoded-dir-is-a-file",
        noise_mix,
        _mix(decoded_dir=Content("taken", "x")),
        "decoded_dir",
        "taken",
        "expected a folder",
    ),
]

KNOBS = [
    Case("snr-min-above-max", noise_mix, _mix(snr_db={"min": 20, "max": 0}), "snr_db", "min 20", "max 0"),
    Case("snr-without-max", noise_mix, _mix(snr_db={"min": 0}), "snr_db", "['min']", "expected exactly min and max"),
    Case("snr-of-words", noise_mix, _mix(snr_db=["loud"]), "snr_db", "'loud'", "expected a finite number"),
    Case("snr-a-string", noise_mix, _mix(snr_db="0 to 20"), "snr_db", "'0 to 20'", "{min: 0, max: 20}"),
    Case("snr-a-number", noise_mix, _mix(snr_db=5), "snr_db", "5", "expected a list"),
    Case("snr-none", noise_mix, _mix(snr_db=None), "snr_db", "missing", "snr_db"),
    Case("snr-list-empty", noise_mix, _mix(snr_db=[]), "snr_db", "empty list", "at least one"),
    Case("snr-nan", noise_mix, _mix(snr_db=[float("nan")]), "snr_db", "nan", "expected a finite number"),
    Case("snr-beyond-float", noise_mix, _mix(snr_db=[-1e6]), "snr_db", "-1000000.0", "nearer to 0"),
    Case("mix-prob-2", noise_mix, _mix(mix_prob=2), "mix_prob", "2", "expected 0 to 1"),
    Case("mix-prob-a-string", noise_mix, _mix(mix_prob="often"), "mix_prob", "'often'", "expected a finite number"),
    Case("around-negative", noise_mix, _mix(around_s=-1), "around_s", "-1", "expected 0 to 60"),
    Case("around-upside-down", noise_mix, _mix(around_s={"min": 2, "max": 1}), "around_s", "min 2", "above max 1"),
    Case("noise-only-no-length", noise_mix, _mix(noise_only_s=0), "noise_only_s", "0", "expected 0.1 to 600"),
    Case(
        "noise-only-prob-negative", noise_mix, _mix(noise_only_prob=-0.1), "noise_only_prob", "-0.1", "expected 0 to 1"
    ),
    Case(
        "nemos-own-prob-of-a-half",
        augmented,
        _mix(snr_db=[0], prob=0.5),
        "augmentor.noise_mix.prob",
        "0.5",
        "expected 1.0, and the share in mix_prob",
    ),
    Case("seed-negative", noise_mix, _mix(seed=-1), "seed", "-1", "0 or more"),
    Case("seed-a-fraction", noise_mix, _mix(seed=0.5), "seed", "0.5", "a whole number"),
    Case("refresh-unknown", noise_mix, _mix(refresh="always"), "refresh", "'always'", "each_epoch"),
    Case("full-scale-unknown", noise_mix, _mix(full_scale="loud"), "full_scale", "'loud'", "clip"),
    Case("knob-unknown", noise_mix, _mix(snr=[0]), "noise_mix", "'snr'", "snr_db"),
    Case("effects-at-unknown-place", noise_mix, _mix(effects={"room": []}), "effects", "['room']", "speech"),
    Case(
        "effect-without-target",
        noise_mix,
        _mix(effects={"speech": [{"prob": 1}]}),
        "effects.speech[0]",
        "{'prob': 1}",
        "expected a _target_",
    ),
    Case("effect-without-apply", noise_mix, _mix(effects={"noise": ["reverb"]}), "effects.noise[0]", "str", "apply"),
    Case(
        "bands-beside-snr",
        noise_mix,
        _mix(bands=[{"below_hz": 500, "snr_db": [0]}, {"snr_db": [0]}]),
        "bands",
        "snr_db",
        "expected one of the two",
    ),
    Case("bands-one-alone", noise_mix, _mix(snr_db=None, bands=[{"snr_db": [0]}]), "bands", "snr_db", "two or more"),
    Case(
        "bands-falling",
        noise_mix,
        _mix(snr_db=None, bands=[{"below_hz": hz, "snr_db": [0]} for hz in (900, 500)] + [{"snr_db": [0]}]),
        "below_hz",
        "[900.0, 500.0]",
        "rising",
    ),
    Case("bands-a-number", noise_mix, _mix(snr_db=None, bands=3), "bands", "3", "expected a list"),
    Case(
        "source-unknown-key",
        noise_mix,
        _sources({"manifest_path": NOISE, "wieght": 1}),
        "sources[0]",
        "'wieght'",
        "weight",
    ),
    Case(
        "source-weight-negative",
        noise_mix,
        _sources({"manifest_path": NOISE, "weight": -1}),
        "sources[0].weight",
        "-1",
        "0 or more",
    ),
    Case(
        "source-weights-all-zero",
        noise_mix,
        _sources({"manifest_path": NOISE, "weight": 0}),
        "weights",
        "0",
        "at least one above",
    ),
    Case(
        "source-named-twice",
        noise_mix,
        _sources({"manifest_path": NOISE}, {"manifest_path": NOISE}),
        "sources",
        "['noise', 'noise']",
        "each once",
    ),
    Case("sources-empty", noise_mix, _sources(), "sources", "[]", "expected a list"),
    Case(
        "babble-of-no-talker", noise_mix, _sources({"manifest_path": NOISE, "talkers": 0}), "talkers", "0", "above 0"
    ),
    Case(
        "babble-of-fewer-than-least",
        noise_mix,
        _sources({"manifest_path": NOISE, "talkers": {"min": 5, "max": 2}}),
        "talkers",
        "5",
        "{min: 3, max: 8}",
    ),
    Case("speech-silent", mixed, {"speech": 0.0}, "speech", "silent", "SNR"),
    Case("noise-silent-in-memory", mixed, {"noise": 0.0}, "noise", "silent", "expected noise"),
    Case("speech-of-whole-numbers", mixed, {"speech": [1, 2, 3]}, "speech", "int64", "expected floating point"),
    Case("speech-of-eight-channels", mixed, {"speech": [[0.1] * 8] * 100}, "speech", "(100, 8)", "one mono channel"),
    Case("speech-empty", mixed, {"speech": []}, "speech", "empty", "at least one sample"),
    Case("speech-with-nan-in-memory", mixed, {"speech": float("nan")}, "speech", "16000 of 16000", "expected finite"),
    Case("mixed-at-rate-zero", mixed, {"sample_rate": 0}, "sample_rate", "0", "positive whole number"),
    Case("mixed-at-no-number", mixed, {"snr_db": "0"}, "snr_db", "'0'", "finite number"),
    Case(
        "band-edge-above-half-the-rate",
        mixed_by_bands,
        {"edges_hz": [9000.0], "snrs_db": [0, 0]},
        "edges_hz",
        "[9000.0]",
        "8000",
    ),
    Case("band-snr-missing", mixed_by_bands, {"edges_hz": [500.0], "snrs_db": [0]}, "snrs_db", "1", "one more than"),
]

CURRICULA = [
    Case("curriculum-empty", noise_mix, _time(), "curriculum", "{}", "snr_db"),
    Case("curriculum-key-unknown", noise_mix, _time(snr=1), "curriculum", "'snr'", "snr_db"),
    Case(
        "curriculum-unit-unknown", noise_mix, _time(unit="hour", mix_prob=LINEAR), "curriculum.unit", "'hour'", "epoch"
    ),
    Case(
        "curriculum-ends-before-it-starts",
        noise_mix,
        _time(snr_db={"min": {**LINEAR, "begin": 20}, "max": 5}),
        "snr_db.min",
        "begin is 20 and until 10",
        "begin < until",
    ),
    Case(
        "curriculum-schedule-unknown",
        noise_mix,
        _time(snr_db={"min": {**LINEAR, "schedule": "sudden"}, "max": 5}),
        "snr_db.min.schedule",
        "'sudden'",
        "linear",
    ),
    Case(
        "curriculum-negative-begin",
        noise_mix,
        _time(snr_db={"min": {**LINEAR, "begin": -5}, "max": 5}),
        "snr_db.min",
        "begin is -5",
        "0 <= begin",
    ),
    Case(
        "curriculum-negative-step",
        noise_mix,
        _time(snr_db={"min": {"schedule": "stepwise", "steps": [{"at": -1, "value": 0}]}, "max": 5}),
        "snr_db.min.steps",
        "[-1.0]",
        "rising numbers from 0",
    ),
    Case(
        "curriculum-without-until",
        noise_mix,
        _time(snr_db={"min": {"schedule": "linear", "from": 0, "to": 1}, "max": 5}),
        "snr_db.min",
        "['from', 'schedule', 'to']",
        "until",
    ),
    Case(
        "curriculum-min-crosses-max",
        noise_mix,
        _time(snr_db={"min": {**LINEAR, "to": 30}, "max": 20}),
        "curriculum.snr_db",
        "min is",
        "above max, 20",
    ),
    Case(
        "curriculum-probability-of-2",
        noise_mix,
        _time(mix_prob={**LINEAR, "to": 2}),
        "curriculum.mix_prob",
        "2 at 10",
        "expected 0 to 1",
    ),
    Case(
        "curriculum-ladder-falls",
        noise_mix,
        _time(snr_db={"schedule": "accan", "ladder_db": [5, 0], "every": 1}),
        "ladder_db",
        "[5.0, 0.0]",
        "rising",
    ),
    Case(
        "curriculum-ladder-never-climbed",
        noise_mix,
        _time(snr_db={"schedule": "accan", "ladder_db": [0, 5], "every": 0}),
        "every",
        "0",
        "above 0",
    ),
    Case(
        "curriculum-of-unknown-source",
        noise_mix,
        {**_time(weights={"music": LINEAR}), "snr_db": [0]},
        "curriculum.weights",
        "['music']",
        "['noise']",
    ),
    Case(
        "curriculum-of-unknown-class",
        noise_mix,
        {**_time(labels=[{"at": 0, "allowed": ["rain"]}]), "snr_db": [0]},
        "curriculum.labels",
        "['rain']",
        "['hum']",
    ),
    Case(
        "curriculum-where-time-stands",
        noise_mix,
        {**_time(mix_prob=LINEAR), "snr_db": [0], "refresh": "never"},
        "curriculum",
        "refresh: never",
        "leave one out",
    ),
    Case(
        "curriculum-snr-twice",
        noise_mix,
        {**_time(snr_db={"min": 0, "max": 5}), "snr_db": [0]},
        "curriculum.snr_db",
        "snr_db",
        "one of the two",
    ),
]

CASES = [*LISTS, *KNOBS, *CURRICULA]
