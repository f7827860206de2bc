# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The run: one model over all trials of a plan, batch by batch, each finished batch safe on disk.

A row that is on disk already (same model, same trial) is not computed again, so a run can be killed and started anew.
"""

import gc
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.checks import mapping, whole
from nemo_noise.data.manifests.sensors import SensorBatch, collate_sensors
from nemo_noise.evaluation.hypothesis import Hypothesis, append_hypotheses, read_hypotheses, write_hypotheses
from nemo_noise.evaluation.mixtures.batches import (
    check_stream_fields,
    ring_batches,
    rings_of,
    sorted_batches,
    stream_batches,
)
from nemo_noise.evaluation.mixtures.choice import check_count, choose_trials
from nemo_noise.evaluation.mixtures.lines import as_hypothesis
from nemo_noise.evaluation.mixtures.plan import Mixture, MixturePlan, Trial
from nemo_noise.evaluation.transcription.arms import Arm, Control, arms_of
from nemo_noise.evaluation.transcription.peak_memory import PeakMemory
from nemo_noise.evaluation.transcription.prompts import prompts_of, same_prompt_batches
from nemo_noise.evaluation.transcription.transcripts import is_transcript_file, rows_of_transcripts
from nemo_noise.foreign_text import printable
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.systems import Kind, System, kind_of, open_system
from nemo_noise.progress import progress
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import (
    keep_word_confidence,
    load_model,
)

RowKey = tuple[str, str, str]


@dataclass(frozen=True)
class RunOptions:
    """How trials are run.

    Attributes:
        batch_size: waveforms per batch; a control needs 2 or more, as it swaps contexts in the batch.
        transcribe: further arguments of the model's `transcribe`.
        baseline_transcribe: those of the baseline's; None for the same.
        training_seed: written to every row as `seed`, to pool models trained with several seeds.
        latency_utterances: so many trials with speech are transcribed once more alone, to measure the delay.
        confidence: NeMo's `confidence_cfg`, to write confidences of words as well; None for none.
        sample_rate: of the mixtures where only transcripts of other systems are scored, samples per second.
        adaptation: how the first model, run once more, adapts to each utterance; None for not at all.
        adaptation_trials: at most about so many trials are for each run that adapts; None for all.
        adaptation_streams: fields of the manifest; with any, it also adapts along streams, see `stream_batches`.
        talker_field: of the manifest, names the talker, whom a control keeps or swaps.
    """

    batch_size: int = 16
    transcribe: Mapping[str, Any] = field(default_factory=dict)
    training_seed: int | None = None
    latency_utterances: int = 0
    confidence: Mapping[str, Any] | None = None
    sample_rate: int = 16000
    adaptation: AdaptationConfig | None = None
    adaptation_trials: int | None = None
    adaptation_streams: Sequence[str] = ()
    talker_field: str = "speaker"
    baseline_transcribe: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name, rule in {"batch_size": whole(1), "latency_utterances": whole(0), "sample_rate": whole(1)}.items():
            rule.check(name, getattr(self, name))
        check_count("adaptation_trials", self.adaptation_trials)
        if isinstance(self.adaptation_streams, str):
            raise ValueError(f"adaptation_streams is {self.adaptation_streams!r}, should be a list, as in [speaker]")
        mapping("{source_lang: de}").check("transcribe", self.transcribe)
        if self.adaptation_streams and self.adaptation is None:
            raise ValueError("adaptation_streams is given without adaptation, should be beside one")

    def transcribe_of(self, number: int) -> tuple[str, Mapping[str, Any]]:
        """The name of the option, and what it gives to the model (0) or the baseline (1)."""
        if number and self.baseline_transcribe is not None:
            return "baseline_transcribe", self.baseline_transcribe
        return "transcribe", self.transcribe


def run_models(
    models: Mapping[str, str],
    make_plan: Callable[[int], MixturePlan],
    hypotheses_path: str | Path,
    *,
    controls: Sequence[Control | str],
    options: RunOptions,
    device: torch.device,
) -> list[Hypothesis]:
    """Run models one after the other on the same mixtures; controls and adaptation run for the first.

    Args:
        models: file, folder or pretrained name by the name to show, see `inference.systems.kind_of`; a CSV, TSV or
            JSON-lines file of transcripts is another system's, see `transcripts`.
        make_plan: builds the plan for a sample rate.
        hypotheses_path: JSON lines; holds exactly the returned rows afterwards.
        controls: see `Control`.
        options: how to run.
        device: where the models run.

    Returns:
        Rows of all models, controls and the adapted model.

    Raises:
        ValueError: the models want different sample rates.
    """
    rows: list[Hypothesis] = []
    plan: MixturePlan | None = None
    for number, (name, path) in enumerate(models.items()):
        if is_transcript_file(path):
            if options.adaptation is not None and not rows:
                logging.warning(f"adaptation left out: {name} is a file of transcripts, {path}")
            plan = plan or make_plan(options.sample_rate)
            rows += rows_of_transcripts(name, path, plan, training_seed=options.training_seed)
            continue
        own = replace(options, transcribe=options.transcribe_of(number)[1])
        model = _open(path, own, device)
        sample_rate = model.sample_rate if isinstance(model, System) else sample_rate_of(model)
        plan = plan or make_plan(sample_rate)
        if sample_rate != plan.sample_rate:
            raise ValueError(
                f"model {name!r} wants {sample_rate} Hz, the first one {plan.sample_rate} Hz: not comparable"
            )
        arms = arms_of(name, model, []) if rows else _all_arms(name, model, controls, plan=plan, options=options)
        if options.batch_size < 2 and any(arm.mixes_cells for arm in arms):
            ring_batches([], (), options.batch_size)  # refuses, before a model has run
        for arm in arms:
            rows += run_arm(arm, plan, hypotheses_path, options=own)
        del model, arms, arm
        gc.collect()
    Path(hypotheses_path).parent.mkdir(parents=True, exist_ok=True)
    set_aside_other_rows(hypotheses_path, rows)
    return rows


def _open(name: str, options: RunOptions, device: torch.device) -> ASRModel | System:
    """A NeMo model, with confidences where they are asked for, or a system of another kind."""
    kind, source = kind_of(name)
    if kind is not Kind.NEMO:
        if options.confidence is not None:
            logging.warning(f"confidence left out: {printable(name)} is a {kind.value}")
        return open_system(name, device, options.transcribe)
    model = load_model(source, device)
    if options.confidence is not None:
        keep_word_confidence(model, options.confidence)
    return model


def _all_arms(
    name: str, model: ASRModel | System, controls: Sequence[Control | str], *, plan: MixturePlan, options: RunOptions
) -> list[Arm]:
    return arms_of(
        name,
        model,
        controls,
        adaptation=options.adaptation,
        adaptation_trials=options.adaptation_trials,
        adaptation_streams=_stream_fields(plan, options),
    )


def _stream_fields(plan: MixturePlan, options: RunOptions) -> Sequence[str]:
    """The fields that make streams; none, with a warning, where utterances come with more than their samples."""
    check_stream_fields(plan.trials, options.adaptation_streams)
    entries = [trial.entry for trial in plan.trials if trial.entry is not None]
    entries += [entry for noise in plan.noise_lists.values() for entry in noise.entries]
    has_more = plan.preroll_s > 0 or any("sensors" in entry.fields for entry in entries)
    if options.adaptation_streams and has_more:
        logging.warning("adaptation along streams left out: it reads neither sensors nor a pre-roll")
        return ()
    return options.adaptation_streams


def run_arm(arm: Arm, plan: MixturePlan, hypotheses_path: str | Path, *, options: RunOptions) -> list[Hypothesis]:
    """Run all trials that have no row yet, and return a row per trial in the order of the plan.

    The file of hypotheses is read first, then appended to. Controls leave noise without speech out.
    """
    model_fingerprint = arm.fingerprint(options.transcribe) + ("+noise" if plan.keeps_noise else "")
    path = Path(hypotheses_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {_row_key(row): row for row in _saved_rows(path)}
    chosen = plan.trials if arm.trials is None else choose_trials(plan.trials, arm.trials)
    trials = [t for t in chosen if not (arm.mixes_cells and _is_no_member(t, plan))]
    prompts = prompts_of(arm.model, trials, options.transcribe)
    rings = _rings_of(arm, plan, trials, prompts=prompts, talker_field=options.talker_field)
    if rings is not None:
        members_of_rings = {trial.trial_id for ring in rings for trial in ring}
        trials = [trial for trial in trials if trial.trial_id in members_of_rings]
    if arm.stream_fields or arm.mixes_cells:  # the text of a trial depends on others
        members = "\n".join(trial.trial_id for trial in trials)
        model_fingerprint += "+" + hashlib.sha256(members.encode()).hexdigest()[:8]
    todo = [t for t in trials if (arm.name, model_fingerprint, t.trial_id) not in done]
    if len(todo) < len(trials):
        logging.info(f"{arm.name}: {len(trials) - len(todo)} of {len(trials)} hypotheses are already in {path}")
    batches = _batches_of(
        arm, trials, rings, todo=todo, prompts=prompts, batch_size=arm.batch_size or options.batch_size
    )
    is_alone_another = arm.mixes_cells or bool(arm.stream_fields)
    alone = _evenly_chosen(trials, 0 if is_alone_another else options.latency_utterances)
    measured = _MeasuredArm(arm, options)
    with progress(len(trials), arm.name, done=len(trials) - len(todo)) as bar:
        for batch in batches:
            made = plan.mixtures_of(batch)
            bar.update(len(batch) - len(made))
            if not made:
                continue
            batch, mixtures = [trial for trial, _ in made], [mixture for _, mixture in made]
            sensors = collate_sensors([plan.sensors(trial) for trial in batch])
            also_alone = [trial.trial_id in alone for trial in batch]
            results = measured.transcribe(
                mixtures, also_alone, sensors=sensors, prompt=prompts.get(batch[0].trial_id, {})
            )
            rows = []
            for trial, mixture, result in list(zip(batch, mixtures, results, strict=True))[int(arm.mixes_cells) :]:
                who = {"model": arm.name, "model_fingerprint": model_fingerprint}
                rows.append(as_hypothesis(plan, trial, mixture, training_seed=options.training_seed, **who, **result))
            append_hypotheses(path, rows)
            done.update((_row_key(row), row) for row in rows)
            bar.update(len(rows))
    possible = [trial for trial in trials if trial.trial_id not in plan.left_out]
    if trials and not possible:
        raise ValueError(f"no mixture is possible, the first as {next(iter(plan.left_out.values())).reason}")
    finished = [done[arm.name, model_fingerprint, trial.trial_id] for trial in possible]
    return [row.changed(seed=options.training_seed) for row in finished]


def _is_no_member(trial: Trial, plan: MixturePlan) -> bool:
    """Whether a trial has no context to swap: it has no speech, or is impossible, as an earlier arm has found."""
    return trial.condition.is_speech_free or trial.trial_id in plan.left_out


def _rings_of(
    arm: Arm,
    plan: MixturePlan,
    trials: Sequence[Trial],
    *,
    prompts: Mapping[str, Mapping[str, str]],
    talker_field: str,
) -> list[list[Trial]] | None:
    """The rings of a control, each of one prompt, or it would mix them; None for an arm that swaps nothing."""
    if arm.kept is None:
        return None
    same_prompts = same_prompt_batches([trials], prompts)
    return [ring for same in same_prompts for ring in rings_of(same, plan, arm.kept, talker_field=talker_field)]


def _batches_of(
    arm: Arm,
    trials: Sequence[Trial],
    rings: Sequence[Sequence[Trial]] | None,
    *,
    todo: Sequence[Trial],
    prompts: Mapping[str, Mapping[str, str]],
    batch_size: int,
) -> list[list[Trial]]:
    """Compose the batches of an arm, each of one prompt; a text does not depend on which rows are there already."""
    wanted = {trial.trial_id for trial in todo}
    if rings is not None:  # a batch begins with a neighbour, which must stay
        return [batch for ring in rings for batch in ring_batches(ring, wanted, batch_size)]
    batches = (
        stream_batches(trials, wanted, arm.stream_fields) if arm.stream_fields else sorted_batches(todo, batch_size)
    )
    return list(same_prompt_batches(batches, prompts))


def set_aside_other_rows(hypotheses_path: str | Path, rows: Sequence[Hypothesis]) -> None:
    """Leave exactly the rows of this evaluation in the file; others go to `<stem>.other.jsonl` beside it."""
    path = Path(hypotheses_path)
    keys = {_row_key(row) for row in rows}
    others = [row for row in _saved_rows(path) if _row_key(row) not in keys]
    if others:
        aside = path.with_suffix(".other.jsonl")
        append_hypotheses(aside, others)
        logging.warning(f"{len(others)} hypotheses of other models, lists, SNRs or seeds moved from {path} to {aside}")
    write_hypotheses(path, rows)


class _MeasuredArm:
    """Transcribes batches of one arm and measures what that costs."""

    def __init__(self, arm: Arm, options: RunOptions) -> None:
        self.arm, self.options = arm, options
        self.transcribe_options = dict(options.transcribe)
        if options.confidence is not None:
            self.transcribe_options["return_hypotheses"] = True
        self.device, self.parameters = arm.device, arm.parameter_count
        self._is_warm = False

    def transcribe(
        self,
        mixtures: Sequence[Mixture],
        also_alone: Sequence[bool],
        *,
        sensors: Mapping[str, SensorBatch],
        prompt: Mapping[str, str],
    ) -> list[dict[str, object]]:
        """Transcribe a batch.

        Args:
            mixtures: at the model's sample rate; their pre-rolls are for models with a noise context.
            also_alone: which of them are transcribed once more alone, without sensors and pre-roll: the delay.
            sensors: what was recorded beside them, for contexts that read it.
            prompt: options of `transcribe` that their manifest lines ask for, the same ones for all.

        Returns:
            Per waveform `pred_text`, `transcribe_s` (its share of the batch by length) and the other measurements.
        """
        waveforms = [mixture.samples for mixture in mixtures]
        options = {**self.transcribe_options, **prompt}
        with self.arm.context():
            if not self._is_warm:  # the first call imports and allocates, which is not the model's speed
                self.arm.transcribes(self.arm.model, waveforms[:1], options)
                self._is_warm = True
            beside = ([mixture.before for mixture in mixtures], [mixture.noise for mixture in mixtures])
            conditions = self.arm.conditions(sensors, *beside)
            with PeakMemory(self.device) as memory, conditions:
                start = time.perf_counter()
                transcripts = self.arm.transcribes(self.arm.model, waveforms, options)
                elapsed_s = time.perf_counter() - start
            delays = [
                self._delay_s(w, options) if alone else None for w, alone in zip(waveforms, also_alone, strict=True)
            ]
        total = sum(len(waveform) for waveform in waveforms)
        costs = {"parameters": self.parameters, "peak_memory_mb": memory.megabytes and round(memory.megabytes, 1)}
        results = []
        for waveform, one, delay in zip(waveforms, transcripts, delays, strict=True):
            share_s = round(elapsed_s * len(waveform) / total, 6)
            optional = {"word_confidence": one.word_confidence, "latency_s": delay and round(delay, 6)}
            known = {name: value for name, value in optional.items() if value is not None} | dict(one.extra or {})
            results.append({"pred_text": one.text, "transcribe_s": share_s, **costs, **known})
        return results

    def _delay_s(self, waveform: NDArray[np.float32], options: Mapping[str, Any]) -> float:
        """Seconds to transcribe one waveform alone."""
        start = time.perf_counter()
        self.arm.transcribes(self.arm.model, [waveform], options)
        return time.perf_counter() - start


def _evenly_chosen(trials: Sequence[Trial], count: int) -> set[str]:
    """Choose trials with speech spread over the plan, always the same ones."""
    spoken = [trial.trial_id for trial in trials if not trial.condition.is_speech_free]
    places = np.linspace(0, len(spoken) - 1, min(count, len(spoken))).round().astype(int)
    return {spoken[place] for place in places}


def _saved_rows(path: Path) -> list[Hypothesis]:
    """Read what an earlier run left, and drop its unfinished last line from the file before it is appended to."""
    if not path.is_file():
        return []
    rows = read_hypotheses(path)
    if not path.read_bytes().endswith(b"\n"):
        write_hypotheses(path, rows)
    return rows


def _row_key(row: Hypothesis) -> RowKey:
    return row.model, str(row.model_fingerprint), str(row.trial_id)
