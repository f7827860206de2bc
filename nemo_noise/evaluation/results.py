# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The results of an evaluation as one JSON document: summaries, comparisons, and how they were made."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import torch

import nemo_noise
from nemo_noise import whole_file
from nemo_noise.evaluation.hypothesis import Hypothesis, by_model, reference_rows
from nemo_noise.evaluation.mixtures.examination import LeftOut
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.probes.context_snr import ContextSnr
from nemo_noise.evaluation.scoring.adaptation_gain import AdaptationGain, measure_adaptation
from nemo_noise.evaluation.scoring.comparison import Comparison, compare
from nemo_noise.evaluation.scoring.places import PlaceDifference, compare_places
from nemo_noise.evaluation.scoring.streaming import Streaming
from nemo_noise.evaluation.scoring.summary import Summary, summarize
from nemo_noise.evaluation.scoring.tally import ScoringOptions, scored_rows
from nemo_noise.evaluation.scoring.text_hints import TextHint, hint_at_writing
from nemo_noise.evaluation.scoring.wer import measure_area
from nemo_noise.evaluation.transcription.adapted import adapted_name
from nemo_noise.evaluation.transcription.arms import Control, control_name

SCHEMA_VERSION = 2
REQUIRED_KEYS = ("models", "model", "baseline", "comparison", "controls")  # of all versions
VERSIONED_PACKAGES = {"nemo": "nemo_toolkit", "torch": "torch", "numpy": "numpy", "jiwer": "jiwer"}


class LeftOutItem(TypedDict):
    """One utterance or mixture that was not evaluated, `file:line` of its speech, and why."""

    name: str
    source: str
    reason: str


class SpeechMaterial(TypedDict):
    """The audio: how many utterances were given, which are left out, which mixtures and noises, what has a lower rate.

    `resampled_from_hz` counts utterances by the rate of their files, "8000", where it is below `sample_rate`;
    `has_plain_channel` says whether some mixtures went through no channel.
    """

    utterances: int
    left_out: list[LeftOutItem]
    left_out_mixtures: list[LeftOutItem]
    left_out_noises: list[LeftOutItem]
    resampled_from_hz: dict[str, int]
    sample_rate: int
    has_plain_channel: bool


class Answers(TypedDict, total=False):
    """What only some evaluations have; a key is there only where it was asked for.

    `places` is model against baseline by room and channel. `text_hints` are by model, where the way of writing makes
    errors. `speech` is what became of the utterances, unknown where only rows are at hand. The others are by model and
    need more than rows.
    """

    places: dict[str, dict[str, PlaceDifference]]
    streaming: dict[str, Streaming]
    context_snr: dict[str, ContextSnr]
    text_hints: dict[str, TextHint]
    speech: SpeechMaterial


class Results(Answers):
    """Everything about one evaluation.

    `comparison` is model against baseline; `controls` holds the model against itself in each control, where a
    reduction above zero says that the control does harm. `adaptation` is the model adapted to each utterance against
    itself, `stream_adaptation` along streams, null where that was not run.
    """

    schema_version: int
    model: str
    baseline: str | None
    models: dict[str, Summary]
    comparison: Comparison | None
    controls: dict[str, Comparison]
    adaptation: AdaptationGain | None
    stream_adaptation: AdaptationGain | None
    made: dict[str, Any]


def collect_results(
    rows: Sequence[Hypothesis],
    model: str,
    baseline: str | None = None,
    *,
    options: ScoringOptions | None = None,
    made: Mapping[str, Any] | None = None,
) -> Results:
    """Summarise and compare all models in saved hypotheses; no model is run.

    Args:
        rows: hypothesis rows of one or more models, told apart by their field `model`.
        model: the model that the report is about.
        baseline: the model it is compared with, None for none.
        options: how to score; None takes the defaults.
        made: how the rows were made, for the record (see `describe_run`).

    Returns:
        The results.

    Raises:
        ValueError: rows of `model` or `baseline` are missing.
    """
    of = by_model(rows)
    for argument, name in (("model", model), ("baseline", baseline)):
        if name is not None and name not in of:
            raise ValueError(f"{argument} {name!r} has no hypotheses; there are some of {sorted(of)}")
    controls = {c.value: of[control_name(model, c)] for c in Control if control_name(model, c) in of}
    compared = [model] + ([] if baseline is None else [baseline])
    shown = compared + [control_name(model, c) for c in controls]
    alone, stream = adapted_name(model), adapted_name(model, along_stream=True)
    adapted = [name for name in (alone, stream) if name in of]
    gains = {name: measure_adaptation(of[name], of[model], options) for name in adapted}
    shown += adapted
    places = None if baseline is None else compare_places(of[model], of[baseline], options)
    results = Results(
        schema_version=SCHEMA_VERSION,
        model=model,
        baseline=baseline,
        models={name: summarize(of[name], options) for name in shown},
        comparison=None if baseline is None else compare(of[model], of[baseline], options),
        controls={name: compare(of[model], of_control, options) for name, of_control in controls.items()},
        adaptation=gains.get(alone),
        stream_adaptation=gains.get(stream),
        made=dict(made or {}),
    )
    if places is not None:
        results["places"] = places
    hints = {name: hint_at_writing(_scored(of[name], options), options or ScoringOptions()) for name in compared}
    found = {name: hint for name, hint in hints.items() if hint is not None}
    if found:
        results["text_hints"] = found
    return results


def _scored(rows: Sequence[Hypothesis], options: ScoringOptions | None) -> list[Hypothesis]:
    return scored_rows(reference_rows(rows), options or ScoringOptions())


def describe_speech(plan: MixturePlan) -> SpeechMaterial:
    """Write down what became of the utterances, after the models were run."""
    examined = plan.examined
    return SpeechMaterial(
        utterances=examined.utterances,
        left_out=list(map(_item, examined.left_out)),
        left_out_mixtures=list(map(_item, plan.left_out.values())),
        left_out_noises=[
            LeftOutItem(name=name, source=one.entry.source, reason=one.message.removeprefix(f"{one.entry.source}: "))
            for name, noises in plan.noise_lists.items()
            for one in noises.left_out
        ],
        resampled_from_hz={str(rate): count for rate, count in examined.resampled.items()},
        sample_rate=plan.sample_rate,
        has_plain_channel=any(channel.chain is None for channel in plan.acoustics.channels.values()),
    )


def _item(one: LeftOut) -> LeftOutItem:
    return LeftOutItem(name=one.name, source=one.source, reason=one.reason)


def describe_run(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Write down how a run was made: time, versions, hardware and configuration."""
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    versions = {"nemo_noise": nemo_noise.__version__, "python": platform.python_version()}
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions | {name: version(package) for name, package in VERSIONED_PACKAGES.items()},
        "device": str(device),
        "hardware": hardware,
        "threads": torch.get_num_threads(),
        "config": dict(config),
    }


def write_results(path: str | Path, results: Results) -> None:
    """Write results as JSON; the folder is made where it is absent."""
    whole_file.write_text(path, json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_results(path: str | Path) -> Results:
    """Read results back, those of earlier versions as well: what they did not measure is null.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no JSON, no results or not all of them, or of a later version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"results file {path} does not exist, expected a summary.json")
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON in UTF-8 ({error}), expected a summary.json") from error
    found = tree.get("schema_version") if isinstance(tree, dict) else None
    if found not in range(1, SCHEMA_VERSION + 1):
        raise ValueError(f"{path}: schema_version is {found!r}, should be 1 to {SCHEMA_VERSION}")
    missing = [name for name in REQUIRED_KEYS if name not in tree]
    if missing:
        raise ValueError(f"{path}: lacks {missing[0]!r}, expected a summary.json of schema_version {found}")
    if found == 1:
        _upgrade_from_1(tree)
    for name in ("adaptation", "stream_adaptation"):
        tree.setdefault(name, None)
    return cast(Results, tree)


def _upgrade_from_1(tree: dict[str, Any]) -> None:
    """Add what version 1 did not know."""
    for summary in tree["models"].values():
        speed = {name: summary.pop(name, None) for name in ("audio_s", "transcribe_s")} | {"rtfx": summary["rtfx"]}
        unknown = dict.fromkeys(("latency_ms_median", "latency_ms_p95", "parameters", "peak_memory_mb"))
        summary["speed"] = {**speed, "latency_utterances": 0, **unknown}
        summary.update(silence=None, groups={}, calibration=None, analytics=None)
        labels = [label for block in summary["lists"].values() for label in block["labels"].values()]
        for block in [*summary["lists"].values(), *labels, {"cells": {"clean": summary["clean"]}}]:
            for cell in filter(None, block["cells"].values()):
                cell["edge_insertions"] = None
        for block in summary["lists"].values():
            block.update(wer_snr_area=_area(block["cells"]), wer_snr_area_low=None, wer_snr_area_high=None)
    for comparison in filter(None, [tree["comparison"], *tree["controls"].values()]):
        cells = [cell for block in comparison["lists"].values() for cell in block["cells"].values()]
        names = ("segments", "statistic", "p_value", "p_value_holm")
        for cell in filter(None, [*cells, comparison["clean"]]):
            cell.update({f"mapsswe_{name}": None for name in names})
    tree["schema_version"] = SCHEMA_VERSION


def _area(cells: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Measure the area under a curve of saved cells."""
    snr_db = [float(snr) for snr in cells]
    return float(measure_area(snr_db, np.array([cell["wer"] for cell in cells.values()]))) if len(cells) > 1 else None
