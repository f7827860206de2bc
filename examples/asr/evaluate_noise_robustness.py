# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Measure how a NeMo ASR model bears noise, and whether it bears more than another: JSON and one HTML page.

One model on two noise lists:

    python examples/asr/evaluate_noise_robustness.py model=context.nemo speech=dev.json \
        noise_lists='{seen: noise_seen.json, unseen: noise_unseen.json}' output_dir=results/context

Two models, with a gate that sets the exit status:

    python examples/asr/evaluate_noise_robustness.py model=context.nemo baseline=plain.nemo speech=dev.json \
        noise_lists='{unseen: noise.json}' fail_if='["comparison.unseen.relative_reduction_low < 0"]'

A run that was killed resumes with the same command. All options: conf/evaluation/noise_robustness.yaml.
"""

import sys
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise.evaluation import ScoringOptions, collect_results, gates, load_plan, read_hypotheses, robustness
from nemo_noise.evaluation.mixtures import NoiseOnlyOptions
from nemo_noise.evaluation.report import write_report
from nemo_noise.evaluation.results import describe_run, write_results
from nemo_noise.evaluation.text_table import summary_table


@hydra_runner(config_path="../../conf/evaluation", config_name="noise_robustness")
def main(cfg: DictConfig) -> None:
    conditions = [gates.parse_gate(expression) for expression in cfg.fail_if]
    scoring = ScoringOptions(cfg.block_field, cfg.replications, cfg.bootstrap_seed, tuple(cfg.text_normalization))
    output, device = Path(cfg.output_dir), torch.device(cfg.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if cfg.from_hypotheses:
        rows = [row for path in cfg.from_hypotheses for row in read_hypotheses(path)]
        names = [cfg.model_name or rows[0]["model"], cfg.baseline_name]
    else:
        lists = OmegaConf.to_container(cfg.noise_lists)
        plan = partial(load_plan, speech_manifest=cfg.speech, noise_manifests=lists, snr_db=list(cfg.snr_db))
        plan = partial(plan, seed=cfg.seed, noise_only=NoiseOnlyOptions(**cfg.noise_only))
        models = robustness.name_models(cfg.model, cfg.baseline, cfg.model_name, cfg.baseline_name)
        options = robustness.RunOptions(cfg.batch_size, OmegaConf.to_container(cfg.transcribe), cfg.training_seed)
        rows = robustness.run_models(models, plan, output / "hypotheses.jsonl", cfg.controls, options, device)
        names = [*models, None][:2]
    results = collect_results(rows, *names, scoring, describe_run(OmegaConf.to_container(cfg, resolve=True), device))
    write_results(output / "summary.json", results)
    write_report(output / "report.html", results, rows)
    failures = gates.failed_gates(conditions, results)
    print("\n".join([summary_table(results), f"report: {output / 'report.html'}", *failures]))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
