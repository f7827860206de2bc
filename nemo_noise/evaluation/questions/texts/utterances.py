# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which utterances went most wrong? Reference and hypotheses with errors marked, spectrogram and sound."""

from collections.abc import Sequence

import jiwer

from nemo_noise.evaluation.blocks.elements import (
    Card,
    Clip,
    Line,
    Look,
    Paragraph,
    Section,
    Span,
    Utterance,
    cut_text,
    soft,
)
from nemo_noise.evaluation.blocks.numbers import snr_text
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.evidence import ModelRows, Shown
from nemo_noise.evaluation.questions.question import Question
from nemo_noise.evaluation.scoring.tally import ScoringOptions, scored_rows

__all__ = ["UtterancesQuestion", "choose_worst"]

SHOWN_UTTERANCES = 15
LOWEST_SNR_DB = 0.0  # below, errors are no surprise
MARKS = (
    "Highest WER at 0 dB or better, each utterance once. Marked:",
    Span("missed", Look.MISSED),
    "and",
    Span("invented", Look.INVENTED),
    "words.",
)


class UtterancesQuestion(Question):
    """Shown where rows are at hand."""

    def sounds(self, rows: ModelRows) -> Sequence[Hypothesis]:
        """The worst utterances."""
        return choose_worst(rows.every, rows.scoring)

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """Show the worst utterances beside what the baseline made of them; none where there are no errors."""
        rows = shown.rows.get(shown.results["model"], [])
        of_baseline = {row.pair_key: row for row in shown.rows.get(str(shown.results["baseline"]), [])}
        blocks = tuple(
            _utterance(
                row, of_baseline.get(row.pair_key), scoring=shown.scoring, clip=shown.clips.get(str(row.trial_id))
            )
            for row in choose_worst(rows, shown.scoring)
        )
        return (Section("The worst utterances", "utterances", (Paragraph(MARKS), Card(blocks))),) if blocks else ()


def choose_worst(rows: Sequence[Hypothesis], options: ScoringOptions) -> list[Hypothesis]:
    """Choose what went most wrong where it should have been easy: each utterance once, at its highest failing SNR.

    Args:
        rows: hypothesis rows of the model.
        options: how to score.

    Returns:
        Up to 15 rows with errors, clean or at 0 dB and better, the highest WER first.
    """
    worst: dict[str, tuple[float, float, Hypothesis]] = {}
    for row in scored_rows(rows, options):
        snr = row.cell.snr_db
        counts = options.errors(row)
        if counts.errors and (snr is None or snr >= LOWEST_SNR_DB):
            candidate = (counts.wer, float("inf") if snr is None else snr, row)
            best = worst.get(row.utterance)
            if best is None or candidate[:2] > best[:2]:
                worst[row.utterance] = candidate
    return [row for *_, row in sorted(worst.values(), key=lambda item: item[:2], reverse=True)[:SHOWN_UTTERANCES]]


def _utterance(
    row: Hypothesis, of_baseline: Hypothesis | None, *, scoring: ScoringOptions, clip: Clip | None
) -> Utterance:
    cell, counts = row.cell, scoring.errors(row)
    where = "clean" if cell.snr_db is None else f"{row.noise_label or cell.noise_list}, {snr_text(cell.snr_db)}"
    reference, written = _marked(scoring.reference(row), scoring.written(row))
    lines = [("said", reference), (row.value("model") or "heard", written)]
    if of_baseline is not None:
        marked = _marked(scoring.reference(row), scoring.written(of_baseline))[1]
        lines.append((of_baseline.value("model") or "baseline", marked))
    remark = f"{row.utterance} · {counts.errors} errors in {counts.words} words"
    return Utterance(where, remark, tuple(lines), clip)


def _marked(reference: str, hypothesis: str) -> tuple[Line, Line]:
    """Mark missed words in the reference and invented ones in the hypothesis."""
    aligned = jiwer.process_words(cut_text(reference), cut_text(hypothesis))
    spoken: list[str | Span] = []
    written: list[str | Span] = []
    for chunk in aligned.alignments[0]:
        missed = aligned.references[0][chunk.ref_start_idx : chunk.ref_end_idx]
        invented = aligned.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]
        is_equal = chunk.type == "equal"
        spoken += [word if is_equal else Span(word, Look.MISSED) for word in missed]
        written += [word if is_equal else Span(word, Look.INVENTED) for word in invented]
    return tuple(spoken), tuple(written) or soft("nothing")
