# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One question, many trainings: train every arm with every seed, evaluate on unseen noise, write one table.

    python examples/asr/run_ablation.py --config-name=digits        # a file of conf/ablations
    python examples/asr/run_ablation.py --config-name=digits max_parallel=4 'seeds=[0,1,2,3,4]' '~arms.constant'

An arm is a name and Hydra overrides of the recogniser's recipe; `grid` makes arms of all combinations. Resumes where
it stopped: what is done is a file, and deleting it repeats the job. The table and the figure end up in `output_dir`,
the report of every model in its folder there.
"""

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation import ScoringOptions, read_hypotheses
from nemo_noise.evaluation.ablation import Job, run_jobs
from nemo_noise.evaluation.ablation_table import AblationTable, Group

SCRIPTS = Path(__file__).resolve().parents[1]
NOISE = "unseen"
Arms = Mapping[str, Mapping[str, Any]]


def arms_of(cfg: DictConfig) -> Arms:
    """The arms by name: those of `arms`, then all combinations of `grid` (question -> answer -> overrides)."""
    arms = dict(OmegaConf.to_container(cfg.arms))
    grid = OmegaConf.to_container(cfg.get("grid") or OmegaConf.create())
    for answers in itertools.product(*(question.items() for question in grid.values())) if grid else ():
        name = "_".join(answer for answer, _ in answers)
        arms[name] = {"overrides": [override for _, overrides in answers for override in overrides]}
    return arms


def experiment(cfg: DictConfig) -> list[Job]:
    """All jobs: data, pretrained contexts, trainings, evaluations."""
    arguments = [f"output_dir={cfg.output_dir}", f"data_dir={cfg.data_dir}", *cfg.forward]
    data = Job("data", _command(cfg.prepare_script, arguments, cfg.prepare_config), Path(cfg.data_dir) / "done")
    arms, jobs = arms_of(cfg), [data]
    for seed in cfg.seeds:
        context = _pretraining(cfg, seed, data)
        if any(arm.get("pretrained", False) for arm in arms.values()):
            jobs.append(context)
        for name, arm in arms.items():
            training = _training(cfg, name, arm, seed, data, context)
            jobs += [training, _evaluation(cfg, name, seed, training)]
    return jobs


def tabulate(cfg: DictConfig) -> str:
    """Write table.md, results.json and wer.png; the controls of an arm are arms of their own."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for arm in arms_of(cfg):
        for seed in cfg.seeds:
            for row in read_hypotheses(_folder(cfg, arm, seed) / "evaluation" / "hypotheses.jsonl"):
                if "group" in row:  # speech, not noise alone
                    rows.setdefault(row["model"], []).append(dict(row))
    groups = {name: Group(**OmegaConf.to_container(group)) for name, group in cfg.groups.items() if group is not None}
    scoring = ScoringOptions(replications=cfg.replications, block_field=cfg.block_field)
    titles = OmegaConf.to_container(cfg.arm_titles)
    return AblationTable(cfg.baseline, groups, titles, NOISE, scoring).write(rows, cfg.output_dir)


def _pretraining(cfg: DictConfig, seed: int, data: Job) -> Job:
    produces = _folder(cfg, "contexts", seed) / "context.nemo"
    overrides = [*cfg.context_overrides, f"data_dir={cfg.data_dir}", f"seed={seed}", f"+save_to={produces}"]
    command = _command("asr/pretrain_noise_context.py", overrides, cfg.context_config)
    return Job(f"context_{seed}", command, produces, (data.produces,))


def _training(cfg: DictConfig, name: str, arm: Mapping[str, Any], seed: int, data: Job, context: Job) -> Job:
    produces = _folder(cfg, name, seed) / "model.nemo"
    overrides = [*cfg.training_overrides, *arm["overrides"], f"data_dir={cfg.data_dir}", f"seed={seed}"]
    overrides += [f"+save_to={produces}", f"exp_manager.exp_dir={produces.parent}"]
    needs = (data.produces,)
    if arm.get("pretrained", False):
        overrides.append(f"+init_from_nemo_model.context={{path: {context.produces}, include: [context_encoder]}}")
        needs += (context.produces,)
    command = _command("asr/speech_to_text_ctc_bpe.py", overrides, cfg.recogniser_config)
    return Job(f"{name}_{seed}", command, produces, needs)


def _evaluation(cfg: DictConfig, name: str, seed: int, training: Job) -> Job:
    output = training.produces.parent / "evaluation"
    overrides = [*cfg.evaluation_overrides, f"model={training.produces}", f"model_name={name}"]
    overrides += [f"training_seed={seed}", f"output_dir={output}", f"hydra.run.dir={output}"]
    overrides += [f"speech={cfg.data_dir}/test.json", f"noise_lists={{{NOISE}: {cfg.data_dir}/unseen.json}}"]
    command = _command("asr/evaluate_noise_robustness.py", overrides)
    return Job(f"evaluate_{name}_{seed}", command, output / "report.html", (training.produces,))


def _folder(cfg: DictConfig, name: str, seed: int) -> Path:
    return Path(cfg.output_dir) / name / f"seed_{seed}"


def _command(script: str, overrides: list[str], config_name: str | None = None) -> tuple[str, ...]:
    config = [f"--config-path={config_directory() / 'ablations'}", f"--config-name={config_name}"]
    return (sys.executable, str(SCRIPTS / script), *(config if config_name else []), *overrides)


@hydra_runner(config_path="../../conf/ablations", config_name="digits")
def main(cfg: DictConfig) -> None:
    """Run what is missing, then tabulate."""
    Path(cfg.output_dir).mkdir(parents=True, exist_ok=True)
    print(f"GPU: {torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none, training on the CPU'}")
    run_jobs(experiment(cfg), Path(cfg.output_dir) / "logs", cfg.max_parallel, cfg.num_threads)
    print(tabulate(cfg))


if __name__ == "__main__":
    main()
