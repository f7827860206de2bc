# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What does it write where nobody speaks? Characters per minute in noise and in digital silence, the longest texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

from nemo_noise.evaluation.blocks.elements import (
    Block,
    Card,
    Cell,
    Column,
    Heading,
    Items,
    Line,
    Section,
    Table,
    TableRow,
    Tile,
    cut_text,
    soft,
    strong,
)
from nemo_noise.evaluation.blocks.numbers import percent
from nemo_noise.evaluation.hypothesis import Condition, Hypothesis
from nemo_noise.evaluation.questions.evidence import ModelRows, Results, Shown
from nemo_noise.evaluation.questions.question import Question, Weight
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.evaluation.scoring.tally import ScoringOptions

__all__ = ["NoiseOnlySummary", "SilenceQuestion", "SilenceSummary"]

SHOWN_INVENTED = 8


class NoiseOnlySummary(TypedDict):
    """What a model writes where nobody speaks: noise crops, and utterances whose reference is empty."""

    noise_crops: int
    empty_references: int
    share_with_text: float
    characters: int
    minutes: float
    characters_per_minute: float


class SilenceSummary(TypedDict):
    """What a model writes in digital silence; `texts` by the seconds of silence, "10"."""

    pieces: int
    share_with_text: float
    characters: int
    minutes: float
    characters_per_minute: float
    texts: dict[str, str]


class SilenceAnswer(TypedDict):
    """What the question adds to the summary of a model; `noise_only` stands in that of each noise list as well."""

    noise_only: NoiseOnlySummary | None
    silence: SilenceSummary | None


class SilenceQuestion(Question):
    """Answered by noise alone, digital silence, and utterances with an empty reference."""

    weight = Weight.MAIN
    gates = ("noise_only", "silence")

    def of_model(self, rows: ModelRows) -> Mapping[str, Any]:
        """Count what was written, over all and for each noise list."""
        answer = SilenceAnswer(
            noise_only=_summarize_noise_only(rows.reference, rows.scoring),
            silence=_summarize_silence(rows.reference, rows.scoring),
        )
        of_list = {
            name: _summarize_noise_only([row for row in rows.reference if row.cell.noise_list == name], rows.scoring)
            for name in rows.tally.noise_lists()
        }
        return {**answer, "lists": {name: {"noise_only": found} for name, found in of_list.items()}}

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """Tabulate every model and noise list, and list the longest texts of the model."""
        lines = [line for name, summary in shown.results["models"].items() for line in _rows(name, summary)]
        if not lines:
            return ()
        heads = ("characters per minute", "pieces with text", "pieces", "utterances with empty reference", "minutes")
        body: list[Block] = [Table((Column.text("model"), Column.text("noise"), *heads), tuple(lines))]
        model = shown.results["model"]
        texts = _invented_texts(shown.rows.get(model, []), shown.scoring)
        if texts:
            body += [Heading(f"The longest texts of {model}", is_below=True), Items(texts)]
        return (Section("Where nobody speaks", "noise-only", (Card(tuple(body), scrolls=True),)),)

    def in_words(self, results: Results) -> Sequence[str]:
        """How much the model writes."""
        answer, model = _answer(results["models"][results["model"]]), results["model"]
        noise_only, silence = answer["noise_only"], answer["silence"]
        sentences = []
        if noise_only is not None:
            sentences.append(
                f"Where nobody speaks, {model} writes {noise_only['characters_per_minute']:.1f} characters "
                f"per minute (some text in {percent(noise_only['share_with_text'])} of the pieces, "
                f"{noise_only['minutes']:.1f} minutes in all)."
            )
        if silence is not None and silence["characters"]:
            rate = f"{silence['characters_per_minute']:.1f} characters per minute"
            sentences.append(f"In digital silence, {model} writes {rate}.")
        return sentences

    def in_tiles(self, results: Results) -> Sequence[Tile]:
        """The rate of the model in noise."""
        noise_only = _answer(results["models"][results["model"]])["noise_only"]
        if noise_only is None:
            return ()
        rate = f"{noise_only['characters_per_minute']:.1f}"
        return (Tile("written where nobody speaks", rate, "characters per minute"),)


def _answer(summary: Summary) -> SilenceAnswer:
    return cast(SilenceAnswer, summary)


def _summarize_noise_only(rows: Sequence[Hypothesis], options: ScoringOptions) -> NoiseOnlySummary | None:
    """Count what was written where nobody speaks, digital silence apart; None where there is no such row.

    Raises:
        ValueError: a row without text has no duration.
    """
    silent = [row for row in rows if _is_noise_only(row, options)]
    if not silent:
        return None
    minutes = _minutes(silent)
    texts = [options.written(row) for row in silent]
    characters = sum(len(text) for text in texts)
    crops = sum(row.condition is Condition.NOISE_ONLY for row in silent)
    return NoiseOnlySummary(
        noise_crops=crops,
        empty_references=len(silent) - crops,
        share_with_text=sum(bool(text) for text in texts) / len(texts),
        characters=characters,
        minutes=minutes,
        characters_per_minute=characters / minutes,
    )


def _summarize_silence(rows: Sequence[Hypothesis], options: ScoringOptions) -> SilenceSummary | None:
    """Count what was written in digital silence; None where there is none.

    Raises:
        ValueError: a row of silence has no duration.
    """
    silent = [row for row in rows if row.condition is Condition.SILENCE]
    if not silent:
        return None
    minutes = _minutes(silent)
    texts = [(f"{row.duration_s:g}", options.written(row)) for row in silent]
    characters = sum(len(text) for _, text in texts)
    return SilenceSummary(
        pieces=len(silent),
        share_with_text=sum(bool(text) for _, text in texts) / len(texts),
        characters=characters,
        minutes=minutes,
        characters_per_minute=characters / minutes,
        texts=dict(texts),
    )


def _is_noise_only(row: Hypothesis, options: ScoringOptions) -> bool:
    return not options.reference(row) if row.is_spoken else row.condition is Condition.NOISE_ONLY


def _minutes(rows: Sequence[Hypothesis]) -> float:
    seconds = 0.0
    for row in rows:
        if row.duration_s is None:
            raise ValueError(f"duration is None in the row of {row.utterance}, which has no text")
        seconds += row.duration_s
    return seconds / 60


def _rows(model: str, summary: Summary) -> list[TableRow]:
    answer, lines = _answer(summary), []
    if answer["noise_only"] is not None:
        of_lists = {noise: cast(Mapping[str, Any], block)["noise_only"] for noise, block in summary["lists"].items()}
        blocks: dict[str, NoiseOnlySummary | None] = {"all": answer["noise_only"]}
        lines += [
            _row(model, noise, block=block, counts=(block["noise_crops"], block["empty_references"]))
            for noise, block in [*blocks.items(), *of_lists.items()]
            if block is not None
        ]
    silence = answer["silence"]
    if silence is not None:
        lines.append(_row(model, "digital silence", block=silence, counts=(silence["pieces"], "")))
    return lines


def _row(
    model: str, noise: str, *, block: NoiseOnlySummary | SilenceSummary, counts: tuple[int, int | str]
) -> TableRow:
    rate, share = strong(f"{block['characters_per_minute']:.1f}"), percent(block["share_with_text"])
    return TableRow((Cell.text(model), Cell.text(noise), rate, share, *map(str, counts), f"{block['minutes']:.1f}"))


def _invented_texts(rows: Sequence[Hypothesis], options: ScoringOptions) -> tuple[Line, ...]:
    """The longest texts where nobody spoke, each with its noise."""
    silent = [row for row in rows if row.condition is Condition.NOISE_ONLY and options.written(row)]
    texts = Counter((row.noise_label or str(row.cell.noise_list), options.written(row)) for row in silent)
    longest = sorted(texts.items(), key=lambda item: -len(item[0][1]))[:SHOWN_INVENTED]
    return tuple(
        (soft(f"{label}:"), cut_text(text), *((soft(f"({times} times)"),) if times > 1 else ()))
        for (label, text), times in longest
    )
