# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The golden reports: which rows, which options; this file alone calls the code that scores and renders."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nemo_noise.evaluation import ScoringOptions, collect_results, read_results
from nemo_noise.evaluation.gates import gate_values
from nemo_noise.evaluation.hypothesis import Hypothesis, read_hypotheses, reference_rows, write_hypotheses
from nemo_noise.evaluation.probes.heard_contexts import HeardContexts
from nemo_noise.evaluation.report.audio import make_clip
from nemo_noise.evaluation.report.model_card import CardOptions, render_model_card
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.text_table import summary_table
from nemo_noise.evaluation.results import Results, write_results
from nemo_noise.evaluation.scoring.streaming import StreamedRun
from nemo_noise.evaluation.second_hearing import SecondHearing, add_second_hearing
from tests.golden.page_outline import outline
from tests.golden.report_rows import PLACES, Row, adapted, speech_free_rows, speech_rows, streamed, without

MADE: dict[str, Any] = {
    "time": "2026-01-02T03:04:05+00:00",
    "versions": {"nemo_noise": "0.0.0", "python": "3.11"},
    "device": "cpu",
    "hardware": "a <small> machine",
    "threads": 1,
    "config": {"speech": "speech.json", "snr_db": ["clean", 20, 0], "noise_lists": {"street": "street.json"}},
}
SPEECH: dict[str, Any] = {
    "utterances": 26,
    "left_out": [{"name": "u24", "source": "speech.json:25", "reason": "the file is empty"}],
    "left_out_mixtures": [{"name": "u25", "source": "speech.json:26", "reason": "no speech in the room 'hall'"}],
    "left_out_noises": [{"name": "street", "source": "street.json:7", "reason": "shorter than 1 s"}],
    "resampled_from_hz": {"8000": 3},
    "sample_rate": 16000,
    "has_plain_channel": True,
}
SEEN = {
    "noise": {"street": True, "factory": False},
    "room": {"dry": True, "hall": False},
    "channel": {"wideband": True, "telephone": False},
}
CARD = CardOptions("en", "apache-2.0", "Spoken digits", "owner/digits", "owner/plain-model")


@dataclass(frozen=True)
class Case:
    """One report: rows, who is compared, how it is scored, and what came from models beside the rows."""

    rows: list[Row]
    model: str
    baseline: str | None = None
    scoring: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, Any] = field(default_factory=dict)
    contexts: dict[str, Any] = field(default_factory=dict)
    speech: dict[str, Any] | None = None
    card: CardOptions = field(default_factory=CardOptions)
    made: dict[str, Any] = field(default_factory=dict)
    clips: int = 0


def everything() -> Case:
    """Two models of two seeds with all that a report can show."""
    ours, theirs = speech_rows("ours & <new>", 0.03, places=PLACES), speech_rows("plain", 0.045, places=PLACES)
    ours, theirs = without(ours, "word_confidence"), without(theirs, "word_confidence", "peak_memory_mb")
    plain_place = [row for row in ours if (row["room"], row["channel"]) == PLACES[0]]
    shuffled = without(speech_rows("ours & <new>+shuffled_context", 0.06, places=PLACES[:1]), "word_confidence")
    rows = [*ours, *theirs, *shuffled]
    rows += adapted(plain_place, "ours & <new>+adapted") + adapted(plain_place, "ours & <new>+adapted_stream")
    rows += speech_free_rows("ours & <new>", 0.2) + speech_free_rows("plain", 0.7)
    chosen = {name: list(map(Hypothesis.of, streamed(plain_place, name))) for name in ("ours & <new>", "o")}
    overlapping = "overlapping chunks, as its context needs it"
    runs = [
        StreamedRun(160.0, None, "cache-aware", 170.0, chosen["ours & <new>"], [0.010, 0.012, 0.011]),
        StreamedRun(320.0, None, overlapping, 330, chosen["o"], []),
        StreamedRun(100.0, reason="100 ms is not a multiple of <40> ms"),
    ]
    return Case(
        rows,
        "ours & <new>",
        "plain",
        {"seen": SEEN},
        {"ours & <new>": runs, "plain": "transcripts come without a model"},
        {"ours & <new>": contexts(), "plain": "it has no context encoder"},
        SPEECH,
        CARD,
        MADE,
        clips=3,
    )


def words() -> Case:
    """Confidences of words, texts written in another way, own fields for groups and blocks."""
    ours, theirs = speech_rows("ours", 0.02, seeds=(0,)), speech_rows("theirs", 0.02, seeds=(0,))
    for number, row in enumerate([*ours, *theirs]):
        row["pred_text"] = f"{row['pred_text'].capitalize()}."
        row["house"] = f"h{number % 3}"
        if number % 7 == 0:
            row["word_confidence"] = None
    options = {"block_field": "house", "group_fields": ("gender", "house"), "seed": 3}
    return Case([*ours, *theirs], "ours", "theirs", options)


def normalised() -> Case:
    """The same way of writing, normalised away; SNRs beyond the usual mean alone."""
    case = words()
    rows = [row for row in case.rows if row["snr_db"] in (None, -5.0)]
    return Case(rows, "ours", "theirs", {"text_normalization": ("lower", "strip_punctuation")})


def nameless() -> Case:
    """Rows with the fewest fields, of no model's name, with noise alone; nothing to compare with."""
    rows = without(
        [*speech_rows("model", 0.05, seeds=(0,), utterances=6), *speech_free_rows("model", 1.0)],
        *("model", "seed", "speaker", "gender", "age_group", "mixture_sha256", "trial_id", "transcribe_s"),
        *("latency_s", "parameters", "peak_memory_mb", "confidence", "word_confidence", "noise_label"),
    )
    for row in rows:
        row["audio_filepath"] = f"{row.pop('utterance_id')}.wav"
    runs = [StreamedRun(100.0, reason="100 ms is not a multiple of 40 ms")]
    return Case(rows, "model", contexts={"model": contexts(utterances=1)}, streams={"model": runs})


def one_utterance() -> Case:
    """Two models on one utterance: no interval has a width."""
    rows = [row for name in ("a", "b") for row in speech_rows(name, 0.1, seeds=(0,), utterances=1)]
    return Case(rows, "a", "b")


def only_clean() -> Case:
    """Two equal models on clean speech alone."""
    rows = [row for row in speech_rows("a", 0.1, seeds=(0,)) if row["snr_db"] is None]
    return Case([*rows, *({**row, "model": "b"} for row in rows)], "a", "b")


def contexts(utterances: int = 20) -> HeardContexts:
    """Contexts of four numbers that hold the SNR, in noise."""
    keys = [(name, snr, f"u{n}") for n in range(utterances) for name in ("street", "factory") for snr in (20.0, 0.0)]
    generator = np.random.default_rng(0)
    snr_db = np.array([snr for _, snr, _ in keys])
    values = generator.standard_normal((len(keys), 4)) + 0.1 * snr_db[:, None]
    fields: list[dict[str, Any]] = [{"speaker": f"s{int(key[2][1:]) % 10}"} for key in keys]
    return HeardContexts(values, snr_db, [key[0] for key in keys], [key[2] for key in keys], fields)


CASES: dict[str, Callable[[], Case]] = {
    case.__name__: case for case in (everything, words, normalised, nameless, one_utterance, only_clean)
}


def write_case(name: str, folder: Path) -> None:
    """Scores the rows of a case and writes what is compared: summary, page, card, table and gates."""
    case = CASES[name]()
    write_hypotheses(folder / "hypotheses.jsonl", map(Hypothesis.of, case.rows))
    rows = read_hypotheses(folder / "hypotheses.jsonl")
    options = ScoringOptions(**({"replications": 60} | case.scoring))
    results = collect_results(rows, case.model, case.baseline, options=options, made=case.made)
    if case.speech is not None:
        results["speech"] = case.speech  # type: ignore[typeddict-item]
    add_second_hearing(results, SecondHearing(case.streams, case.contexts), rows, options=options)
    shown = reference_rows(rows)
    clip = make_clip(np.sin(np.arange(8000) / 9).astype(np.float32), 16000)
    trials = [row.trial_id for row in shown if row.trial_id is not None and row.cell.snr_db == 20.0]
    page = render_report(results, shown, dict.fromkeys(trials if case.clips else [], clip))
    _write(folder, results, page, render_model_card(results, case.card))


def write_old_case(summary: Path, folder: Path) -> None:
    """What comes out of a `summary.json` of an earlier version."""
    results = read_results(summary)
    _write(folder, results, render_report(results, []), render_model_card(results, CardOptions()))


def _write(folder: Path, results: Results, page: str, card: str) -> None:
    write_results(folder / "summary.json", results)
    (folder / "page.txt").write_text(outline(page), encoding="utf-8")
    (folder / "card.md").write_text(card, encoding="utf-8")
    (folder / "table.txt").write_text(summary_table(results) + "\n", encoding="utf-8")
    gates = json.dumps(gate_values(results), indent=0)
    (folder / "gates.json").write_text(gates + "\n", encoding="utf-8")
