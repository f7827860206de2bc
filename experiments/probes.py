# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pretrained contexts alone: pretrain one with every seed, probe it before and after, write the table."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from experiments.arms import EXAMPLES, folder_of, script_command
from experiments.jobs import Job
from nemo_noise import whole_file

__all__ = ["probe_jobs", "probe_table"]

# The floor and the spectrum are the same for every seed and come from the features that the arm reads.
REPRESENTATIONS = ("spectrum", "noise floor", "untrained", "trained")


def probe_jobs(cfg: DictConfig, data: Job) -> list[Job]:
    """The pretraining and the probes of every arm and seed.

    Args:
        cfg: a config with `probe_arms`.
        data: prepares what they read.
    """
    jobs = []
    for arm, options in cfg.probe_arms.items():
        for seed in cfg.seeds:
            context = folder_of(cfg, arm, seed) / "context.nemo"
            overrides = [*cfg.context_overrides, *options.overrides, f"data_dir={cfg.data_dir}", f"seed={seed}"]
            overrides.append(f"+save_to={context}")
            command = script_command(EXAMPLES / "asr/pretrain_noise_context.py", overrides, cfg.context_config)
            jobs.append(Job(f"{arm}_{seed}", command, context, (data.produces,)))
            jobs.append(_probe(cfg, f"probe_{arm}_{seed}", seed, context))
    return jobs


def _probe(cfg: DictConfig, name: str, seed: int, context: Path) -> Job:
    produces = context.with_name("probe.json")
    overrides = [
        f"model={context}",
        f"speech_manifest={Path(cfg.speech_dir).resolve() / cfg.probe_speech}",
        f"noise_manifests={{seen: {cfg.data_dir}/seen.json, unseen: {cfg.data_dir}/unseen.json}}",
        f"word_manifest={cfg.data_dir}/words.json",
        f"seed={seed}",
        f"output={produces}",
        *cfg.probe_overrides,
    ]
    return Job(name, script_command(EXAMPLES / "asr/probe_context.py", overrides), produces, (context,))


def probe_table(cfg: DictConfig) -> str:
    """Mean over the seeds, and the seeds, of every score; writes table.md and returns it."""
    scores = {
        (arm, name): [_scores(cfg, arm, seed)[name] for seed in cfg.seeds]
        for arm in cfg.probe_arms
        for name in REPRESENTATIONS
    }
    questions = list(next(iter(scores.values()))[0])
    lines = [f"| features | representation | {' | '.join(questions)} |", "|---" * (len(questions) + 2) + "|"]
    for (arm, name), by_seed in scores.items():
        values = [[score[question]["value"] for score in by_seed] for question in questions]
        cells = [f"{np.mean(seeds):.2f} ({', '.join(f'{value:.2f}' for value in seeds)})" for seeds in values]
        lines.append(f"| {arm} | {name} | {' | '.join(cells)} |")
    chances = [np.mean([score[question]["chance"] for score in next(iter(scores.values()))]) for question in questions]
    lines.append(f"| | chance | {' | '.join(f'{chance:.2f}' for chance in chances)} |")
    whole_file.write_text(Path(cfg.output_dir) / "table.md", "\n".join(lines) + "\n")
    return "\n".join(lines)


def _scores(cfg: DictConfig, arm: str, seed: int) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    path = folder_of(cfg, arm, seed) / "probe.json"
    scores: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(path.read_text(encoding="utf-8"))
    return scores
