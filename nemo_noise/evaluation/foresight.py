# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What would end an evaluation late, found early: models that do not fit, fields that no row has, gates on nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nemo.utils import logging

from nemo_noise.checks import near_names
from nemo_noise.evaluation.gates import Gate, check_paths, gate_values
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.options import EvaluationOptions
from nemo_noise.evaluation.questions.asking import examine_plan
from nemo_noise.evaluation.results import collect_results
from nemo_noise.evaluation.scoring.tally import GROUP_FIELDS, ScoringOptions
from nemo_noise.evaluation.transcription.arms import control_name
from nemo_noise.evaluation.transcription.robustness import RunOptions
from nemo_noise.evaluation.transcription.transcripts import is_transcript_file, read_transcripts
from nemo_noise.inference.systems import Kind, check_system, kind_of
from nemo_noise.recogniser.config_facts import ModelFacts, check_transcribe_options

__all__ = ["Survey", "check_fields", "check_gates", "survey_models"]

# Fields of rows that no manifest has; see `describe_mixture`.
ROW_FIELDS = ("utterance_id", "condition", "noise_list", "noise_label", "snr_db", "noise_file", "room", "channel")
UNIQUE = ("audio_filepath", "text", "duration", "offset", "utterance_id")  # fields whose values are no groups
FEW, MANY = 20, 500  # utterances


class Survey(NamedTuple):
    """What the models ask of the mixtures: samples per second, and seconds of speech at most (None for any)."""

    sample_rate: int
    longest_s: float | None


def survey_models(models: Mapping[str, str], running: RunOptions, noise_only: NoiseOnlyOptions) -> Survey:
    """Read the configurations of all systems, and files of transcripts; no weights.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: they want different sample rates, or an option is not for one of them; names both.
    """
    facts: dict[str, ModelFacts] = {}
    for number, (name, source) in enumerate(models.items()):
        if is_transcript_file(source):
            read_transcripts(source)
            facts[name] = ModelFacts("transcripts", running.sample_rate)
            continue
        where, options = running.transcribe_of(number)
        facts[name] = check_system(source, options, where=where, shown=name)
        if running.adaptation is not None and number == 0 and kind_of(source).kind is Kind.NEMO:
            check_transcribe_options(
                "adaptation.transcribe", model=name, facts=facts[name], options=running.adaptation.transcribe
            )
    rates = {name: one.sample_rate for name, one in facts.items() if one.sample_rate is not None}
    rate = next(iter(rates.values()), running.sample_rate)
    for name, other in rates.items():
        if other != rate:
            raise ValueError(f"model {name!r} wants {other} Hz, the first one {rate} Hz: not comparable")
    limits = {name: one.longest_s for name, one in facts.items() if one.longest_s is not None}
    for name, longest_s in limits.items():
        lengths = {"crop_s": noise_only.crop_s if noise_only.crops else 0.0}
        lengths["silence_s"] = max(noise_only.silence_s, default=0.0)
        for option, length in lengths.items():
            if length > longest_s:
                raise ValueError(f"noise_only.{option} is {length:g}, {name} takes {longest_s:g} s at most: give less")
    return Survey(rate, min(limits.values(), default=None))


def check_fields(rows: Sequence[Mapping[str, Any]], scoring: ScoringOptions, speech: Sequence[str] = ()) -> None:
    """Refuse fields for blocks and groups that no line has, but for those that are looked for by default.

    Args:
        rows: fields of the lines.
        scoring: names the fields.
        speech: the manifests, for the message.

    Raises:
        ValueError: no line has a field, no line has a text, or the values of `block_field` are no names.
    """
    known = {name for row in rows for name, value in row.items() if value is not None} | set(ROW_FIELDS)
    is_default = tuple(scoring.group_fields) == GROUP_FIELDS  # these are looked for, and need not be there
    asked = {} if is_default else dict.fromkeys(scoring.group_fields, "group_fields holds")
    if scoring.block_field != ScoringOptions.block_field:
        asked[scoring.block_field] = "block_field is"
    for name, is_said in asked.items():
        if name not in known:
            which = f"{name!r}, which no line has{near_names(name, known)}"
            raise ValueError(f"{is_said} {which}, should be one of {', '.join(sorted(known))}")
    if not any(scoring.normalized(str(row.get("text") or "")) for row in rows):
        which = f"speech{''.join(f' {path!r}' for path in speech)}: none of the {len(rows)} lines has a text"
        raise ValueError(f"{which}, should be what is said, to count errors")
    with_block = sum(row.get(scoring.block_field) is not None for row in rows)
    if 0 < with_block < len(rows):
        logging.warning(
            f"block_field: {with_block} of {len(rows)} lines have {scoring.block_field!r}, not all: utterances are "
            "resampled"
        )


def check_gates(
    gates: Sequence[Gate],
    plan: MixturePlan,
    *,
    scoring: ScoringOptions,
    models: Mapping[str, str],
    options: EvaluationOptions,
) -> None:
    """Refuse gates on values that this evaluation will not have.

    Raises:
        GateError: a path does not exist; near names are listed.
    """
    if not gates:
        return
    names = list(models)
    shown = [*names, *(control_name(names[0], control) for control in options.controls)]
    rows = [Hypothesis.of({**fields, "model": name}) for name in shown for fields in _stand_ins(plan)]
    quick = ScoringOptions(
        block_field=scoring.block_field,
        replications=2,
        seed=0,
        text_normalization=("lower",),
        group_fields=scoring.group_fields,
        seen=scoring.seen,
    )
    found = examine_plan(plan, options.questions)
    results = collect_results(rows, names[0], names[1] if len(names) > 1 else None, options=quick, found=found)
    measured = {"calibration"}  # what these hold depends on what models write
    measured |= set() if options.adaptation is None else {"adaptation", "stream_adaptation"}
    known = [gate for gate in gates if not measured & set(gate.path.split(".")[:2])]
    check_paths(known, gate_values(results))


def _stand_ins(plan: MixturePlan) -> list[dict[str, object]]:
    """Rows of some utterances: every cell and place, every label of each list, every value of the groups."""
    chosen: set[str] = set()
    values: set[tuple[str, str]] = set()
    for trial in plan.trials:
        fields = {} if trial.entry is None else trial.entry.fields
        of_entry = {(name, repr(value)) for name, value in fields.items() if name not in UNIQUE}
        if len(chosen) < FEW or trial.condition.is_speech_free or not (of_entry <= values or len(chosen) > MANY):
            chosen.add(trial.utterance_id)
            values |= of_entry
    rows: list[dict[str, object]] = []
    labelled: set[object] = set()
    for trial in plan.trials:
        if trial.utterance_id not in chosen:
            continue
        row = {**(trial.entry.fields if trial.entry else {}), "duration": trial.length_s or 1.0, "transcribe_s": 1.0}
        row |= {"pred_text": "a", "condition": trial.condition.value, "snr_db": trial.snr_db, "seed": None}
        row |= {"text": "" if trial.entry is None else "a", "noise_list": trial.noise_list, **trial.place._asdict()}
        cell = (trial.condition, trial.noise_list, trial.snr_db, trial.place)
        labels = [None] if trial.noise_list is None else plan.noise_labels(trial.noise_list)
        for label in labels if cell not in labelled else labels[:1]:
            rows.append({**row, "noise_label": label, "utterance_id": f"{trial.utterance_id}/{label}"})
        labelled.add(cell)
    return rows
