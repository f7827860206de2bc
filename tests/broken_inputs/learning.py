# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken options of training, adaptation, decoding with language models, and streaming."""

from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import OmegaConf

from nemo.core.classes import ModelPT, Serialization

from nemo_noise.inference.adaptation.adaptation import AdaptationConfig, choose_parameters
from nemo_noise.inference.decoding.kneser_ney import estimate
from nemo_noise.inference.decoding.ngram_training import Unit, train_ngram
from nemo_noise.inference.decoding.search import SearchSetting, fast_language_model
from nemo_noise.inference.streaming.aligned import AlignedStreamingConfig
from nemo_noise.inference.streaming.chunked import ChunkPlan, ChunkStream
from nemo_noise.training.curriculum import DifficultyCurriculum
from nemo_noise.training.optim import RelativeCosineAnnealing
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import NOISE, SPEECH, Content, Lines, Missing

RECOGNISER = SimpleNamespace(decoder=SimpleNamespace(vocabulary=["a", "b"]))


def callback(**config: Any) -> None:
    Serialization.from_config_dict(OmegaConf.create(config))


def trained_only(parts: Any) -> None:
    """`TrainOnly` at the start of a training of one layer."""
    from nemo_noise.training.freezing import TrainOnly

    TrainOnly(parts).setup(None, torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 2)}), "fit")


def scheduled(**options: Any) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    RelativeCosineAnnealing(optimizer, **{"max_steps": 100, **options})


def grouped(groups: dict[str, Any]) -> None:
    """Rates of their own for parts of a model, by NeMo's `optim_param_groups`."""
    model = torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 2)})
    model.cfg = OmegaConf.create({"optim_param_groups": groups})
    ModelPT.setup_optimizer_param_groups(model)


def adapted_parameters(parameters: list[str]) -> None:
    choose_parameters(torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 2)}), parameters)


def language_model(arpa: str) -> None:
    fast_language_model(RECOGNISER, arpa, "unused")


def ngrams(texts: list[str], arpa: str = "unused.arpa", order: Any = 3, unit: Unit = Unit.TOKEN) -> None:
    train_ngram(RECOGNISER, texts, arpa, order=order, unit=unit)


def chunked(chunk: int, left: int = 0, right: int = 0) -> None:
    ChunkStream(torch.nn.Identity(), ChunkPlan(chunk, left, right), frame_hop=1)


def difficulty(**options: Any) -> None:
    DifficultyCurriculum(**{"bands_db": [0, 10], "speech_manifest": "", "noise_manifest": "", **options})


def _training(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": f"nemo_noise.training.{name}", **options}


TRAINING = [
    Case(
        "freezing-of-parts-that-are-not-there",
        trained_only,
        {"parts": ["encodr."]},
        "parts",
        "'encodr.'",
        "the model has ['encoder.",
    ),
    Case("freezing-of-a-string", trained_only, {"parts": "encoder."}, "parts", "'encoder.'", "a list"),
    Case(
        "freezing-strategy-unknown",
        callback,
        _training("TrainOnly", strategy="all"),
        "strategy",
        "unexpected keyword",
        "TrainOnly",
    ),
    Case(
        "optimizer-group-of-nothing", grouped, {"groups": {"encodr": {"lr": 0.1}}}, "encodr", "not found", "in model"
    ),
    Case(
        "guard-tolerance-negative",
        callback,
        _training("CleanGuard", tolerance=-0.1),
        "tolerance",
        "-0.1",
        "not be negative",
    ),
    Case("guard-action-unknown", callback, _training("CleanGuard", action="warn"), "action", "'warn'", "blend"),
    Case(
        "monitor-every-0-steps",
        callback,
        _training("NoiseContextMonitor", every_n_steps=0),
        "every_n_steps",
        "0",
        "at least 1",
    ),
    Case(
        "dual-monitor-every-0-steps",
        callback,
        _training("DualAttentionMonitor", every_n_steps=0),
        "every_n_steps",
        "0",
        "at least 1",
    ),
    Case("schedule-begins-at-2", scheduled, {"first": 2.0}, "first", "2.0", "from 0 to 1"),
    Case("schedule-warms-up-for-ever", scheduled, {"warmup_steps": 100}, "warmup_steps", "100", "below max_steps=100"),
    Case(
        "schedule-warms-up-twice",
        scheduled,
        {"warmup_steps": 5, "warmup_ratio": 0.1},
        "warmup_steps",
        "5",
        "null for the other",
    ),
    Case(
        "device-mixing-key-unknown",
        callback,
        _training("DeviceNoiseMix", noise_mix={"manifest": "n.json"}),
        "noise_mix",
        "'manifest'",
        "manifest_path",
    ),
    Case("difficulty-bands-fall", difficulty, {"bands_db": [10, 0]}, "bands_db", "[10.0, 0.0]", "rising edges"),
    Case("difficulty-floor-0", difficulty, {"floor": 0.0}, "floor", "0", "above 0, up to 1"),
    Case("difficulty-in-unknown-errors", difficulty, {"errors_in": "phones"}, "errors_in", "'phones'", "letters"),
    Case("difficulty-of-no-utterance", difficulty, {"num_utterances": 0}, "num_utterances", "0", "1 or more"),
    Case(
        "difficulty-without-text",
        difficulty,
        {"speech_manifest": NOISE, "noise_manifest": NOISE},
        "noise.json",
        "no line with text",
        "expected some",
    ),
    Case(
        "difficulty-of-missing-noise",
        difficulty,
        {"speech_manifest": SPEECH, "noise_manifest": Missing("n.json")},
        "n.json",
        "no such manifest",
        "expected",
    ),
]

ADAPTATION = [
    Case("adaptation-steps-negative", AdaptationConfig, {"max_steps": -1}, "max_steps", "-1", "0 or more"),
    Case("adaptation-steps-a-fraction", AdaptationConfig, {"max_steps": 2.5}, "max_steps", "2.5", "whole number"),
    Case("adaptation-seconds-negative", AdaptationConfig, {"max_seconds": -1.0}, "max_seconds", "-1.0", "0 or more"),
    Case(
        "adaptation-of-unknown-objective",
        AdaptationConfig,
        {"objective": "surprise"},
        "objective",
        "'surprise'",
        "entropy",
    ),
    Case(
        "adaptation-of-a-string", AdaptationConfig, {"parameters": "norms"}, "parameters", "'norms'", "a list of names"
    ),
    Case("adaptation-of-nothing", AdaptationConfig, {"parameters": []}, "parameters", "[]", "a list of names"),
    Case(
        "adaptation-of-an-unknown-set",
        adapted_parameters,
        {"parameters": ["biases"]},
        "parameters",
        "'biases'",
        "norms",
    ),
    Case(
        "adaptation-of-a-context-that-is-not-there",
        adapted_parameters,
        {"parameters": ["context"]},
        "parameters",
        "'context'",
        "a pattern like",
    ),
    Case("adaptation-temperature-0", AdaptationConfig, {"temperature": 0}, "temperature", "0", "above 0"),
    Case(
        "adaptation-rate-in-words", AdaptationConfig, {"learning_rate": "slow"}, "learning_rate", "'slow'", "0 or more"
    ),
    Case(
        "adaptation-confusion-of-2", AdaptationConfig, {"confusion_weight": 2}, "confusion_weight", "2", "from 0 to 1"
    ),
    Case(
        "adaptation-option-unknown", AdaptationConfig, {"steps": 3}, "steps", "unexpected keyword", "AdaptationConfig"
    ),
    Case(
        "adaptation-spoken-change-negative",
        AdaptationConfig,
        {"max_spoken_change": -0.1},
        "max_spoken_change",
        "-0.1",
        "0 or more",
    ),
]

DECODING = [
    Case(
        "alpha-not-a-number",
        SearchSetting,
        {"strategy": "beam_batch", "beam_size": 4, "alpha": "high", "language_model": "l.arpa"},
        "alpha",
        "'high'",
        "0 or more",
    ),
    Case(
        "alpha-negative",
        SearchSetting,
        {"strategy": "beam_batch", "beam_size": 4, "alpha": -1.0},
        "alpha",
        "-1.0",
        "0 or more",
    ),
    Case(
        "alpha-without-language-model",
        SearchSetting,
        {"strategy": "beam_batch", "beam_size": 4, "alpha": 0.5},
        "alpha",
        "0.5",
        "language_model",
    ),
    Case(
        "beta-nan",
        SearchSetting,
        {"strategy": "beam_batch", "beam_size": 4, "beta": float("nan")},
        "beta",
        "nan",
        "finite",
    ),
    Case(
        "beta-in-words",
        SearchSetting,
        {"strategy": "beam_batch", "beam_size": 4, "beta": "low"},
        "beta",
        "'low'",
        "finite",
    ),
    Case(
        "beta-where-there-is-none",
        SearchSetting,
        {"strategy": "maes_batch", "beam_size": 4, "beta": 1.0},
        "beta",
        "1.0",
        "must be 0",
    ),
    Case("beam-of-none", SearchSetting, {"strategy": "beam_batch", "beam_size": 0}, "beam_size", "0", "1 or more"),
    Case("greedy-with-a-beam", SearchSetting, {"beam_size": 4}, "beam_size", "4", "1 for greedy_batch"),
    Case(
        "language-model-missing",
        language_model,
        {"arpa": Missing("l.arpa")},
        "language_model",
        "l.arpa",
        "train one with train_ngram.py",
    ),
    Case(
        "language-model-not-arpa",
        language_model,
        {"arpa": Content("l.arpa", "hello\n")},
        "language_model",
        "l.arpa",
        "train one for it",
    ),
    Case(
        "language-model-empty",
        language_model,
        {"arpa": Content("l.arpa", "")},
        "language_model",
        "l.arpa",
        "train one for it",
    ),
    Case(
        "language-model-cut-off",
        language_model,
        {"arpa": Content("l.arpa", "\\data\\\nngram 1=2\nngram 2=1\n\n\\1-grams:\n-1.0\n")},
        "language_model",
        "l.arpa",
        "train one for it",
    ),
    Case(
        "language-model-not-kenlm-binary",
        language_model,
        {"arpa": Content("l.arpa", b"\x00\xff\x80" * 100)},
        "language_model",
        "l.arpa",
        "train one for it",
    ),
    Case("ngram-of-order-1", ngrams, {"texts": [Content("t.txt", "ab\n")], "order": 1}, "order", "1", "2 or more"),
    Case(
        "ngram-of-order-in-words",
        ngrams,
        {"texts": [Content("t.txt", "ab\n")], "order": "three"},
        "order",
        "'three'",
        "2 or more",
    ),
    Case("ngram-text-missing", ngrams, {"texts": [Missing("t.txt")]}, "t.txt", "no such file", "one sentence a line"),
    Case(
        "ngram-text-in-latin-1",
        ngrams,
        {"texts": [Content("t.txt", b"a\n\xe9\n")]},
        "UTF-8",
        "not UTF-8",
        "expected text in UTF-8",
        "t.txt:2",
    ),
    Case("ngram-text-empty", ngrams, {"texts": [Content("t.txt", "\n")]}, "t.txt", "no sentence", "expected"),
    Case(
        "ngram-text-of-unknown-letters",
        ngrams,
        {"texts": [Content("t.txt", "ab\nxyz\n")]},
        "'xyz'",
        "has no",
        "unknown_text=skip",
        "t.txt:2",
    ),
    Case(
        "ngram-manifest-without-text",
        ngrams,
        {"texts": [Lines("t.json", ({"audio_filepath": "a.wav"},), ())]},
        "text",
        "no",
        "expected a transcript",
        "t.json:1",
    ),
    Case(
        "ngram-of-a-marker",
        estimate,
        {"sentences": [["a", "<s>"]], "order": 2},
        "sentence 1",
        "'<s>'",
        "leave out markers",
    ),
    Case("chunk-of-no-frame", chunked, {"chunk": 0}, "plan", "chunk=0", "at least 1 frame"),
    Case("chunk-overlap-negative", chunked, {"chunk": 4, "left": -1}, "plan", "left=-1", "overlaps from 0"),
    Case("stream-policy-unknown", AlignedStreamingConfig, {"policy": "wait"}, "policy", "'wait'", "alignatt"),
    Case("stream-in-chunks-of-0-s", AlignedStreamingConfig, {"chunk_s": 0}, "chunk_s", "0", "must be positive"),
    Case("stream-in-chunks-of-a-text", AlignedStreamingConfig, {"chunk_s": "1"}, "chunk_s", "'1'", "a finite number"),
    Case("stream-lagging-by-half", AlignedStreamingConfig, {"waitk_lagging": 1.5}, "lagging", "1.5", "a whole number"),
    Case("stream-without-a-layer", AlignedStreamingConfig, {"attention_layer": None}, "layer", "None", "whole number"),
    Case(
        "stream-stops-in-words", AlignedStreamingConfig, {"stops_repetition": "no"}, "stops", "'no'", "true or false"
    ),
    Case("stream-context-negative", AlignedStreamingConfig, {"left_s": -1}, "left_s", "-1", "not be negative"),
]

CASES = [*TRAINING, *ADAPTATION, *DECODING]
