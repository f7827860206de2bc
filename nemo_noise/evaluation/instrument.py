# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The instrument as a config: what `conf/scripts/noise_robustness.yaml` asks for, turned into rows and files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig

from nemo.utils import logging

from nemo_noise.archive import check_checkpoint
from nemo_noise.data.manifests.given import noise_manifests, speech_manifests
from nemo_noise.evaluation.blocks.elements import Clip
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.foresight import check_fields, check_gates, survey_models
from nemo_noise.evaluation.hypothesis import Hypothesis, read_hypotheses, reference_rows
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.batches import check_stream_fields
from nemo_noise.evaluation.mixtures.examination import named
from nemo_noise.evaluation.mixtures.export import MixtureSet, export_mixtures
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.mixtures.preroll import ContextReads
from nemo_noise.evaluation.mixtures.seen import collect_seen
from nemo_noise.evaluation.options import EvaluationOptions, check_output
from nemo_noise.evaluation.plots.wer_over_snr import draw_wer_over_snr
from nemo_noise.evaluation.questions.asking import Found, ask_models, ask_nothing, examine_plan
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.report.audio import make_clips
from nemo_noise.evaluation.report.model_card import write_model_card
from nemo_noise.evaluation.report.noise_section import NoiseSection
from nemo_noise.evaluation.report.page import write_report
from nemo_noise.evaluation.results import collect_results, describe_run, write_results
from nemo_noise.evaluation.scoring.tally import ModelRows, ScoringOptions
from nemo_noise.evaluation.transcription.model_names import name_models
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_models
from nemo_noise.evaluation.transcription.transcripts import check_transcripts, is_transcript_file

PICTURE = "wer_over_snr.png"


class Run(NamedTuple):
    """What an evaluation has run.

    Attributes:
        rows: of all models.
        model: name of the model.
        baseline: name of the baseline; None: there is none.
        found: what questions asked of models, by question and model.
        plan: of the mixtures; None where rows were read.
    """

    rows: list[Hypothesis]
    model: str
    baseline: str | None
    found: Found
    plan: MixturePlan | None = None


class PlanMaker:
    """Makes the plan for a sample rate, and keeps the last one.

    Args:
        make: the maker.
    """

    def __init__(self, make: Callable[[int], MixturePlan]) -> None:
        self._make = make
        self.kept: MixturePlan | None = None

    def __call__(self, sample_rate: int) -> MixturePlan:
        """The plan for a sample rate in Hz."""
        if self.kept is None or self.kept.sample_rate != sample_rate:
            self.kept = self._make(sample_rate)
        return self.kept


class Instrument:
    """One evaluation.

    Args:
        cfg: a config like `conf/scripts/noise_robustness.yaml`.
        note: gets a line for each folder that is read: what was found, and what was left out.

    Raises:
        ValueError: an option is unknown or wrong; names it and its value. Files are looked at later, by `prepare`.
    """

    def __init__(self, cfg: DictConfig, note: Callable[[str], object] = logging.info) -> None:
        self.note = note
        self.options = o = EvaluationOptions.of(cfg)
        self.output = Path(o.output_dir)
        self.device = choose_device(o.device)
        self.plan = PlanMaker(self._plan)
        self.acoustics = parse_acoustics(o.rooms, o.channels, o.grid)
        self.scoring = ScoringOptions(
            block_field=o.block_field,
            replications=o.replications,
            seed=o.bootstrap_seed,
            text_normalization=tuple(o.text_normalization),
            group_fields=tuple(o.group_fields),
            seen=collect_seen(o.noise_lists or {}, self.acoustics),
        )
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
            talker_field=o.block_field,
        )
        asking = [question.asked_by for question in o.questions if question.asked_by is not None]
        for other in [*asking, *(["export_mixtures"] if o.export_mixtures else [])] if o.preroll_s else []:
            raise ValueError(f"preroll_s is {o.preroll_s} beside {other}, should be one of the two")
        self._keeps_noise = o.context_reads == ContextReads.NOISE.value
        beside = [*asking, *(["adaptation"] if o.adaptation else []), *(["preroll_s"] if o.preroll_s else [])]
        for other in beside if self._keeps_noise else []:
            raise ValueError(f"context_reads is {o.context_reads} beside {other}, should be one of the two")
        self._longest_s: float | None = None
        self._models: dict[str, str] | None = None
        self._given: tuple[tuple[str, ...], dict[str, list[str | Path]]] | None = None

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
        if self._models is not None:
            return self._models
        o = self.options
        if o.model is None:
            raise ValueError("model is missing: give a .nemo file, a pretrained name or a file of transcripts")
        check_output("output_dir", self.output)
        self._manifests()
        models = name_models(o.model, o.baseline, model_name=o.model_name, baseline_name=o.baseline_name)
        if o.baseline is not None and Path(o.baseline).suffix == ".nemo":
            check_checkpoint(o.baseline, "baseline")
        survey = survey_models(models, self.running, o.noise_only)
        self._longest_s = survey.longest_s
        plan = self.plan(survey.sample_rate)
        check_fields([entry.fields for entry in plan.speech], self.scoring, o.speech or ())
        check_stream_fields(plan.trials, o.adaptation_streams)
        check_gates(o.fail_if, plan, scoring=self.scoring, models=models, options=o)
        for source in filter(is_transcript_file, models.values()):
            check_transcripts(source, plan)
        self._models = models
        return models

    def run(self) -> Run:
        """Run the models and ask them, or read what they wrote earlier."""
        o = self.options
        if o.from_hypotheses:
            rows = [row for path in o.from_hypotheses for row in read_hypotheses(path)]
            if not rows:
                given = list(o.from_hypotheses)
                raise ValueError(f"from_hypotheses is {given} with no row, should be hypotheses.jsonl")
            check_fields([row.fields for row in rows], self.scoring)
            check_output("output_dir", self.output)
            model = o.model_name or rows[0].model
            shown = [name for name in (model, o.baseline_name) if name is not None]
            return Run(rows, model, o.baseline_name, ask_nothing(shown, o.questions))
        models = self.prepare()
        rows = run_models(
            models,
            self.plan,
            self.output / "hypotheses.jsonl",
            controls=o.controls,
            options=self.running,
            device=self.device,
        )
        asked = ask_models(
            models, self.plan, self.output, questions=o.questions, options=self.running, device=self.device
        )
        found = {} if self.plan.kept is None else examine_plan(self.plan.kept, o.questions)
        names = list(models)
        return Run(rows, names[0], names[1] if len(names) > 1 else None, found | asked, self.plan.kept)

    def report(self, run: Run) -> Results:
        """Score, and write `summary.json`, `report.html`, and the model card `README.md` with its picture."""
        made = describe_run(self.options.given, self.device)
        results = collect_results(run.rows, run.model, run.baseline, options=self.scoring, made=made, found=run.found)
        write_results(self.output / "summary.json", results)
        write_report(self.output / "report.html", results, reference_rows(run.rows), clips=self._clips(run))
        has_picture = draw_wer_over_snr(self.output / PICTURE, NoiseSection.of(results))
        picture = PICTURE if has_picture else None
        write_model_card(self.output / "README.md", results, self.options.model_card, picture=picture)
        return results

    def _plan(self, sample_rate: int) -> MixturePlan:
        o = self.options
        speech, noise = self._manifests()
        plan = load_plan(
            sample_rate,
            speech,
            noise,
            snr_db=o.snr_db,
            seed=o.seed,
            noise_only=o.noise_only,
            acoustics=self.acoustics,
            preroll_s=o.preroll_s,
            preroll_loops=o.preroll_loops,
            keeps_noise=self._keeps_noise,
            longest_s=self._longest_s,
            utterances=o.utterances,
        )
        if not plan.speech:
            faults = plan.examined.left_out
            raise ValueError(f"speech: all {len(faults)} utterances are left out: {named(faults)}")
        return plan

    def _manifests(self) -> tuple[tuple[str, ...], dict[str, list[str | Path]]]:
        """Manifests of speech and noise; those of folders are made once, below the output."""
        if self._given is None:
            o, folder = self.options, self.output / "manifests"
            if o.speech is None or o.noise_lists is None:
                missing = "speech" if o.speech is None else "noise_lists"
                raise ValueError(f"{missing} is missing: give manifests or folders")
            lists = {name: one.manifests for name, one in o.noise_lists.items()}
            self._given = (
                speech_manifests(o.speech, folder, note=self.note),
                noise_manifests(lists, folder, note=self.note),
            )
        return self._given

    def _clips(self, run: Run) -> Mapping[str, Clip]:
        """Make the audio that questions ask for; none where the speech is not at hand."""
        o = self.options
        rows = ModelRows([row for row in reference_rows(run.rows) if row.model == run.model], self.scoring)
        worst = [row for question in o.questions for row in question.sounds(rows)][: o.audio_clips]
        if not worst or o.speech is None or o.noise_lists is None:
            return {}
        plan = run.plan or self.plan(o.sample_rate)
        trials = {trial.trial_id: trial for trial in plan.trials}
        known = [trials[row.trial_id] for row in worst if row.trial_id in trials]
        if len(known) < len(worst):
            logging.warning(
                f"{len(worst) - len(known)} of the worst utterances are not in this plan: no audio for them"
            )
        made = plan.mixtures_of(known)
        return make_clips({trial.trial_id: mixture.samples for trial, mixture in made}, plan.sample_rate)


def describe_export(written: MixtureSet, folder: str | Path) -> str:
    """Describe what was exported and what to do with it, in two lines."""
    return (
        f"{written['mixtures']} mixtures, {written['seconds'] / 60:.1f} minutes, in {folder}; "
        f"SHA-256 of all: {written['mixture_set_sha256']}\n"
        "transcribe its manifest.jsonl and give the transcripts (mixture_id, pred_text) as model= or baseline="
    )
