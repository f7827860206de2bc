# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken evaluations: configs, plans, gates and models."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.decoding_tuning import SearchGrid
from nemo_noise.evaluation.gates import failed_gates, parse_gate
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import load_plan
from nemo_noise.evaluation.profiling.profile import ProfileOptions
from nemo_noise.evaluation.results import collect_results
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.arms import arms_of
from nemo_noise.evaluation.transcription.model_names import name_models
from nemo_noise.evaluation.transcription.robustness import RunOptions
from nemo_noise.recogniser.facts import check_normalization
from nemo_noise.recogniser.transcription import load_model
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import NOISE, RATE, SPEECH, SPEECH_LINE, Content, Lines, Missing

ROW = {"utterance_id": "a", "text": "one", "pred_text": "one", "condition": "clean", "model": "ours"}
CLEAN_ROWS = (ROW, {**ROW, "utterance_id": "b", "pred_text": "two"})


def evaluate(**changes: Any) -> None:
    """The instrument of `evaluate_noise_robustness.py` with some options changed, up to its results."""
    instrument = Instrument(OmegaConf.merge(_all_options(), {"replications": 10, "audio_clips": 0, **changes}))
    collect_results(instrument.run().rows, "ours", None, options=instrument.scoring)


@cache
def _all_options() -> DictConfig:
    return OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml")


def composed(config_name: str, overrides: list[str]) -> None:
    """What Hydra makes of the command line of a script."""
    with initialize_config_dir(str(config_directory() / "scripts"), version_base=None):
        compose(config_name, overrides)


def plan_of(**changes: Any) -> None:
    options = {"speech_manifest": "", "noise_manifests": {}, "snr_db": ["clean"], **changes}
    load_plan(sample_rate=RATE, **options)


def scored(rows: list[dict[str, Any]], model: str = "ours", baseline: str | None = None, **options: Any) -> None:
    collect_results(
        [Hypothesis.of(row) for row in rows],
        model,
        baseline,
        options=ScoringOptions(**{"replications": 10, **options}),
    )


def gated(fail_if: str) -> None:
    rows = list(map(Hypothesis.of, CLEAN_ROWS))
    failed_gates([parse_gate(fail_if)], collect_results(rows, "ours", options=ScoringOptions(replications=10)))


def loaded(name: str) -> None:
    load_model(name, torch.device("cpu"))


def normalized(name: str) -> None:
    cfg = OmegaConf.create({"preprocessor": {"normalize": name}})
    check_normalization(SimpleNamespace(cfg=cfg), "model=m.nemo")  # type: ignore[arg-type]


def _plan(**changes: Any) -> dict[str, Any]:
    return {"speech_manifest": SPEECH, "noise_manifests": {"unseen": NOISE}, **changes}


def _evaluation(**changes: Any) -> dict[str, Any]:
    return {"model": "x.nemo", "speech": SPEECH, "noise_lists": {}, **changes}


CONFIGS = [
    Case("evaluation-of-no-model", evaluate, _evaluation(model=None), "model", "missing", "give a .nemo file"),
    Case("evaluation-of-a-missing-model", evaluate, _evaluation(), "model", "x.nemo", "must be a .nemo file"),
    Case(
        "evaluation-without-speech",
        evaluate,
        _evaluation(speech=None, model=Content("t.csv", "id,text\na,b\n")),
        "speech",
        "missing",
        "give manifests",
    ),
    Case("evaluation-key-unknown", evaluate, _evaluation(replicationz=3), "'replicationz'", "unknown", "replications"),
    Case(
        "evaluation-noise-only-key-unknown",
        evaluate,
        _evaluation(model=Content("t.csv", "id,text\na,b\n"), noise_only={"crop": 3}),
        "noise_only",
        "'crop'",
        "crops",
    ),
    Case(
        "evaluation-card-key-unknown",
        evaluate,
        _evaluation(model_card={"licence": "mit"}),
        "model_card",
        "'licence'",
        "license",
    ),
    Case(
        "evaluation-adaptation-key-unknown",
        evaluate,
        _evaluation(adaptation={"steps": 5}),
        "adaptation",
        "'steps'",
        "max_steps",
    ),
    Case("evaluation-on-no-device", evaluate, _evaluation(device="gpu7"), "device", "'gpu7'", "cuda"),
    Case("evaluation-in-batches-of-none", evaluate, _evaluation(batch_size=0), "batch_size", "0", "1 or more"),
    Case(
        "normalization-unknown",
        evaluate,
        {"from_hypotheses": [Lines("h.jsonl", (ROW,), ())], "text_normalization": ["stem"]},
        "text_normalization",
        "'stem'",
        "lower",
    ),
    Case(
        "evaluation-from-missing-hypotheses",
        evaluate,
        {"from_hypotheses": [Missing("h.jsonl")]},
        "h.jsonl",
        "does not exist",
        "expected a hypotheses.jsonl",
    ),
    Case(
        "evaluation-from-empty-hypotheses",
        evaluate,
        {"from_hypotheses": [Content("h.jsonl", "")]},
        "from_hypotheses",
        "no row",
        "hypotheses.jsonl",
    ),
    Case(
        "bootstrap-of-no-replication",
        scored,
        {"rows": CLEAN_ROWS, "replications": 0},
        "replications",
        "0",
        "1 or more",
    ),
    Case(
        "control-unknown",
        arms_of,
        {"name": "m", "model": None, "controls": ["swapped"]},
        "controls",
        "'swapped'",
        "shuffled_context",
    ),
    Case(
        "models-of-one-name",
        name_models,
        {"model": "a/m.nemo", "baseline": "b/m.nemo", "model_name": "m", "baseline_name": "m"},
        "model_name",
        "'m'",
        "set model_name or baseline_name",
    ),
    Case(
        "latency-of-fewer-than-none", RunOptions, {"latency_utterances": -1}, "latency_utterances", "-1", "0 or more"
    ),
    Case(
        "profile-of-an-unknown-engine",
        ProfileOptions,
        {"engines": ["tensorflow"]},
        "engines",
        "['tensorflow']",
        "should hold some of",
    ),
    Case("profile-of-no-length", ProfileOptions, {"lengths_s": [0]}, "lengths_s", "[0]", "above 0"),
    Case(
        "tuning-of-no-beam",
        SearchGrid,
        {"strategy": "beam_batch", "beam_size": [], "alpha": [0]},
        "beam_size",
        "[]",
        "one value or more",
    ),
    Case(
        "tuning-of-no-trial",
        SearchGrid,
        {"strategy": "beam_batch", "beam_size": [2], "alpha": [0], "max_trials": 0},
        "max_trials",
        "0",
        "1 or more",
    ),
]

NOISE_ROBUSTNESS = "noise_robustness"
COMMAND_LINES = [
    Case(
        "command-key-unknown",
        composed,
        {"config_name": NOISE_ROBUSTNESS, "overrides": ["replicationz=5"]},
        "replicationz",
        "Could not override",
        "+replicationz=5",
    ),
    Case(
        "command-config-unknown",
        composed,
        {"config_name": "noise_robust", "overrides": []},
        "noise_robust",
        "Cannot find",
        "conf",
    ),
    Case(
        "command-choice-unknown",
        composed,
        {"config_name": NOISE_ROBUSTNESS, "overrides": ["+fusion=later_film"]},
        "later_film",
        "Could not find",
        "noise_robustness",
    ),
]

PLANS = [
    Case("plan-without-snr", plan_of, _plan(snr_db=[]), "snr_db", "empty", "[clean, 20, 10, 0]"),
    Case("plan-snr-unknown", plan_of, _plan(snr_db=["quiet"]), "snr_db", "'quiet'", "numbers of dB and 'clean'"),
    Case("plan-snr-twice", plan_of, _plan(snr_db=[5, 5.0]), "snr_db", "5.0", "more than once"),
    Case("plan-snr-a-number", plan_of, _plan(snr_db=5), "snr_db", "5", "[clean, 20, 10, 0]"),
    Case(
        "plan-list-of-a-reserved-name",
        plan_of,
        _plan(noise_manifests={"clean": NOISE}),
        "noise_lists",
        "'clean'",
        "letters, digits",
    ),
    Case(
        "plan-list-with-a-dot",
        plan_of,
        _plan(noise_manifests={"a.b": NOISE}),
        "noise_lists",
        "'a.b'",
        "letters, digits",
    ),
    Case(
        "plan-of-nothing",
        plan_of,
        _plan(noise_manifests={}, snr_db=[5], noise_only=NoiseOnlyOptions(crops=0)),
        "noise_lists",
        "empty",
        "'clean' in snr_db",
    ),
    Case(
        "plan-utterance-twice",
        plan_of,
        _plan(speech_manifest=Lines("speech.json", (SPEECH_LINE, SPEECH_LINE))),
        "speech.json:1",
        "'speech@0s'",
        "name each one once",
        "speech.json:2",
    ),
    Case(
        "plan-audio-missing",
        plan_of,
        _plan(speech_manifest=Lines("speech.json", (SPEECH_LINE,), ())),
        "speech.wav",
        "1 of 1",
        "no such file",
        "speech.json:1",
    ),
    Case("plan-silence-of-no-length", NoiseOnlyOptions, {"silence_s": [0]}, "silence_s", "[0]", "above 0"),
    Case("plan-crops-negative", NoiseOnlyOptions, {"crops": -1}, "crops", "-1", "crops >= 0"),
]

GATES = [
    Case(
        "gate-without-operator",
        gated,
        {"fail_if": "clean.wer 0.3"},
        "fail_if",
        "'clean.wer 0.3'",
        "path operator number",
    ),
    Case("gate-of-code", gated, {"fail_if": "__import__('os') > 0"}, "fail_if", "__import__('os')", "near names"),
    Case(
        "gate-with-a-word-for-a-number",
        gated,
        {"fail_if": "clean.wer > high"},
        "fail_if",
        "'clean.wer > high'",
        "path operator number",
    ),
    Case(
        "gate-of-an-unknown-name",
        gated,
        {"fail_if": "clean.werr > 0.3"},
        "fail_if",
        "'clean.werr'",
        "near names: clean.wer",
    ),
    Case(
        "gate-on-what-was-not-measured", gated, {"fail_if": "rtfx > 1"}, "fail_if", "'rtfx'", "could not be computed"
    ),
    Case("gate-that-is-a-number", gated, {"fail_if": 0.3}, "fail_if", "0.3", "path operator number"),
]

CHECKPOINTS = [
    Case(
        "model-normalized-by-an-unknown-name",
        normalized,
        {"name": "per_featur"},
        "m.nemo: preprocessor.normalize",
        "'per_featur'",
        "must be one of 'per_feature'",
    ),
    Case("model-missing", loaded, {"name": Missing("m.nemo")}, "m.nemo", "does not exist", ".nemo file"),
    Case("model-not-a-tar", loaded, {"name": Content("m.nemo", "hello")}, "m.nemo", "no archive", ".nemo file"),
    Case("model-empty", loaded, {"name": Content("m.nemo", b"")}, "m.nemo", "no archive", ".nemo file"),
]


CASES = [*CONFIGS, *COMMAND_LINES, *PLANS, *GATES, *CHECKPOINTS]
