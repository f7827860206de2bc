# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The table of an ablation: pooled seeds, comparisons with the baseline, corrected for being several."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import open_dict

from experiments.arms import CONFIGS, RECIPES, arms_of
from experiments.columns import further_columns
from experiments.groups import Group
from experiments.plan import experiment_jobs
from experiments.table import AblationTable
from nemo_noise.evaluation import ScoringOptions, compare
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from tests.evaluation.rows import synthetic_rows

FAST = ScoringOptions(replications=200)


def _table(**changes: object) -> AblationTable:
    groups = {"all": Group("All"), "rainy": Group("Rain", {"speaker": "s3"})}
    parts = {"baseline": "plain", "groups": groups, "titles": {"plain": "no context"}, "noise_list": "unseen"}
    return AblationTable(**(parts | {"scoring": FAST} | changes))


def test_holm_s_correction_of_a_worked_example() -> None:
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_adjusted([0.6, 0.7]) == [1.0, 1.0] and holm_adjusted([]) == []


def test_the_table_says_what_the_comparison_says(tmp_path: Path) -> None:
    rows = {arm: synthetic_rows(arm, rate, 20, (0, 1)) for arm, rate in (("plain", 0.08), ("a", 0.04), ("b", 0.08))}
    text = _table().write(rows, tmp_path)
    assert text.count("| no context |") == 2 and (tmp_path / "table.md").read_text() == text + "\n"
    results = json.loads((tmp_path / "results.json").read_text())
    expected = compare(rows["a"], rows["plain"], FAST)["lists"]["unseen"]
    block = results["all"]["a"]["comparison"]["lists"]["unseen"]
    assert block["relative_reduction"] == pytest.approx(expected["relative_reduction"])
    assert f"{100 * expected['relative_reduction']:.1f} %" in text
    assert results["all"]["a"]["p_holm"] >= block["p_value"]
    assert results["rainy"]["plain"]["summary"]["clean"]["utterances"] < 20 * 2
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("wer.png", "gain.png"))


def test_an_ablation_without_its_baseline_or_with_an_empty_group_is_refused(tmp_path: Path) -> None:
    rows = {"a": synthetic_rows("a", 0.1, 4)}
    with pytest.raises(ValueError, match=r"baseline='plain' has no hypotheses; there are those of \['a'\]"):
        _table().write(rows, tmp_path)
    with pytest.raises(ValueError, match="groups: 'none'.* holds no row"):
        _table(baseline="a", groups={"none": Group("None", {"speaker": "nobody"})}).write(rows, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "digits/digits",
        "sentences/sentences",
        "dual_attention/dual_attention",
        "dual_attention/dual_attention_scratch",
        "example_report/example_report",
    ],
)
def test_every_job_of_an_ablation_has_what_it_needs(name: str) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose(name)
    jobs = experiment_jobs(cfg)
    produced = {job.produces for job in jobs}
    (backbones, before) = (
        {job.produces for job in jobs if job.name == kind} for kind in ("backbone", "backbone_start")
    )
    assert len(backbones) == (name not in ("digits/digits", "example_report/example_report")) and len(before) == (
        name == "dual_attention/dual_attention"
    )
    arms = arms_of(cfg)
    contexts = any(arm.get("pretrained", False) for arm in arms.values())
    pages = sum(job.name == "page" for job in jobs)
    assert pages == name.endswith("example_report")
    assert (
        len(produced)
        == len(jobs)
        == 1 + len(backbones) + len(before) + pages + len(cfg.seeds) * (contexts + 2 * len(arms))
    )
    trainings = [job for job in jobs if job.produces.name == "model.nemo" and job.produces not in backbones | before]
    assert all(backbones <= set(job.needs) for job in trainings)
    assert all(need in produced for job in jobs for need in job.needs)
    assert all(Path(job.command[1]).is_file() for job in jobs)


@pytest.mark.parametrize(
    ("name", "arms", "backbones", "probed"),
    [
        ("contexts/contexts", 13, 0, 10),
        ("fusions/fusions", 11, 0, 0),
        ("fusions/fusions_tuned", 12, 1, 0),
        ("sizes/sizes", 6, 0, 0),
        ("fine_tuning/fine_tuning", 5, 1, 0),
    ],
)
def test_the_questions_about_contexts_have_their_arms_and_every_arm_can_be_built(
    name: str, arms: int, backbones: int, probed: int
) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose(name, overrides=["seeds=[0]"])
    chosen = arms_of(cfg)
    with initialize_config_dir(str(RECIPES), version_base="1.1"):
        for arm in chosen.values():
            overrides = [*cfg.training_overrides, *arm["overrides"], "data_dir=data"]
            recipe = compose(cfg.recogniser_config, overrides=overrides)
            instantiate(recipe.model.encoder)
    jobs = experiment_jobs(cfg)
    assert len(chosen) == arms and sum(job.name.startswith("probe_") for job in jobs) == probed
    assert sum(job.name == "backbone" for job in jobs) == backbones and jobs[-1].name == "speed"
    assert cfg.baseline in chosen and set(cfg.further_baselines) <= set(chosen)


def test_an_arm_has_the_backbone_of_all_one_of_its_own_or_none() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        languages = compose("language/language", overrides=["seeds=[0,1]"])
        tuned = compose("fine_tuning/fine_tuning", overrides=["seeds=[0]", "+arms.joint.backbone=null"])
    jobs = {job.name: job for job in experiment_jobs(languages)}
    heard, read, nothing = (jobs[name] for name in ("heard_backbone", "read_backbone", "from_nothing_1"))
    assert "pretrain_wav2vec2.py" in heard.command[1] and "--config-name=language_pretraining" in heard.command
    assert "speech_to_text_ctc_bpe.py" in read.command[1] and "--config-name=language_reading" in read.command
    for name, backbone in (("heard", heard), ("read", read)):
        start = f"+init_from_nemo_model.backbone={{path: {backbone.produces}, include: [encoder]}}"
        assert all(start in jobs[f"{name}_{seed}"].command for seed in (0, 1))
        assert all(backbone.produces in jobs[f"{name}_{seed}"].needs for seed in (0, 1))
    assert not any("init_from_nemo_model" in argument for argument in nothing.command)
    jobs = {job.name: job for job in experiment_jobs(tuned)}
    shared = jobs["backbone"].produces
    assert shared in jobs["constant_0"].needs and shared not in jobs["joint_0"].needs


def test_a_baseline_that_is_no_arm_is_refused_before_anything_is_trained() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose("encoders/encoders", overrides=["~arms.wav2vec"])
    with pytest.raises(ValueError, match=r"further_baselines: 'wav2vec' must be one of the arms \['conformer', .*\]"):
        experiment_jobs(cfg)


def test_what_an_arm_costs_and_knows_stands_beside_its_errors(tmp_path: Path) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose("contexts/contexts", overrides=["seeds=[0,1]", f"output_dir={tmp_path}"])
    lines = [("running_normalization", 0.010, None), ("causal_statistics", 0.012, 640)]
    timed = [
        {"model": arm, "parameters": 1000, "seconds": time_s, "rtfx": 10 / time_s, "context_state_bytes": state}
        for arm, time_s, state in lines
    ]
    (tmp_path / "speed.json").write_text(json.dumps(timed))
    for seed, value in ((0, 0.5), (1, 0.7)):
        folder = tmp_path / "causal_statistics" / f"seed_{seed}"
        folder.mkdir(parents=True)
        (folder / "probe.json").write_text(json.dumps({"trained": {"unseen noise accuracy": {"value": value}}}))
    cfg.probes.seeds = [0, 1]
    columns = further_columns(cfg)
    assert columns["time"] == {"running_normalization": "1.00 x", "causal_statistics": "1.20 x"}
    assert columns["state of a stream"] == {"causal_statistics": "640 bytes"}
    assert columns["unseen noise accuracy"] == {"causal_statistics": "0.60 (0.50, 0.70)"}
    rows = {arm: synthetic_rows(arm, 0.1, 8) for arm in ("plain", "causal_statistics")}
    text = _table(groups={"all": Group("All")}, further_columns=columns).write(rows, tmp_path)
    assert text.splitlines()[2].endswith("| parameters | time | RTFx | state of a stream | unseen noise accuracy |")
    assert text.splitlines()[5].endswith("| 1,000 | 1.20 x | 833 | 640 bytes | 0.60 (0.50, 0.70) |")
    cfg.probes.seeds = [1]
    assert further_columns(cfg)["unseen noise accuracy"] == {"causal_statistics": "0.70 (0.70)"}
    cfg.probes.seeds = [5]
    assert "unseen noise accuracy" not in further_columns(cfg)  # a seed that is not run
    assert not any(job.name.startswith("probe_") for job in experiment_jobs(cfg))
    cfg.probes.seeds = [0]
    cfg.baseline = "constant"
    with pytest.raises(ValueError, match="no line of the baseline 'constant'"):
        further_columns(cfg)


def test_a_page_compares_two_arms_and_says_which_there_are() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose("example_report/example_report")
    page = experiment_jobs(cfg)[-1]
    command = " ".join(page.command)
    assert "model=results/example_report/pretrained/seed_0/model.nemo" in command
    assert "baseline=results/example_report/stock/seed_0/model.nemo" in command
    assert [need.parent.parent.name for need in page.needs] == ["pretrained", "stock"]
    cfg.page.baseline = "stok"
    with pytest.raises(ValueError, match=r"page.baseline='stok' must be one of the arms \['pretrained', 'stock'\]"):
        experiment_jobs(cfg)


def test_every_arm_is_evaluated_once_more_with_a_language_model_and_all_are_timed_together() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose(
            "encoders/encoders", overrides=["seeds=[0,1]", "+language_model={order: 4, grid: {beam_size: [4]}}"]
        )
    jobs, arms = {job.name: job for job in experiment_jobs(cfg)}, arms_of(cfg)
    assert len(jobs) == 1 + 2 * 5 * len(arms) + 1
    adapted = [name for name, job in jobs.items() if any(part.startswith("adaptation=") for part in job.command)]
    assert adapted == [
        f"evaluate_{arm}_{seed}"
        for seed in (0, 1)
        for arm in ("conformer", "conformer+lm", "lact", "lact+lm", "wav2vec", "wav2vec+lm")
    ]
    tuning, evaluation = jobs["tune_lact_1"], jobs["evaluate_lact+lm_1"]
    assert tuning.needs == (jobs["lact_1"].produces, jobs["language_model_lact_1"].produces)
    assert evaluation.needs == (tuning.produces,)
    assert "grid.beam_size=[4]" in tuning.command and "model_name=lact+lm" in evaluation.command
    assert {need.parent.name for need in jobs["speed"].needs} == {"seed_0"} and len(jobs["speed"].needs) == len(arms)
    produced = {job.produces for job in jobs.values()}
    assert len(produced) == len(jobs) and all(need in produced for job in jobs.values() for need in job.needs)


@pytest.mark.parametrize(
    ("experiment", "context", "sizes"),
    [("encoders/encoders", False, (4, 2)), ("encoders/encoders", True, (4, 2)), ("language/language", False, (6, 0))],
)
def test_the_compared_encoders_have_as_many_parameters_within_3_percent(
    experiment: str, context: bool, sizes: tuple[int, int]
) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        asked = compose(experiment)
    arms = {name: arm for name, arm in arms_of(asked).items() if name.endswith("_context") == context}
    counts = {}
    with initialize_config_dir(str(RECIPES), version_base="1.1"):
        for name, arm in arms.items():
            overrides = [*asked.training_overrides, *arm["overrides"], "data_dir=data", "model.sample_rate=16000"]
            cfg = compose(arm.get("config", asked.recogniser_config), overrides=overrides)
            encoder = instantiate(cfg.model.encoder)
            counts[name] = sum(parameter.numel() for parameter in encoder.parameters())
    for kind, size in zip((False, True), sizes, strict=True):  # whole utterances, streams
        alike = {name: count for name, count in counts.items() if ("streaming" in name) == kind}
        assert len(alike) == size
        if alike:
            reference = alike[f"conformer{'_streaming' if kind else ''}{'_context' if context else ''}"]
            assert alike == pytest.approx(dict.fromkeys(alike, reference), rel=0.03)


def test_a_grid_makes_an_arm_of_every_combination() -> None:
    grid = {"context": {"a": ["x=1"], "b": ["x=2"]}, "fusion": {"c": ["y=1"], "d": ["y=2", "z=3"]}}
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        cfg = compose("digits/digits")
    with open_dict(cfg):
        cfg.grid = grid
    arms = arms_of(cfg)
    assert list(arms)[-4:] == ["a_c", "a_d", "b_c", "b_d"]
    assert arms["b_d"]["overrides"] == ["x=2", "y=2", "z=3"]
