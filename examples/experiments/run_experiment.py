# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Does a noise context help? Train every arm with every seed, evaluate on unseen noise, write the table.

    make results-digits     # or: python examples/experiments/run_experiment.py [max_parallel=4 seeds=[0,1,2,3,4]]
    make results-sentences  # or: python examples/experiments/run_experiment.py --config-name=sentences

Resumes where it stopped: what is done is a file. Options and arms: conf/ablations/digits.yaml, sentences.yaml. The
table and the figure end up in `output_dir`, the report of every model in its folder there.
"""

import sys
from pathlib import Path

import torch
from omegaconf import DictConfig
from tabulate_results import write_tables

from nemo.core.config import hydra_runner

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.ablation import Job, run_jobs

SCRIPTS = Path(__file__).resolve().parents[1]


def experiment(cfg: DictConfig) -> list[Job]:
    """All jobs: data, pretrained contexts, trainings, evaluations."""
    data = Job("data", _command(cfg.prepare_script, cfg.forward, cfg.experiment), Path(cfg.data_dir) / "done")
    jobs = [data]
    for seed in cfg.seeds:
        context = _pretraining(cfg, seed, data)
        needs_context = any(arm.get("pretrained", False) for arm in cfg.arms.values())
        jobs += [context] if needs_context else []
        for name, arm in cfg.arms.items():
            training = _training(cfg, name, arm, seed, data, context)
            jobs += [training, _evaluation(cfg, name, seed, training)]
    return jobs


def _pretraining(cfg: DictConfig, seed: int, data: Job) -> Job:
    produces = _folder(cfg, "contexts", seed) / "context.nemo"
    overrides = [*cfg.context_overrides, f"data_dir={cfg.data_dir}", f"seed={seed}", f"+save_to={produces}"]
    command = _command("asr/pretrain_noise_context.py", overrides, cfg.context_config)
    return Job(f"context_{seed}", command, produces, (data.produces,))


def _training(cfg: DictConfig, name: str, arm: DictConfig, seed: int, data: Job, context: Job) -> Job:
    produces = _folder(cfg, name, seed) / "model.nemo"
    overrides = [*cfg.training_overrides, *arm.overrides, f"data_dir={cfg.data_dir}", f"seed={seed}"]
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
    overrides += [f"speech={cfg.data_dir}/test.json", f"noise_lists={{unseen: {cfg.data_dir}/unseen.json}}"]
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
    print(write_tables(cfg))


if __name__ == "__main__":
    main()
