# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The instrument as a config: what `conf/scripts/noise_robustness.yaml` asks for, turned into rows and files."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig

from nemo.utils import logging

from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.foresight import check_fields, check_gates, survey_models
from nemo_noise.evaluation.hypothesis import Hypothesis, by_model, read_hypotheses, reference_rows
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.batches import check_stream_fields
from nemo_noise.evaluation.mixtures.examination import named
from nemo_noise.evaluation.mixtures.export import MixtureSet, export_mixtures
from nemo_noise.evaluation.mixtures.noise_folders import folders_as_manifests
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.mixtures.seen import collect_seen
from nemo_noise.evaluation.options import EvaluationOptions, check_output
from nemo_noise.evaluation.report.audio import Clip, make_clips
from nemo_noise.evaluation.report.model_card import write_model_card
from nemo_noise.evaluation.report.page import write_report
from nemo_noise.evaluation.report.utterances import choose_worst
from nemo_noise.evaluation.results import Results, collect_results, describe_run, describe_speech, write_results
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


class Heard(NamedTuple):
    """The rows of an evaluation, the names of model and baseline (None: there is none), and what was heard again."""

    rows: list[Hypothesis]
    model: str
    baseline: str | None
    again: SecondHearing | None = None


class Instrument:
    """One evaluation.

    Args:
        cfg: a config like `conf/scripts/noise_robustness.yaml`.

    Raises:
        ValueError: an option is unknown or wrong; names it and its value. Files are looked at later, by `prepare`.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.options = o = EvaluationOptions.of(cfg)
        self.output = Path(o.output_dir)
        self.device = choose_device(o.device)
        self.plan = lru_cache(maxsize=1)(self._plan)
        self.acoustics = parse_acoustics(o.rooms, o.channels, o.grid)
        self.scoring = ScoringOptions(
            block_field=o.block_field,
            replications=o.replications,
            seed=o.bootstrap_seed,
            text_normalization=tuple(o.text_normalization),
            group_fields=tuple(o.group_fields),
            seen=collect_seen(o.noise_lists or {}, self.acoustics),
        )
        streaming = StreamingOptions(o.streaming_ms, o.streaming_trials, o.streaming_left_s)
        self.questions = Questions(streaming, o.context_snr)
        self.running = RunOptions(
            batch_size=o.batch_size,
            transcribe=o.transcribe,
            baseline_transcribe=o.baseline_transcribe,
            training_seed=o.training_seed,
            latency_utterances=o.latency_utterances,
            confidence=o.confidence,
            sample_rate=o.sample_rate,
            adaptation=o.adaptation,
            adaptation_trials=o.adaptation_trials,
            adaptation_streams=o.adaptation_streams,
        )
        for other in ("streaming_ms", "export_mixtures", "context_snr"):
            if o.preroll_s and getattr(o, other):
                raise ValueError(f"preroll_s is {o.preroll_s} beside {other}, should be one of the two")
        self._sample_rate: int = o.sample_rate
        self._longest_s: float | None = None

    def export(self) -> MixtureSet:
        """Write the mixtures to the folder `export_mixtures`."""
        folder = str(self.options.export_mixtures)
        check_output("export_mixtures", folder)
        return export_mixtures(self.plan(self.options.sample_rate), folder)

    def prepare(self) -> dict[str, str]:
        """Check all that can be checked before a model is loaded: files, models, speech, noises and gates.

        Returns:
            Path or pretrained name of model and baseline, by the name to show.

        Raises:
            ValueError: something is missing or wrong; names the option.
        """
        o = self.options
        if o.model is None:
            raise ValueError("model is missing: give a .nemo file, a pretrained name or a file of transcripts")
        self._require_manifests()
        models = name_models(o.model, o.baseline, model_name=o.model_name, baseline_name=o.baseline_name)
        survey = survey_models(models, self.running, o.noise_only)
        self._longest_s = survey.longest_s
        plan = self.plan(survey.sample_rate)
        check_fields([entry.fields for entry in plan.speech], self.scoring)
        check_stream_fields(plan.trials, o.adaptation_streams)
        check_gates(o.fail_if, plan, scoring=self.scoring, models=models, options=o)
        check_output("output_dir", self.output)
        return models

    def hear(self) -> Heard:
        """Run the models, or read what they wrote earlier."""
        o = self.options
        if o.from_hypotheses:
            rows = [row for path in o.from_hypotheses for row in read_hypotheses(path)]
            if not rows:
                given = list(o.from_hypotheses)
                raise ValueError(f"from_hypotheses is {given} with no row, should be hypotheses.jsonl")
            check_fields([row.fields for row in rows], self.scoring)
            check_output("output_dir", self.output)
            return Heard(rows, o.model_name or rows[0].model, o.baseline_name)
        models = self.prepare()
        rows = run_models(
            models,
            self.plan,
            self.output / "hypotheses.jsonl",
            controls=o.controls,
            options=self.running,
            device=self.device,
        )
        streams = self.output / "streaming.jsonl"
        again = hear_again(
            models, self.plan, streams, questions=self.questions, options=self.running, device=self.device
        )
        names = list(models)
        return Heard(rows, names[0], names[1] if len(names) > 1 else None, again)

    def report(self, heard: Heard) -> Results:
        """Score, and write `summary.json`, `report.html` and the model card `README.md`."""
        made = describe_run(self.options.given, self.device)
        results = collect_results(heard.rows, heard.model, heard.baseline, options=self.scoring, made=made)
        if not self.options.from_hypotheses:
            results["speech"] = describe_speech(self.plan(self._sample_rate))
        shown = [name for name in (heard.model, heard.baseline) if name is not None]
        again = heard.again or not_heard_again(shown, self.questions)
        add_second_hearing(results, again, heard.rows, options=self.scoring)
        write_results(self.output / "summary.json", results)
        write_report(self.output / "report.html", results, reference_rows(heard.rows), clips=self._clips(heard))
        write_model_card(self.output / "README.md", results, self.options.model_card)
        return results

    def _plan(self, sample_rate: int) -> MixturePlan:
        """Plan the mixtures for a sample rate; `plan` keeps the last one."""
        o = self.options
        self._require_manifests()
        self._sample_rate = sample_rate
        noise = folders_as_manifests(self._noise_manifests(), self.output / "noise_folders")
        plan = load_plan(
            sample_rate,
            o.speech or (),
            noise,
            snr_db=o.snr_db,
            seed=o.seed,
            noise_only=o.noise_only,
            acoustics=self.acoustics,
            preroll_s=o.preroll_s,
            longest_s=self._longest_s,
        )
        if not plan.speech:
            faults = plan.examined.left_out
            raise ValueError(f"speech: all {len(faults)} utterances are left out: {named(faults)}")
        return plan

    def _noise_manifests(self) -> dict[str, tuple[str | Path, ...]]:
        return {name: one.manifests for name, one in (self.options.noise_lists or {}).items()}

    def _require_manifests(self) -> None:
        for name in ("speech", "noise_lists"):
            if getattr(self.options, name) is None:
                raise ValueError(f"{name} is missing: give manifests")
        for path in self.options.speech or ():
            if Path(path).is_dir():
                raise ValueError(
                    f"speech is {path!r}, a folder: should be a manifest, a line with its text for each file"
                )
            _require(path, "speech", "a manifest")
        for name, manifests in self._noise_manifests().items():
            for given in manifests:
                _require(given, f"noise_lists.{name}", "a manifest, or a folder of noises")

    def _clips(self, heard: Heard) -> Mapping[str, Clip]:
        """Make the audio of the worst utterances; none where the speech is not at hand."""
        o = self.options
        rows = by_model(reference_rows(heard.rows)).get(heard.model, [])
        worst = choose_worst(rows, self.scoring)[: o.audio_clips]
        if not worst or o.speech is None or o.noise_lists is None:
            return {}
        plan = self.plan(self._sample_rate)
        trials = {trial.trial_id: trial for trial in plan.trials}
        known = [trials[row.trial_id] for row in worst if row.trial_id in trials]
        if len(known) < len(worst):
            logging.warning(
                f"{len(worst) - len(known)} of the worst utterances are not in this plan: no audio for them"
            )
        made = plan.mixtures_of(known)
        return make_clips({trial.trial_id: mixture.samples for trial, mixture in made}, plan.sample_rate)


def describe_export(written: MixtureSet, folder: str | Path) -> str:
    """Say what was exported and what to do with it, in two lines."""
    return (
        f"{written['mixtures']} mixtures, {written['seconds'] / 60:.1f} minutes, in {folder}; "
        f"SHA-256 of all: {written['mixture_set_sha256']}\n"
        "transcribe its manifest.jsonl and give the transcripts (mixture_id, pred_text) as model= or baseline="
    )


def _require(path: str | Path, option: str, what: str) -> None:
    if not Path(path).exists():
        raise FileNotFoundError(
            f"{option} is {str(path)!r}, which is not there (working directory {Path.cwd()}): give {what}"
        )
