# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What does a noise context know? Pretrain it with every seed, probe it before and after, write the table.

    make results-context     # or: python examples/experiments/run_probes.py [max_parallel=4 seeds=[0,1,2,3,4]]

Resumes where it stopped: what is done is a file. Options and arms: conf/ablations/context_probes.yaml.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise import whole_file
from nemo_noise.evaluation.experiments.ablation import Job, run_jobs
from nemo_noise.evaluation.experiments.arms import script_command

SCRIPTS = Path(__file__).resolve().parents[1]
# The floor and the spectrum are the same for every seed and come from the features that the arm reads.
REPRESENTATIONS = ("spectrum", "noise floor", "untrained", "trained")


def experiment(cfg: DictConfig) -> list[Job]:
    """All jobs: data, then for every arm and seed the pretraining and the probes."""
    arguments = [f"output_dir={Path(cfg.data_dir).parent}", f"data_dir={cfg.data_dir}", *cfg.forward]
    jobs = [
        Job(
            "data",
            script_command(SCRIPTS, cfg.prepare_script, arguments, cfg.prepare_config),
            Path(cfg.data_dir) / "done",
        )
    ]
    for arm, options in cfg.probe_arms.items():
        for seed in cfg.seeds:
            folder = Path(cfg.output_dir) / arm / f"seed_{seed}"
            overrides = [*cfg.context_overrides, *options.overrides, f"data_dir={cfg.data_dir}", f"seed={seed}"]
            overrides.append(f"+save_to={folder / 'context.nemo'}")
            command = script_command(SCRIPTS, "asr/pretrain_noise_context.py", overrides, cfg.context_config)
            jobs.append(Job(f"{arm}_{seed}", command, folder / "context.nemo", (jobs[0].produces,)))
            jobs.append(_probe(cfg, arm, seed, folder))
    return jobs


def _probe(cfg: DictConfig, arm: str, seed: int, folder: Path) -> Job:
    overrides = [
        f"model={folder / 'context.nemo'}",
        f"speech_manifest={Path(cfg.speech_dir).resolve() / cfg.probe_speech}",
        f"noise_manifests={{seen: {cfg.data_dir}/seen.json, unseen: {cfg.data_dir}/unseen.json}}",
        f"word_manifest={cfg.data_dir}/words.json",
        f"seed={seed}",
        f"output={folder / 'probe.json'}",
        *cfg.probe_overrides,
    ]
    return Job(
        f"probe_{arm}_{seed}",
        script_command(SCRIPTS, "asr/probe_context.py", overrides),
        folder / "probe.json",
        (folder / "context.nemo",),
    )


def write_table(cfg: DictConfig) -> str:
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
    path = Path(cfg.output_dir) / arm / f"seed_{seed}" / "probe.json"
    scores: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(path.read_text(encoding="utf-8"))
    return scores


@hydra_runner(config_path="../../conf/ablations", config_name="context_probes")
def main(cfg: DictConfig) -> None:
    """Run what is missing, then tabulate."""
    Path(cfg.output_dir).mkdir(parents=True, exist_ok=True)
    run_jobs(experiment(cfg), Path(cfg.output_dir) / "logs", cfg.max_parallel, cfg.num_threads)
    print(write_table(cfg))


if __name__ == "__main__":
    main()
