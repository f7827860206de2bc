# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""An experiment as a config: arms, seeds and what is compared, turned into jobs of our scripts and into a table."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiments.arms import EXAMPLES, PREPARATION, arms_of, folder_of, plain, script_command
from experiments.columns import further_columns
from experiments.evaluations import (
    EVALUATION,
    NOISE,
    TUNED,
    evaluation_job,
    joint_jobs,
    language_model_jobs,
    probe_job,
    probed_seeds,
)
from experiments.groups import Group
from experiments.jobs import Job
from experiments.probes import probe_jobs, probe_table
from experiments.table import AblationTable
from nemo_noise.evaluation.hypothesis import Hypothesis, read_hypotheses
from nemo_noise.evaluation.scoring.tally import ScoringOptions

__all__ = ["experiment_jobs", "jobs_of", "table_of", "tabulate"]

CONTEXT = {"include": ["context_encoder"]}


def jobs_of(cfg: DictConfig) -> list[Job]:
    """All jobs of an experiment: with recognisers as arms, or with contexts alone (`probe_arms`)."""
    if cfg.get("probe_arms") is None:
        return experiment_jobs(cfg)
    data = _data_job(cfg, Path(cfg.data_dir).parent)
    return [data, *probe_jobs(cfg, data)]


def table_of(cfg: DictConfig) -> str:
    """The table of an experiment whose jobs are done, written and returned."""
    return tabulate(cfg) if cfg.get("probe_arms") is None else probe_table(cfg)


def experiment_jobs(cfg: DictConfig) -> list[Job]:
    """All jobs: data, backbones, pretrained contexts, trainings, evaluations; with `page` a report of two arms, too.

    Args:
        cfg: a config of this folder.

    Raises:
        ValueError: if a baseline is none of the arms: better now than after all trainings.
    """
    data = _data_job(cfg, cfg.output_dir)
    arms, jobs = arms_of(cfg), [data]
    for baseline in (cfg.baseline, *cfg.further_baselines):
        if baseline.split("+")[0] not in arms:  # or a control, as in arm+lm
            raise ValueError(f"baseline, further_baselines: {baseline!r} must be one of the arms {sorted(arms)}.")
    common = plain(cfg).get("backbone")
    shared = _backbones(cfg, data, backbone=common, name="backbone")
    own = {
        name: _backbones(cfg, data, backbone=arm.get("backbone"), name=f"{name}_backbone")
        for name, arm in arms.items()
    }
    jobs += [*shared, *itertools.chain.from_iterable(own.values())]
    for seed in cfg.seeds:
        context = _pretraining(cfg, seed, data)
        if any(arm.get("pretrained", False) for arm in arms.values()):
            jobs.append(context)
        for name, arm in arms.items():
            starts: dict[str, tuple[Job, Mapping[str, Any]]] = {}
            backbones = own[name] if "backbone" in arm else shared
            if backbones:
                starts["backbone"] = (backbones[-1], arm.get("backbone", common))
            if arm.get("pretrained", False):  # into the backbone
                starts["context"] = (context, CONTEXT)
            overrides = [*cfg.training_overrides, *arm["overrides"]]
            trained = _Training(cfg.script, arm.get("config", cfg.recogniser_config))
            training = trained.job(
                cfg, data, folder=folder_of(cfg, name, seed), overrides=overrides, seed=seed, starts=starts
            )
            evaluation = arm.get("evaluation", [])
            jobs += [training, evaluation_job(cfg, training, name=name, seed=seed, overrides=evaluation)]
            if cfg.get("language_model") is not None:
                jobs += language_model_jobs(cfg, training, name=name, seed=seed, overrides=evaluation)
            if seed in probed_seeds(cfg) and arm.get("probed", True):
                jobs.append(probe_job(cfg, training, name=name, seed=seed))
    return [*jobs, *joint_jobs(cfg)]


def tabulate(cfg: DictConfig) -> str:
    """Write table.md, results.json, wer.png and gain.png; the controls of an arm are arms of their own."""
    rows: dict[str, list[Hypothesis]] = {}
    evaluations = [EVALUATION] if cfg.get("language_model") is None else [EVALUATION, f"{EVALUATION}_{TUNED}"]
    for arm in arms_of(cfg):
        for seed, evaluation in itertools.product(cfg.seeds, evaluations):
            for row in read_hypotheses(folder_of(cfg, arm, seed) / evaluation / "hypotheses.jsonl"):
                if "group" in row.fields:  # speech, not noise alone
                    rows.setdefault(row.model, []).append(row)
    groups = {name: Group(**plain(group)) for name, group in cfg.groups.items() if group is not None}
    scoring = ScoringOptions(replications=cfg.replications, block_field=cfg.block_field)
    titles = plain(cfg.arm_titles)
    table = AblationTable(cfg.baseline, groups, titles, NOISE, scoring, further_columns(cfg))
    tables = [table.write(rows, cfg.output_dir)]
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


def _data_job(cfg: DictConfig, output_dir: str | Path) -> Job:
    """The preparation of the data, whose file ``done`` marks them as complete."""
    arguments = [f"--config-name={cfg.prepare_config}", f"output_dir={output_dir}", f"data_dir={cfg.data_dir}"]
    command = script_command(PREPARATION / cfg.prepare_script, [*arguments, *cfg.forward])
    return Job("data", command, Path(cfg.data_dir) / "done")


def _pretraining(cfg: DictConfig, seed: int, data: Job) -> Job:
    produces = folder_of(cfg, "contexts", seed) / "context.nemo"
    overrides = [*cfg.context_overrides, f"data_dir={cfg.data_dir}", f"seed={seed}", f"+save_to={produces}"]
    command = script_command(EXAMPLES / "asr/pretrain_noise_context.py", overrides, cfg.context_config)
    return Job(f"context_{seed}", command, produces, (data.produces,))


def _backbones(cfg: DictConfig, data: Job, *, backbone: Mapping[str, Any] | None, name: str) -> list[Job]:
    """The model from which arms start, trained once, behind those that it starts from itself."""
    if backbone is None:
        return []
    before = _backbones(cfg, data, backbone=backbone.get("backbone"), name=f"{name}_start")
    starts = {"backbone": (before[-1], backbone["backbone"])} if before else {}
    training = _Training(backbone.get("script", cfg.script), backbone.get("config", cfg.recogniser_config))
    folder = Path(cfg.output_dir) / name
    overrides = [*backbone["overrides"]]
    return [*before, training.job(cfg, data, folder=folder, overrides=overrides, seed=cfg.seeds[0], starts=starts)]


@dataclass(frozen=True)
class _Training:
    """A script of ours and its recipe."""

    script: str
    recipe: str

    def job(
        self,
        cfg: DictConfig,
        data: Job,
        *,
        folder: Path,
        overrides: list[str],
        seed: int,
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
        return Job(name, script_command(EXAMPLES / self.script, overrides, self.recipe), produces, needs)
