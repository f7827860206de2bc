# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The instrument as a config: what `conf/evaluation/noise_robustness.yaml` asks for, turned into rows and files."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from omegaconf import DictConfig, OmegaConf

from nemo.utils import logging

from nemo_noise.configuration import config_directory, refuse_unknown
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.export import MixtureSet, export_mixtures
from nemo_noise.evaluation.mixtures.plan import MixturePlan, NoiseOnlyOptions, load_plan
from nemo_noise.evaluation.mixtures.preroll import check_preroll
from nemo_noise.evaluation.mixtures.seen import collect_seen, noise_manifests
from nemo_noise.evaluation.report.audio import Clip, make_clips
from nemo_noise.evaluation.report.model_card import CardOptions, write_model_card
from nemo_noise.evaluation.report.page import write_report
from nemo_noise.evaluation.report.utterances import choose_worst
from nemo_noise.evaluation.results import Results, collect_results, describe_run, write_results
from nemo_noise.evaluation.scoring.hypotheses import Row, read_hypotheses, reference_rows
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.second_hearing import (
    Questions,
    SecondHearing,
    add_second_hearing,
    hear_again,
    not_heard_again,
)
from nemo_noise.evaluation.transcription.robustness import RunOptions, name_models, run_models
from nemo_noise.evaluation.transcription.streaming import StreamingOptions
from nemo_noise.inference.adaptation_config import AdaptationConfig


class Heard(NamedTuple):
    """The rows of an evaluation, the names of model and baseline (None: there is none), and what was heard again."""

    rows: list[Row]
    model: str
    baseline: str | None
    again: SecondHearing | None = None


class Instrument:
    """One evaluation.

    Args:
        cfg: a config like `conf/evaluation/noise_robustness.yaml`.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.settings = _complete(cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True)))
        missing = "???"
        self.settings = {name: None if value == missing else value for name, value in self.settings.items()}
        self.output = Path(self.settings["output_dir"])
        device = self.settings["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self.device = torch.device(device)
        except RuntimeError as error:
            raise ValueError(f"device is {device!r}, should be cuda, cuda:1 or cpu ({error})") from error
        self.plan = lru_cache(maxsize=1)(self._plan)
        rooms, channels = self.settings["rooms"], self.settings["channels"]
        self.acoustics = parse_acoustics(rooms, channels, self.settings["grid"])
        self.scoring = ScoringOptions(
            block_field=self.settings["block_field"],
            replications=self.settings["replications"],
            seed=self.settings["bootstrap_seed"],
            text_normalization=tuple(self.settings["text_normalization"]),
            group_fields=tuple(self.settings["group_fields"]),
            seen=collect_seen(self.settings["noise_lists"], self.acoustics),
        )
        self.card = CardOptions(**self.settings["model_card"])
        self.questions = _questions(self.settings)
        for other in ("streaming_ms", "export_mixtures", "context_snr"):
            if check_preroll(self.settings["preroll_s"]) and self.settings[other]:
                raise ValueError(f"preroll_s is {self.settings['preroll_s']} beside {other}, should be one of the two")
        self._sample_rate: int = self.settings["sample_rate"]

    def export(self) -> MixtureSet:
        """Write the mixtures to the folder `export_mixtures`."""
        return export_mixtures(self.plan(self.settings["sample_rate"]), self.settings["export_mixtures"])

    def hear(self) -> Heard:
        """Run the models, or read what they wrote earlier."""
        s = self.settings
        if s["from_hypotheses"]:
            rows = [row for path in s["from_hypotheses"] for row in read_hypotheses(path)]
            if not rows:
                raise ValueError(f"from_hypotheses is {s['from_hypotheses']} with no row, should be hypotheses.jsonl")
            return Heard(rows, s["model_name"] or str(rows[0].get("model") or "model"), s["baseline_name"])
        if s["model"] is None:
            raise ValueError("model is missing: give a .nemo file, a pretrained name or a file of transcripts")
        models = name_models(s["model"], s["baseline"], s["model_name"], s["baseline_name"])
        options = RunOptions(
            batch_size=s["batch_size"],
            transcribe=s["transcribe"],
            training_seed=s["training_seed"],
            latency_utterances=s["latency_utterances"],
            confidence=s["confidence"],
            sample_rate=s["sample_rate"],
            adaptation=None if s["adaptation"] is None else AdaptationConfig(**s["adaptation"]),
            adaptation_trials=s["adaptation_trials"],
            adaptation_streams=s["adaptation_streams"],
        )
        rows = run_models(models, self.plan, self.output / "hypotheses.jsonl", s["controls"], options, self.device)
        streams = self.output / "streaming.jsonl"
        again = hear_again(models, self.plan, streams, self.questions, options, self.device)
        names = list(models)
        return Heard(rows, names[0], names[1] if len(names) > 1 else None, again)

    def report(self, heard: Heard) -> Results:
        """Score, and write `summary.json`, `report.html` and the model card `README.md`."""
        made = describe_run(self.settings, self.device)
        results = collect_results(heard.rows, heard.model, heard.baseline, self.scoring, made)
        shown = [name for name in (heard.model, heard.baseline) if name is not None]
        again = heard.again or not_heard_again(shown, self.questions)
        add_second_hearing(results, again, heard.rows, self.scoring)
        write_results(self.output / "summary.json", results)
        write_report(self.output / "report.html", results, reference_rows(heard.rows), self._clips(heard))
        write_model_card(self.output / "README.md", results, self.card)
        return results

    def _plan(self, sample_rate: int) -> MixturePlan:
        """Plan the mixtures for a sample rate; `plan` keeps the last one."""
        s = self.settings
        for name in ("speech", "noise_lists"):
            if s[name] is None:
                raise ValueError(f"{name} is missing: give manifests")
        self._sample_rate = sample_rate
        only = NoiseOnlyOptions(**s["noise_only"])
        noise = noise_manifests(s["noise_lists"])
        before_s = s["preroll_s"]
        return load_plan(sample_rate, s["speech"], noise, s["snr_db"], s["seed"], only, self.acoustics, before_s)

    def _clips(self, heard: Heard) -> Mapping[str, Clip]:
        """Make the audio of the worst utterances; none where the speech is not at hand."""
        s = self.settings
        rows = [row for row in reference_rows(heard.rows) if (row.get("model") or "model") == heard.model]
        worst = choose_worst(rows, self.scoring)[: s["audio_clips"]]
        if not worst or s["speech"] is None or s["noise_lists"] is None:
            return {}
        plan = self.plan(self._sample_rate)
        trials = {trial.trial_id: trial for trial in plan.trials}
        known = [trials[row["trial_id"]] for row in worst if row.get("trial_id") in trials]
        if len(known) < len(worst):
            logging.warning(
                f"{len(worst) - len(known)} of the worst utterances are not in this plan: no audio for them"
            )
        return make_clips({trial.trial_id: plan.listen(trial).samples for trial in known}, plan.sample_rate)


def _complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with the defaults where a config of an earlier version says nothing; unknown keys are refused."""
    defaults = OmegaConf.load(config_directory() / "evaluation" / "noise_robustness.yaml")
    unknown = settings.keys() - defaults.keys()
    if unknown:
        raise ValueError(f"the key {min(unknown)!r} is unknown, should be one of {', '.join(map(str, defaults))}")
    complete = cast(dict[str, Any], OmegaConf.to_container(defaults)) | dict(settings)
    refuse_unknown(complete["noise_only"], NoiseOnlyOptions, "noise_only")
    refuse_unknown(complete["model_card"], CardOptions, "model_card")
    refuse_unknown(complete["adaptation"] or {}, AdaptationConfig, "adaptation")
    return complete


def describe_export(written: MixtureSet, folder: str | Path) -> str:
    """Say what was exported and what to do with it, in two lines."""
    return (
        f"{written['mixtures']} mixtures, {written['seconds'] / 60:.1f} minutes, in {folder}; "
        f"SHA-256 of all: {written['mixture_set_sha256']}\n"
        "transcribe its manifest.jsonl and give the transcripts (mixture_id, pred_text) as model= or baseline="
    )


def _questions(settings: Mapping[str, Any]) -> Questions:
    """What is asked beyond the rows."""
    names = ("streaming_ms", "streaming_trials", "streaming_left_s")
    return Questions(StreamingOptions(*(settings[name] for name in names)), settings["context_snr"])
