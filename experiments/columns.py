# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What stands beside the errors of an arm: its size, its time, its streaming state, and what its context knows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from experiments.arms import arms_of, folder_of
from experiments.evaluations import PROBE_FILE, SPEED_FILE, probed_seeds

__all__ = ["Columns", "further_columns"]

Columns = Mapping[str, Mapping[str, str]]


def further_columns(cfg: DictConfig) -> Columns:
    """The columns that an experiment asks for with `speed` (size, time, state) and `probes` (what contexts know).

    Args:
        cfg: a config of this folder, whose jobs are done.

    Returns:
        Column -> arm -> text of the cell; what an arm does not have is left out.
    """
    columns: dict[str, dict[str, str]] = {}
    if cfg.get("speed") is not None:
        columns |= _size_and_time(cfg.baseline, Path(cfg.output_dir) / SPEED_FILE)
    if cfg.get("probes") is not None:
        for arm in arms_of(cfg):
            files = [folder_of(cfg, arm, seed) / PROBE_FILE for seed in probed_seeds(cfg)]
            if files and all(file.is_file() for file in files):
                for question, text in _known(files).items():
                    columns.setdefault(question, {})[arm] = text
    return columns


def _size_and_time(baseline: str, path: Path) -> dict[str, dict[str, str]]:
    """Parameters, time over that of the baseline in the same run, and bytes of a stream's context."""
    lines = {line["model"]: line for line in json.loads(path.read_text(encoding="utf-8"))}
    if baseline not in lines:
        raise ValueError(f"{path} has no line of the baseline {baseline!r}; there are {sorted(lines)}.")
    states = {arm: line["context_state_bytes"] for arm, line in lines.items()}
    return {
        "parameters": {arm: f"{line['parameters']:,}" for arm, line in lines.items()},
        "time": {arm: f"{line['seconds'] / lines[baseline]['seconds']:.2f} x" for arm, line in lines.items()},
        "RTFx": {arm: f"{line['rtfx']:.0f}" for arm, line in lines.items()},
        "state of a stream": {arm: f"{size} bytes" for arm, size in states.items() if size is not None},
    }


def _known(files: Sequence[Path]) -> dict[str, str]:
    """Question -> mean over the seeds of what the trained context answers, and the seeds in brackets."""
    scores: list[dict[str, Any]] = [json.loads(file.read_text(encoding="utf-8"))["trained"] for file in files]
    texts = {}
    for question in scores[0]:
        values = [score[question]["value"] for score in scores]
        texts[question] = f"{np.mean(values):.2f} ({', '.join(f'{value:.2f}' for value in values)})"
    return texts
