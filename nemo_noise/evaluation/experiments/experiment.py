# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""An experiment as a config: arms, seeds and what is compared, turned into jobs of our scripts and into a table."""

import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.experiments.ablation import Job
from nemo_noise.evaluation.experiments.ablation_table import AblationTable, Group
from nemo_noise.evaluation.scoring.hypotheses import read_hypotheses
from nemo_noise.evaluation.scoring.tally import ScoringOptions

__all__ = ["arms_of", "experiment_jobs", "script_command", "tabulate"]

NOISE = "unseen"
EVALUATION = "evaluation"
TUNED = "lm"
CONTEXT = {"include": ["context_encoder"]}
Arms = Mapping[str, Mapping[str, Any]]


def arms_of(cfg: DictConfig) -> Arms:
    """The arms by name: those of `arms`, then all combinations of `grid` (question -> answer -> overrides)."""
    arms = {name: arm for name, arm in _plain(cfg.arms).items() if arm is not None}
    grid = _plain(cfg.get("grid") or OmegaConf.create())
    for answers in itertools.product(*(question.items() for question in grid.values())) if grid else ():
        name = "_".join(answer for answer, _ in answers)
        arms[name] = {"overrides": [override for _, overrides in answers for override in overrides]}
    return arms


def experiment_jobs(cfg: DictConfig, scripts: Path) -> list[Job]:
    """All jobs: data, pretrained contexts, trainings, evaluations; with `page` also a report that compares two arms.

    Args:
        cfg: a config of ``conf/ablations``.
        scripts: the folder ``examples`` of the checkout.
    """
    arguments = [f"output_dir={cfg.output_dir}", f"data_dir={cfg.data_dir}", *cfg.forward]
    data = Job(
        "data", script_command(scripts, cfg.prepare_script, arguments, cfg.prepare_config), Path(cfg.data_dir) / "done"
    )
    arms, jobs = arms_of(cfg), [data]
    backbones = _backbones(cfg, scripts, data, cfg.get("backbone"), "backbone")
    jobs += backbones
    for seed in cfg.seeds:
        context = _pretraining(cfg, scripts, seed, data)
        if any(arm.get("pretrained", False) for arm in arms.values()):
            jobs.append(context)
        for name, arm in arms.items():
            starts = {"backbone": (backbones[-1], cfg.backbone)} if backbones else {}
            starts |= {"context": (context, CONTEXT)} if arm.get("pretrained", False) else {}
            overrides = [*cfg.training_overrides, *arm["overrides"]]
            trained = _Training(cfg.script, arm.get("config", cfg.recogniser_config))
            training = trained.job(cfg, scripts, _folder(cfg, name, seed), overrides, seed, data, starts)
            jobs += [training, _evaluation(cfg, scripts, name, seed, training, arm.get("evaluation", []))]
            if cfg.get("language_model") is not None:
                jobs += _with_language_model(cfg, scripts, name, seed, training)
    return [*jobs, *_afterwards(cfg, scripts)]


def tabulate(cfg: DictConfig) -> str:
    """Write table.md, results.json and wer.png; the controls of an arm are arms of their own."""
    rows: dict[str, list[dict[str, Any]]] = {}
    evaluations = [EVALUATION] if cfg.get("language_model") is None else [EVALUATION, f"{EVALUATION}_{TUNED}"]
    for arm in arms_of(cfg):
        for seed, evaluation in itertools.product(cfg.seeds, evaluations):
            for row in read_hypotheses(_folder(cfg, arm, seed) / evaluation / "hypotheses.jsonl"):
                if "group" in row:  # speech, not noise alone
                    rows.setdefault(row["model"], []).append(dict(row))
    groups = {name: Group(**_plain(group)) for name, group in cfg.groups.items() if group is not None}
    scoring = ScoringOptions(replications=cfg.replications, block_field=cfg.block_field)
    titles = _plain(cfg.arm_titles)
    tables = [AblationTable(cfg.baseline, groups, titles, NOISE, scoring).write(rows, cfg.output_dir)]
    first = dict(itertools.islice(groups.items(), 1))
    for baseline in cfg.further_baselines:  # the first group again, against the arms that come closest
        table = AblationTable(baseline, first, titles, NOISE, scoring)
        text = table.write(rows, Path(cfg.output_dir) / f"against_{baseline}")
        tables.append(f"Against {titles.get(baseline, baseline)}: {text}")
    for step in cfg.get("further_scorings", []):  # the first group again, with texts made ready in another way
        scored = replace(scoring, text_normalization=(step,))
        text = AblationTable(cfg.baseline, first, titles, NOISE, scored).write(rows, Path(cfg.output_dir) / step)
        tables.append(f"Errors of {step}: {text}")
    return "\n\n".join(tables)


def _pretraining(cfg: DictConfig, scripts: Path, seed: int, data: Job) -> Job:
    produces = _folder(cfg, "contexts", seed) / "context.nemo"
    overrides = [*cfg.context_overrides, f"data_dir={cfg.data_dir}", f"seed={seed}", f"+save_to={produces}"]
    command = script_command(scripts, "asr/pretrain_noise_context.py", overrides, cfg.context_config)
    return Job(f"context_{seed}", command, produces, (data.produces,))


def _backbones(cfg: DictConfig, scripts: Path, data: Job, backbone: DictConfig | None, name: str) -> list[Job]:
    """The model from which every arm starts, trained once, behind those that it starts from itself."""
    if backbone is None:
        return []
    before = _backbones(cfg, scripts, data, backbone.get("backbone"), f"{name}_start")
    starts = {"backbone": (before[-1], backbone.backbone)} if before else {}
    training = _Training(backbone.get("script", cfg.script), backbone.get("config", cfg.recogniser_config))
    folder = Path(cfg.output_dir) / name
    return [*before, training.job(cfg, scripts, folder, [*backbone.overrides], cfg.seeds[0], data, starts)]


@dataclass(frozen=True)
class _Training:
    """A script of ours and its recipe."""

    script: str
    recipe: str

    def job(
        self,
        cfg: DictConfig,
        scripts: Path,
        folder: Path,
        overrides: list[str],
        seed: int,
        data: Job,
        starts: Mapping[str, tuple[Job, Mapping[str, Any]]],
    ) -> Job:
        """Train into ``folder``, starting from models: a backbone, a context encoder, or the parts they `include`."""
        produces = folder / "model.nemo"
        overrides = [*overrides, f"data_dir={cfg.data_dir}", f"seed={seed}"]
        overrides += [f"+save_to={produces}", f"exp_manager.exp_dir={folder}"]
        for start, (job, said) in starts.items():
            include = said.get("include", [])
            parts = f", include: [{', '.join(include)}]" if include else ""
            overrides.append(f"+init_from_nemo_model.{start}={{path: {job.produces}{parts}}}")
        name = str(folder.relative_to(cfg.output_dir)).replace("/seed", "")
        needs = (data.produces, *(job.produces for job, _ in starts.values()))
        return Job(name, script_command(scripts, self.script, overrides, self.recipe), produces, needs)


def _evaluation(
    cfg: DictConfig, scripts: Path, name: str, seed: int, model: Job, overrides: list[str], kind: str = ""
) -> Job:
    """All test mixtures with the model of a job; `kind` tells apart several models of one arm."""
    output = model.produces.parent / (f"{EVALUATION}_{kind}" if kind else EVALUATION)
    shown = f"{name}+{kind}" if kind else name
    overrides = [*cfg.evaluation_overrides, *overrides, f"model={model.produces}", f"model_name={shown}"]
    overrides += [f"training_seed={seed}", f"output_dir={output}", f"hydra.run.dir={output}"]
    overrides += [f"speech={cfg.data_dir}/test.json", f"noise_lists={{{NOISE}: {cfg.data_dir}/unseen.json}}"]
    command = script_command(scripts, "asr/evaluate_noise_robustness.py", overrides)
    return Job(f"evaluate_{shown}_{seed}", command, output / "report.html", (model.produces,))


def _with_language_model(cfg: DictConfig, scripts: Path, name: str, seed: int, training: Job) -> list[Job]:
    """The arm once more, searching with an n-gram of the training's transcripts that is tuned on dev."""
    folder, options = training.produces.parent, _plain(cfg.language_model)
    texts = f"texts=[{cfg.data_dir}/train/train.json]"
    arpa, tuned = folder / "language_model.arpa", folder / f"model_{TUNED}.nemo"
    overrides = [f"model={training.produces}", texts, f"order={options['order']}", f"output={arpa}"]
    command = script_command(scripts, "asr/train_ngram.py", overrides)
    ngram = Job(f"language_model_{name}_{seed}", command, arpa, (training.produces,))
    overrides = [f"model={training.produces}", f"dev={cfg.data_dir}/dev/dev.json", f"language_model={arpa}"]
    overrides += [f"grid.{key}={value}" for key, value in options.get("grid", {}).items()]
    overrides += [f"output={tuned}", f"report={folder / 'tuned_decoding'}"]
    command = script_command(scripts, "asr/tune_decoding.py", overrides)
    tuning = Job(f"tune_{name}_{seed}", command, tuned, (training.produces, arpa))
    return [ngram, tuning, _evaluation(cfg, scripts, name, seed, tuning, [], TUNED)]


def _afterwards(cfg: DictConfig, scripts: Path) -> list[Job]:
    """What needs several models: the report of two (`page`), and the time that each takes (`speed`)."""
    jobs = [_page(cfg, scripts)] if cfg.get("page") is not None else []
    if cfg.get("speed") is None:
        return jobs
    models = {name: _folder(cfg, name, cfg.seeds[0]) / "model.nemo" for name in arms_of(cfg)}
    produces = Path(cfg.output_dir) / "speed.json"
    options = [f"--{key}={value}" for key, value in _plain(cfg.speed).items()]
    arguments = [*options, f"--output={produces}", *(f"{name}={path}" for name, path in models.items())]
    command = script_command(scripts, "benchmarks/measure_recognisers.py", arguments)
    return [*jobs, Job("speed", command, produces, tuple(models.values()))]


def _page(cfg: DictConfig, scripts: Path) -> Job:
    """The report of one arm against another, first seed: what a user of the instrument would ask for."""
    page, titles, arms = _plain(cfg.page), _plain(cfg.arm_titles), arms_of(cfg)
    output = Path(cfg.output_dir) / "page"
    overrides = [*page.get("overrides", []), f"output_dir={output}", f"hydra.run.dir={output}"]
    needs: list[Path] = []
    for role in ("model", "baseline"):
        if page.get(role) not in arms:
            raise ValueError(f"page.{role}={page.get(role)!r} must be one of the arms {sorted(arms)}.")
        model = _folder(cfg, page[role], cfg.seeds[0]) / "model.nemo"
        overrides += [f"{role}={model}", f"{role}_name='{titles.get(page[role], page[role])}'"]
        needs.append(model)
    overrides += [f"speech={cfg.data_dir}/test.json"]
    overrides += [f"noise_lists={{seen: {cfg.data_dir}/seen.json, {NOISE}: {cfg.data_dir}/unseen.json}}"]
    command = script_command(scripts, "asr/evaluate_noise_robustness.py", overrides)
    return Job("page", command, output / "report.html", tuple(needs))


def _folder(cfg: DictConfig, name: str, seed: int) -> Path:
    return Path(cfg.output_dir) / name / f"seed_{seed}"


def script_command(
    scripts: Path, script: str, overrides: list[str], config_name: str | None = None
) -> tuple[str, ...]:
    """The command line of a script of ours; with a config of conf/ablations, if one is named."""
    config = [f"--config-path={config_directory() / 'ablations'}", f"--config-name={config_name}"]
    return (sys.executable, str(scripts / script), *(config if config_name else []), *overrides)


def _plain(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config))
