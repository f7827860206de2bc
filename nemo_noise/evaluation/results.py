# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The results of an evaluation as one JSON document: summaries, comparisons, and how they were made."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

import nemo_noise
from nemo_noise import whole_file
from nemo_noise.evaluation.estimate import NO_ESTIMATE
from nemo_noise.evaluation.hypothesis import Hypothesis, by_model
from nemo_noise.evaluation.questions import BY_WEIGHT, QUESTIONS, EvaluationQuestion, Question
from nemo_noise.evaluation.questions.evidence import Evidence, ModelRows, Results
from nemo_noise.evaluation.scoring.comparison import Difference
from nemo_noise.evaluation.scoring.summary import Summary, summarize_cells
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.scoring.wer import measure_area

SCHEMA_VERSION = 3
REQUIRED_KEYS = ("models", "model", "baseline", "comparison", "controls")  # of all versions
VERSIONED_PACKAGES = {"nemo": "nemo_toolkit", "torch": "torch", "numpy": "numpy", "jiwer": "jiwer"}


def summarize(rows: Sequence[Hypothesis], options: ScoringOptions | None = None) -> Summary:
    """Summarise the hypotheses of one model, or of one arm trained with several seeds, with the keys of all questions.

    Raises:
        ValueError: rows of several models, repeated rows, or no speech row with a reference.
    """
    of_model = ModelRows(rows, options or ScoringOptions())
    summary = summarize_cells(of_model)
    for question in BY_WEIGHT:
        _add(cast(dict[str, Any], summary), question.of_model(of_model))
    return summary


def _add(tree: dict[str, Any], answer: Mapping[str, Any]) -> None:
    """Add keys; one that is there gets those below it."""
    for key, value in answer.items():
        if key in tree and isinstance(value, Mapping):
            _add(tree[key], value)
        else:
            tree[key] = value


def collect_results(
    rows: Sequence[Hypothesis],
    model: str,
    baseline: str | None = None,
    *,
    options: ScoringOptions | None = None,
    made: Mapping[str, Any] | None = None,
    found: Mapping[str, Any] | None = None,
) -> Results:
    """Answer all questions from saved hypotheses; no model is run.

    Args:
        rows: hypothesis rows of one or more models, kept apart by their field `model`.
        model: the model that the report is about.
        baseline: the model it is compared with, None for none.
        options: how to score; None takes the defaults.
        made: how the rows were made, for the record (see `describe_run`).
        found: what models were asked beside that (see `ask_models`), by the key of the question.

    Returns:
        The results: the answers that are always there, `made`, those that only some evaluations have.

    Raises:
        ValueError: rows of `model` or `baseline` are missing.
    """
    of = by_model(rows)
    for argument, name in (("model", model), ("baseline", baseline)):
        if name is not None and name not in of:
            raise ValueError(f"{argument} {name!r} has no hypotheses; there are some of {sorted(of)}")
    evidence = Evidence(of, model, baseline, options or ScoringOptions(), found or {})
    further = [name for question in BY_WEIGHT for name in question.further_models(evidence)]
    answers = {question: question.of_all(evidence) for question in BY_WEIGHT}
    asked = list(evidence.found)
    some = sorted(filter(_is_optional, answers), key=lambda one: asked.index(one.key) + 1 if one.key in asked else 0)
    results: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": model,
        "baseline": baseline,
        "models": {name: summarize(of[name], options) for name in [*evidence.compared, *further]},
    }
    for question in answers:
        results |= {} if _is_optional(question) else answers[question]
    results["made"] = dict(made or {})
    for question in some:
        results |= answers[question]
    return cast(Results, results)


def _is_optional(question: Question) -> bool:
    return question.is_optional


def describe_run(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Write down how a run was made: time, versions, hardware and configuration."""
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    versions = {"nemo_noise": nemo_noise.__version__, "python": platform.python_version()}
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions | {name: version(package) for name, package in VERSIONED_PACKAGES.items()},
        "device": str(device),
        "hardware": hardware,
        "threads": torch.get_num_threads(),
        "config": dict(config),
    }


def _processor() -> str:
    """The name of the CPU, as far as the system gives one."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8", errors="replace").splitlines() if facts.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), None) or platform.processor() or "CPU"


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
    if not isinstance(found, int) or found not in range(1, SCHEMA_VERSION + 1):
        raise ValueError(f"{path}: schema_version is {found!r}, should be 1 to {SCHEMA_VERSION}")
    missing = [name for name in REQUIRED_KEYS if name not in tree]
    if missing:
        raise ValueError(f"{path}: lacks {missing[0]!r}, expected a summary.json of schema_version {found}")
    if found == 1:
        _upgrade_from_1(tree)
    if found < SCHEMA_VERSION:
        _upgrade_from_2(tree)
    for question in QUESTIONS:
        if isinstance(question, EvaluationQuestion) and not question.is_optional:
            tree.setdefault(question.key, None)
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


def _upgrade_from_2(tree: dict[str, Any]) -> None:
    """Add what version 2 did not know; its intervals and p-values leave the training seeds out."""
    comparisons = list(filter(None, [tree["comparison"], *tree["controls"].values()]))
    for one in [*tree["models"].values(), *comparisons]:
        one.update(speakers=None, undefined_replications=0)
    unmeasured = dict.fromkeys(Difference.__annotations__)
    for comparison in comparisons:
        comparison.setdefault("overall", unmeasured if comparison["lists"] else None)
        for block in comparison["lists"].values():
            for name in ("gain_beyond_clean", "reduction_beyond_clean"):
                block.update(NO_ESTIMATE.keys(name))
            for end in ("low", "high"):
                block.pop(f"relative_reduction_with_seeds_{end}", None)
    tree["schema_version"] = SCHEMA_VERSION


def _area(cells: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Measure the area under a curve of saved cells."""
    snr_db = [float(snr) for snr in cells]
    return float(measure_area(snr_db, np.array([cell["wer"] for cell in cells.values()]))) if len(cells) > 1 else None
