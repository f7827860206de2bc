# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The options of an evaluation, checked once and before all work; see `conf/scripts/noise_robustness.yaml`."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nemo.collections.asr.parts.utils.asr_confidence_utils import ConfidenceConfig

from nemo_noise import checks as rules
from nemo_noise.configuration import config_directory
from nemo_noise.evaluation import gates
from nemo_noise.evaluation.mixtures.acoustics import Grid
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.preroll import ContextReads
from nemo_noise.evaluation.mixtures.seen import NoiseSource, parse_noise_lists
from nemo_noise.evaluation.mixtures.snr_grid import parse_snr_db
from nemo_noise.evaluation.questions import QUESTIONS, Question
from nemo_noise.evaluation.report.model_card import CardOptions
from nemo_noise.evaluation.scoring.bootstrap import MOST_REPLICATIONS
from nemo_noise.evaluation.scoring.text_normalization import parse_steps
from nemo_noise.evaluation.transcription.arms import Control
from nemo_noise.foreign_text import printable
from nemo_noise.inference.adaptation.config import AdaptationConfig

__all__ = ["EvaluationOptions", "check_output"]

MOST_CROPS, MOST_BATCH, LONGEST_S = 100_000, 65_536, 86_400.0
SHORTEST_S = 0.01  # of noise or silence alone: less has no sample that a model would take
RATES = (1000, 384_000)
_NAMES = rules.listed(rules.text(), "[speaker]")

RULES: dict[str, rules.Rule] = {
    "model": rules.maybe(rules.text()),
    "baseline": rules.maybe(rules.text()),
    "model_name": rules.maybe(rules.text()),
    "baseline_name": rules.maybe(rules.text()),
    "speech": rules.maybe(rules.paths()),
    "utterances": rules.maybe(rules.whole(1)),
    "noise_lists": rules.Rule(lambda _: True, ""),  # see parse_noise_lists
    "snr_db": rules.Rule(lambda _: True, ""),  # see parse_snr_db
    "rooms": rules.maybe(rules.mapping("{dry: null, office: {effects: {...}}}")),
    "channels": rules.maybe(rules.mapping("{wideband: null, telephone: {effects: {g711: {law: mu}}}}")),
    "grid": rules.one_of(*(grid.value for grid in Grid)),
    "preroll_s": rules.number(0, LONGEST_S),
    "preroll_loops": rules.flag(),
    "context_reads": rules.one_of(*(one.value for one in ContextReads)),
    "seed": rules.whole(0),
    "noise_only": rules.mapping("{crops: 20, crop_s: 10}"),
    "controls": rules.listed(rules.one_of(*(control.value for control in Control)), "[shuffled_context]"),
    "adaptation": rules.maybe(rules.mapping("{parameters: [norms], max_steps: 5}")),
    "adaptation_streams": _NAMES,
    "adaptation_trials": rules.maybe(rules.whole(1)),
    "transcribe": rules.maybe(rules.mapping("{source_lang: de}")),
    "baseline_transcribe": rules.maybe(rules.mapping("{source_lang: de}")),
    "batch_size": rules.whole(1, MOST_BATCH),
    "device": rules.maybe(rules.text()),
    "latency_utterances": rules.whole(0),
    "confidence": rules.maybe(rules.mapping("{method_cfg: {name: max_prob}, aggregation: mean}")),
    "training_seed": rules.maybe(rules.whole()),
    "text_normalization": rules.Rule(lambda _: True, ""),  # see parse_steps
    "group_fields": _NAMES,
    "block_field": rules.text(),
    "replications": rules.whole(1, MOST_REPLICATIONS),
    "bootstrap_seed": rules.whole(0),
    "from_hypotheses": rules.Rule(
        lambda value: value == [] or rules.paths().fits(value), "a list of hypotheses.jsonl"
    ),
    "export_mixtures": rules.maybe(rules.text()),
    "sample_rate": rules.whole(*RATES),
    "audio_clips": rules.whole(0, 1000),
    "model_card": rules.mapping("{license: apache-2.0}"),
    "output_dir": rules.text(),
    "fail_if": rules.listed(rules.Rule(lambda _: True, ""), "['unseen.mean_wer > 0.3']"),
}
OF_QUESTIONS = {name: rule for question in QUESTIONS for name, rule in question.rules.items()}
NOISE_ONLY = {
    "crops": rules.whole(0, MOST_CROPS),
    "crop_s": rules.number(SHORTEST_S, LONGEST_S),
    "silence_s": rules.listed(rules.number(SHORTEST_S, LONGEST_S), "[1, 10]"),
}
CARD = dict.fromkeys(("license", "dataset", "dataset_type", "base_model", "remark"), rules.maybe(rules.text())) | {
    "language": rules.Rule(lambda value: value is None or rules.paths().fits(value), "a code, or a list of codes")
}


@dataclass(frozen=True)
class EvaluationOptions:
    """All options, each of its type and within its range; the names are those of the config but for `questions`.

    Attributes:
        given: the whole configuration as plain values, for the record.
        noise_lists: by name; None where not given.
        questions: all, each with the options that are its own.
    """

    given: Mapping[str, Any]
    model: str | None
    baseline: str | None
    model_name: str | None
    baseline_name: str | None
    speech: tuple[str, ...] | None
    utterances: int | None
    noise_lists: Mapping[str, NoiseSource] | None
    snr_db: Sequence[float | str]
    rooms: Mapping[str, Any] | None
    channels: Mapping[str, Any] | None
    grid: str
    preroll_s: float
    preroll_loops: bool
    context_reads: str
    seed: int
    noise_only: NoiseOnlyOptions
    controls: Sequence[str]
    adaptation: AdaptationConfig | None
    adaptation_streams: Sequence[str]
    adaptation_trials: int | None
    transcribe: Mapping[str, Any]
    baseline_transcribe: Mapping[str, Any] | None
    batch_size: int
    device: str | None
    latency_utterances: int
    confidence: Mapping[str, Any] | None
    training_seed: int | None
    text_normalization: Sequence[str]
    group_fields: Sequence[str]
    block_field: str
    replications: int
    bootstrap_seed: int
    from_hypotheses: tuple[str, ...]
    export_mixtures: str | None
    sample_rate: int
    audio_clips: int
    model_card: CardOptions
    output_dir: str
    fail_if: Sequence[gates.Gate]
    questions: Sequence[Question]

    @classmethod
    def of(cls, cfg: DictConfig) -> "EvaluationOptions":
        """Check a config.

        Args:
            cfg: like `conf/scripts/noise_robustness.yaml`; what an earlier version leaves out is the default.

        Returns:
            The options.

        Raises:
            ValueError: an option is unknown or wrong; names it and its value.
        """
        given = _complete(cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True)))
        rules.check_options(given, RULES | OF_QUESTIONS)
        rules.check_options(given["noise_only"], NOISE_ONLY, "noise_only")
        rules.check_options(given["model_card"], CARD, "model_card")
        parse_snr_db(given["snr_db"])
        parse_steps(given["text_normalization"])
        _check_confidence(given["confidence"])
        parsed = {
            "speech": given["speech"] and _several(given["speech"]),
            "noise_lists": None if given["noise_lists"] is None else parse_noise_lists(given["noise_lists"]),
            "noise_only": NoiseOnlyOptions(**given["noise_only"]),
            "adaptation": None if given["adaptation"] is None else AdaptationConfig.of(given["adaptation"]),
            "transcribe": given["transcribe"] or {},
            "from_hypotheses": _several(given["from_hypotheses"]),
            "model_card": CardOptions(**given["model_card"]),
            "questions": [question.given(given) for question in QUESTIONS],
            "fail_if": [gates.parse_gate(expression) for expression in given["fail_if"]],
        }
        own = {name: value for name, value in given.items() if name not in OF_QUESTIONS}
        return cls(given=given, **{**own, **parsed})


def check_output(option: str, path: str | Path) -> None:
    """Refuse a folder that cannot be written, before there is anything to write.

    Args:
        option: that names it.
        path: the folder; made where it is absent.

    Raises:
        ValueError: it is a file, or nothing can be written there.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writable", dir=folder)
        os.close(handle)
        Path(name).unlink()
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{option} is {str(path)!r}, where there is a file: should be a folder ({error})") from error
    except OSError as error:
        raise ValueError(
            f"{option} is {str(path)!r}, which cannot be written ({error}): should be a folder"
        ) from error


def _complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with the defaults where a config of an earlier version leaves them out; ??? is None."""
    defaults = OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml")
    complete = cast(dict[str, Any], OmegaConf.to_container(defaults)) | dict(settings)
    return {name: None if value == rules.MISSING else value for name, value in complete.items()}


def _check_confidence(given: Mapping[str, Any] | None) -> None:
    """Refuse what NeMo would not take as its `confidence_cfg`."""
    try:
        OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ConfidenceConfig), given or {}))
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        reason = printable(str(error).strip().split("\n")[0], 200)
        should = "should be NeMo's confidence_cfg, as in {method_cfg: {name: max_prob}, aggregation: mean}"
        raise ValueError(f"confidence is {printable(given, 200)} ({reason}), {should}") from error


def _several(path: str | Sequence[str]) -> tuple[str, ...]:
    return (path,) if isinstance(path, str) else tuple(path)
