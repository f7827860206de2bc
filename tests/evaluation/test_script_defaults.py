# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the YAML of a script says is the default of the class that takes it: neither drifts from the other."""

from dataclasses import MISSING, fields
from typing import Any

import pytest
from omegaconf import OmegaConf

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.decoding_tuning import SearchGrid
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.profiling.profile import ProfileOptions
from nemo_noise.evaluation.report.model_card import CardOptions
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.streaming import StreamingOptions
from nemo_noise.evaluation.transcription.surroundings import SurroundingsOptions
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.streaming.aligned import AlignedStreamingConfig

ROBUSTNESS = "noise_robustness"
# Script, block of its YAML ("" for all), class, field -> key where the names differ, fields whose values differ.
SCRIPTS: list[tuple[str, str, type, dict[str, str], set[str]]] = [
    ("transcribe_with_adaptation", "adaptation", AdaptationConfig, {}, set()),
    ("transcribe_aed_streaming", "streaming", AlignedStreamingConfig, {}, set()),
    ("tune_decoding", "grid", SearchGrid, {}, set()),
    ("profile", "measure", ProfileOptions, {}, set()),
    (ROBUSTNESS, "noise_only", NoiseOnlyOptions, {}, {"silence_s"}),  # a program asks for silence, the page has it
    (ROBUSTNESS, "model_card", CardOptions, {}, set()),
    (
        ROBUSTNESS,
        "",
        StreamingOptions,
        {"latencies_ms": "streaming_ms", "trials": "streaming_trials", "left_s": "streaming_left_s"},
        set(),
    ),
    (ROBUSTNESS, "", SurroundingsOptions, {"trials": "around_trials"}, set()),
    (ROBUSTNESS, "", ScoringOptions, {"seed": "bootstrap_seed"}, set()),
]
NO_OPTION = {"seen"}  # computed from the noise lists


@pytest.mark.parametrize(
    ("script", "block", "options", "names", "differ"), SCRIPTS, ids=[f"{row[0]}-{row[2].__name__}" for row in SCRIPTS]
)
def test_the_yaml_of_a_script_says_the_defaults_of_its_class(
    script: str, block: str, options: type, names: dict[str, str], differ: set[str]
) -> None:
    config = OmegaConf.to_container(OmegaConf.load(config_directory() / "scripts" / f"{script}.yaml"))
    given: dict[str, Any] = config[block] if block else config
    chosen = [one for one in fields(options) if one.name not in NO_OPTION]
    assert not block or {names.get(one.name, one.name) for one in chosen} == set(given)
    defaults = {one.name: one.default for one in chosen if one.default is not MISSING}
    said = {name: given[names.get(name, name)] for name in defaults}
    assert {name for name in defaults if _plain(said[name]) != _plain(defaults[name])} == differ


def _plain(value: Any) -> Any:
    return [getattr(item, "value", item) for item in value] if isinstance(value, (list, tuple)) else value
