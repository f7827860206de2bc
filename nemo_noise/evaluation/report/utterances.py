# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The worst utterances of the report: what was said and heard, with errors marked, spectrogram and sound."""

from collections.abc import Mapping, Sequence

import jiwer

from nemo_noise.evaluation.hypothesis import Hypothesis, PairKey
from nemo_noise.evaluation.report.audio import Clip
from nemo_noise.evaluation.report.blocks import Line, Look, Span, Utterance, soft
from nemo_noise.evaluation.report.numbers import snr_text
from nemo_noise.evaluation.scoring.tally import ScoringOptions, scored_rows

SHOWN_UTTERANCES = 15
SHOWN_CHARACTERS = 400
LOWEST_SNR_DB = 0.0  # below, errors are no surprise


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


def worst_utterances(
    rows: Sequence[Hypothesis],
    baseline_rows: Sequence[Hypothesis],
    *,
    options: ScoringOptions,
    clips: Mapping[str, Clip],
) -> tuple[Utterance, ...]:
    """Show the worst utterances; none where there are no errors.

    Args:
        rows: hypothesis rows of the model.
        baseline_rows: of the baseline, for what it heard; may be empty.
        options: how to score.
        clips: sound by `trial_id`; may be empty.
    """
    heard_by_baseline = {row.pair_key: row for row in baseline_rows}
    worst = choose_worst(rows, options)
    return tuple(
        _utterance(row, heard_by_baseline, options=options, clip=clips.get(str(row.trial_id))) for row in worst
    )


def cut_text(text: str) -> str:
    """Shorten a text for the page."""
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"


def _utterance(
    row: Hypothesis, heard_by_baseline: Mapping[PairKey, Hypothesis], *, options: ScoringOptions, clip: Clip | None
) -> Utterance:
    """Write what was said and what each model heard."""
    cell, counts = row.cell, options.errors(row)
    where = "clean" if cell.snr_db is None else f"{row.noise_label or cell.noise_list}, {snr_text(cell.snr_db)}"
    said, heard = _marked(options.reference(row), options.written(row))
    lines = [("said", said), (row.value("model") or "heard", heard)]
    other = heard_by_baseline.get(row.pair_key)
    if other is not None:
        marked = _marked(options.reference(row), options.written(other))[1]
        lines.append((other.value("model") or "baseline", marked))
    remark = f"{row.utterance} · {counts.errors} errors in {counts.words} words"
    return Utterance(where, remark, tuple(lines), clip)


def _marked(reference: str, hypothesis: str) -> tuple[Line, Line]:
    """Mark missed words in the reference and invented ones in the hypothesis."""
    aligned = jiwer.process_words(cut_text(reference), cut_text(hypothesis))
    said: list[str | Span] = []
    heard: list[str | Span] = []
    for chunk in aligned.alignments[0]:
        missed = aligned.references[0][chunk.ref_start_idx : chunk.ref_end_idx]
        invented = aligned.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]
        is_equal = chunk.type == "equal"
        said += [word if is_equal else Span(word, Look.MISSED) for word in missed]
        heard += [word if is_equal else Span(word, Look.INVENTED) for word in invented]
    return tuple(said), tuple(heard) or soft("nothing")
