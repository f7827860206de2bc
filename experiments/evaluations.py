# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What an experiment does with its models: evaluation, language model, probes, a report of two, a timing of all."""

from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from experiments.arms import EXAMPLES, arms_of, folder_of, plain, script_command
from experiments.jobs import Job

__all__ = [
    "EVALUATION",
    "NOISE",
    "PROBE_FILE",
    "SPEED_FILE",
    "TUNED",
    "evaluation_job",
    "joint_jobs",
    "language_model_jobs",
    "probe_job",
    "probed_seeds",
]

NOISE = "unseen"
EVALUATION = "evaluation"
TUNED = "lm"
SPEED_FILE = "speed.json"
PROBE_FILE = "probe.json"


def evaluation_job(cfg: DictConfig, model: Job, *, name: str, seed: int, overrides: list[str], kind: str = "") -> Job:
    """All test mixtures with the model of a job; `kind` tells apart several models of one arm."""
    output = model.produces.parent / (f"{EVALUATION}_{kind}" if kind else EVALUATION)
    shown = f"{name}+{kind}" if kind else name
    overrides = [*cfg.evaluation_overrides, *overrides, f"model={model.produces}", f"model_name={shown}"]
    overrides += [f"training_seed={seed}", f"output_dir={output}", f"hydra.run.dir={output}"]
    overrides += [f"speech={cfg.data_dir}/test.json", f"noise_lists={{{NOISE}: {cfg.data_dir}/unseen.json}}"]
    command = script_command(EXAMPLES / "asr/evaluate_noise_robustness.py", overrides)
    return Job(f"evaluate_{shown}_{seed}", command, output / "report.html", (model.produces,))


def language_model_jobs(cfg: DictConfig, training: Job, *, name: str, seed: int, overrides: list[str]) -> list[Job]:
    """The arm once more, evaluated alike, searching with an n-gram of the training's transcripts tuned on dev."""
    folder, options = training.produces.parent, plain(cfg.language_model)
    texts = f"texts=[{cfg.data_dir}/train/train.json]"
    arpa, tuned = folder / "language_model.arpa", folder / f"model_{TUNED}.nemo"
    counting = [f"model={training.produces}", texts, f"order={options['order']}", f"output={arpa}"]
    command = script_command(EXAMPLES / "asr/train_ngram.py", counting)
    ngram = Job(f"language_model_{name}_{seed}", command, arpa, (training.produces,))
    search = [f"model={training.produces}", f"dev={cfg.data_dir}/dev/dev.json", f"language_model={arpa}"]
    search += [f"grid.{key}={value}" for key, value in options.get("grid", {}).items()]
    search += [f"output={tuned}", f"report={folder / 'tuned_decoding'}"]
    command = script_command(EXAMPLES / "asr/tune_decoding.py", search)
    tuning = Job(f"tune_{name}_{seed}", command, tuned, (training.produces, arpa))
    return [ngram, tuning, evaluation_job(cfg, tuning, name=name, seed=seed, overrides=overrides, kind=TUNED)]


def probed_seeds(cfg: DictConfig) -> list[int]:
    """The seeds whose contexts are probed: those of `probes.seeds` that are run, or all."""
    if cfg.get("probes") is None:
        return []
    chosen = plain(cfg.probes).get("seeds")
    return [seed for seed in cfg.seeds if chosen is None or seed in chosen]


def probe_job(cfg: DictConfig, training: Job, *, name: str, seed: int) -> Job:
    """What the context of a trained recogniser knows: noise, SNR and word."""
    probes, source = plain(cfg.probes), Path(cfg.speech_dir).resolve()
    produces = training.produces.parent / PROBE_FILE
    overrides = [f"model={training.produces}", f"speech_manifest={source / probes['speech']}", f"seed={seed}"]
    overrides += [f"noise_manifests={{seen: {cfg.data_dir}/seen.json, {NOISE}: {cfg.data_dir}/unseen.json}}"]
    overrides += [f"word_manifest={cfg.data_dir}/words.json", f"output={produces}", *probes.get("overrides", [])]
    command = script_command(EXAMPLES / "asr/probe_context.py", overrides)
    return Job(f"probe_{name}_{seed}", command, produces, (training.produces,))


def joint_jobs(cfg: DictConfig) -> list[Job]:
    """What needs several models: the report of two (`page`), and the time that each takes (`speed`)."""
    jobs = [_page(cfg)] if cfg.get("page") is not None else []
    if cfg.get("speed") is None:
        return jobs
    models = {name: folder_of(cfg, name, cfg.seeds[0]) / "model.nemo" for name in arms_of(cfg)}
    produces = Path(cfg.output_dir) / SPEED_FILE
    options = [f"--{key}={value}" for key, value in plain(cfg.speed).items()]
    arguments = [*options, f"--output={produces}", *(f"{name}={path}" for name, path in models.items())]
    command = script_command(EXAMPLES / "benchmarks/measure_recognisers.py", arguments)
    return [*jobs, Job("speed", command, produces, tuple(models.values()))]


def _page(cfg: DictConfig) -> Job:
    """The report of one arm against another, first seed: what a user of the instrument would ask for."""
    page = cast(dict[str, Any], OmegaConf.to_container(cfg.page, resolve=True))
    titles, arms = plain(cfg.arm_titles), arms_of(cfg)
    output = Path(cfg.output_dir) / "page"
    overrides = [*page.get("overrides", []), f"output_dir={output}", f"hydra.run.dir={output}"]
    needs: list[Path] = []
    for role in ("model", "baseline"):
        if page.get(role) not in arms:
            raise ValueError(f"page.{role}={page.get(role)!r} must be one of the arms {sorted(arms)}.")
        model = folder_of(cfg, page[role], cfg.seeds[0]) / "model.nemo"
        overrides += [f"{role}={model}", f"{role}_name='{titles.get(page[role], page[role])}'"]
        needs.append(model)
    overrides += [f"speech={cfg.data_dir}/test.json"]
    lists = [f"{name}: {{manifest: {cfg.data_dir}/{name}.json, seen: {name != NOISE}}}" for name in ("seen", NOISE)]
    overrides += [f"noise_lists={{{', '.join(lists)}}}"]
    command = script_command(EXAMPLES / "asr/evaluate_noise_robustness.py", overrides)
    return Job("page", command, output / "report.html", tuple(needs))
