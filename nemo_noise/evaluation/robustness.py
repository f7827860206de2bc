# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The run: one model over all trials of a plan, batch by batch, each finished batch safe on disk.

A row that is on disk already (same model, same trial) is not computed again, so a run can be killed and started anew.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.evaluation.batches import mixed_batches, sorted_batches
from nemo_noise.evaluation.hypotheses import (
    Row,
    append_hypotheses,
    read_hypotheses,
    write_hypotheses,
)
from nemo_noise.evaluation.mixtures import Mixture, MixturePlan, Trial
from nemo_noise.evaluation.transcription import fingerprint, load_model, sample_rate_of, transcribe
from nemo_noise.modules import context_users, shuffled_context

RowKey = tuple[str, str, str]


class Control(str, Enum):
    """A control run beside the model itself."""

    SHUFFLED_CONTEXT = "shuffled_context"


@dataclass(frozen=True)
class Arm:
    """One way of running one model.

    Attributes:
        name: of the rows it writes.
        model: the model.
        context: what its encoder runs in; nothing for the plain model.
        mixes_cells: whether neighbours in a batch should differ in noise and SNR.
    """

    name: str
    model: ASRModel
    context: Callable[[], AbstractContextManager[None]] = nullcontext
    mixes_cells: bool = False


@dataclass(frozen=True)
class RunOptions:
    """How trials are run.

    Attributes:
        batch_size: waveforms per batch; a control needs 2 or more, as it swaps contexts in the batch.
        transcribe: further arguments of the model's `transcribe`.
        training_seed: written to every row as `seed`, to pool models trained with several seeds.
    """

    batch_size: int = 16
    transcribe: Mapping[str, Any] = field(default_factory=dict)
    training_seed: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, should be 1 or more")


def name_models(model: str, baseline: str | None, model_name: str | None, baseline_name: str | None) -> dict[str, str]:
    """Name one or two models for tables: by the given names, else by their files, with the folder where those agree.

    Args:
        model: path or pretrained name of the model.
        baseline: the same of the baseline, None for none.
        model_name: name to show, None to take the file's.
        baseline_name: the same for the baseline.

    Returns:
        Path by name, the model first.

    Raises:
        ValueError: both names are equal.
    """
    if baseline is None:
        return {model_name or Path(model).stem: model}
    paths = Path(model), Path(baseline)
    stems = [path.stem for path in paths]
    if stems[0] == stems[1]:
        stems = [f"{path.absolute().parent.name}/{path.stem}" for path in paths]
    names = model_name or stems[0], baseline_name or stems[1]
    if names[0] == names[1]:
        raise ValueError(f"model and baseline are both named {names[0]!r}: set model_name or baseline_name")
    return {names[0]: model, names[1]: baseline}


def run_models(
    models: Mapping[str, str],
    make_plan: Callable[[int], MixturePlan],
    hypotheses_path: str | Path,
    controls: Sequence[Control | str],
    options: RunOptions,
    device: torch.device,
) -> list[Row]:
    """Run models one after the other on the same mixtures; controls run for the first.

    Args:
        models: path or pretrained name by the name to show.
        make_plan: builds the plan for a sample rate.
        hypotheses_path: JSON lines; holds exactly the returned rows afterwards.
        controls: see `Control`.
        options: how to run.
        device: where the models run.

    Returns:
        Rows of all models and controls.

    Raises:
        ValueError: the models want different sample rates.
    """
    rows: list[Row] = []
    plan: MixturePlan | None = None
    for name, path in models.items():
        model = load_model(path, device)
        sample_rate = sample_rate_of(model)
        plan = plan or make_plan(sample_rate)
        if sample_rate != plan.sample_rate:
            raise ValueError(
                f"model {name!r} wants {sample_rate} Hz, the first one {plan.sample_rate} Hz: not comparable"
            )
        for arm in arms_of(name, model, [] if rows else controls):
            rows += run_arm(arm, plan, hypotheses_path, options)
        del model, arm
        gc.collect()
    set_aside_other_rows(hypotheses_path, rows)
    return rows


def arms_of(name: str, model: ASRModel, controls: Sequence[Control | str]) -> list[Arm]:
    """List the ways to run a model.

    Args:
        name: of the model.
        model: the model.
        controls: controls beside it; those that it cannot run are logged and left out.

    Returns:
        The model itself, then its controls.
    """
    arms = [Arm(name, model)]
    for control in controls:
        if control not in [known.value for known in Control]:
            raise ValueError(f"controls holds {control!r}, known are {[known.value for known in Control]}")
        if not isinstance(model, torch.nn.Module) or not context_users(model):
            logging.warning(f"control {Control(control).value} left out: {name} has no context encoder")
            continue
        context = partial(shuffled_context, model)
        arms.append(Arm(control_name(name, control), model, context, mixes_cells=True))
    return arms


def control_name(model: str, control: Control | str) -> str:
    """Name the rows of a control, as in "model+shuffled_context"."""
    return f"{model}+{Control(control).value}"


def run_arm(arm: Arm, plan: MixturePlan, hypotheses_path: str | Path, options: RunOptions) -> list[Row]:
    """Run all trials that have no row yet.

    Args:
        arm: the model and how to run it.
        plan: the trials. Controls leave noise without speech out.
        hypotheses_path: JSON lines, read first, then appended to.
        options: how to run.

    Returns:
        One row per trial, in the order of the plan.
    """
    model_fingerprint = fingerprint(arm.model)
    path = Path(hypotheses_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {_row_key(row): row for row in _saved_rows(path)}
    trials = [t for t in plan.trials if not (arm.mixes_cells and t.condition.is_speech_free)]
    todo = [t for t in trials if (arm.name, model_fingerprint, t.trial_id) not in done]
    if len(todo) < len(trials):
        logging.info(f"{arm.name}: {len(trials) - len(todo)} of {len(trials)} hypotheses are already in {path}")
    if arm.mixes_cells and len(todo) == 1:
        todo += [trial for trial in trials if trial is not todo[0]][:1]  # alone it would keep its own context
    batches = (
        mixed_batches(todo, plan, options.batch_size) if arm.mixes_cells else sorted_batches(todo, options.batch_size)
    )
    with tqdm(total=len(trials), initial=len(trials) - len(todo), desc=arm.name, unit="utt") as progress:
        is_warm = False
        for batch in batches:
            mixtures = [plan.listen(trial) for trial in batch]
            with arm.context():
                if not is_warm:  # the first call imports and allocates, which is not the model's speed
                    transcribe(arm.model, [m.samples for m in mixtures[:1]], options.transcribe)
                    is_warm = True
                start = time.perf_counter()
                texts = transcribe(arm.model, [m.samples for m in mixtures], options.transcribe)
                elapsed_s = time.perf_counter() - start
            audio_s = [len(m.samples) / plan.sample_rate for m in mixtures]
            rows = []
            for trial, mixture, text, duration in zip(batch, mixtures, texts, audio_s, strict=True):
                share_s = elapsed_s * duration / sum(audio_s)
                result = {"model": arm.name, "model_fingerprint": model_fingerprint, "pred_text": text}
                timing = {"duration": round(duration, 4), "transcribe_s": round(share_s, 6)}
                rows.append({**_heard(trial, mixture, plan.seed), **result, **timing, "seed": options.training_seed})
            append_hypotheses(path, rows)
            done.update((_row_key(row), row) for row in rows)
            progress.update(len(batch))
    finished = [done[arm.name, model_fingerprint, trial.trial_id] for trial in trials]
    return [{**row, "seed": options.training_seed} for row in finished]


def set_aside_other_rows(hypotheses_path: str | Path, rows: Sequence[Row]) -> None:
    """Leave exactly the rows of this evaluation in the file; move rows of other models or plans to a second file.

    Args:
        hypotheses_path: the file; the others go to `<stem>.other.jsonl` beside it.
        rows: rows of this evaluation.
    """
    path = Path(hypotheses_path)
    keys = {_row_key(row) for row in rows}
    others = [row for row in read_hypotheses(path) if _row_key(row) not in keys]
    if others:
        aside = path.with_suffix(".other.jsonl")
        append_hypotheses(aside, others)
        logging.warning(f"{len(others)} hypotheses of other models, lists, SNRs or seeds moved from {path} to {aside}")
    write_hypotheses(path, rows)


def _heard(trial: Trial, mixture: Mixture, mixture_seed: int) -> Row:
    """Write the manifest line again, with what was heard."""
    fields = {} if trial.entry is None else trial.entry.fields
    heard = {
        "utterance_id": trial.utterance_id,
        "text": "" if trial.entry is None else trial.entry.text or "",
        "condition": trial.condition.value,
        "noise_list": trial.noise_list,
        "noise_label": mixture.noise_label,
        "snr_db": trial.snr_db,
        "noise_file": mixture.noise_file,
        "noise_offset_s": mixture.noise_offset_s,
        "mixture_sha256": mixture.sha256,
        "mixture_seed": mixture_seed,
        "trial_id": trial.trial_id,
    }
    return {**fields, **heard}


def _saved_rows(path: Path) -> list[Row]:
    """Read what an earlier run left, and drop its unfinished last line from the file before it is appended to."""
    if not path.is_file():
        return []
    rows = read_hypotheses(path)
    if not path.read_bytes().endswith(b"\n"):
        write_hypotheses(path, rows)
    return rows


def _row_key(row: Row) -> RowKey:
    return str(row.get("model")), str(row.get("model_fingerprint")), str(row.get("trial_id"))
