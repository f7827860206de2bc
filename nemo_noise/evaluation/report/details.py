# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The details of the report: all lists, errors by length and word, cost."""

from collections.abc import Mapping

from nemo_noise.evaluation.report.blocks import BarPart, Cell, Chips, Column, Line, Table, TableRow, strong
from nemo_noise.evaluation.report.numbers import interval_of, percent
from nemo_noise.evaluation.scoring.analytics import LengthErrors, WordErrors
from nemo_noise.evaluation.scoring.mean_snr import mean_over
from nemo_noise.evaluation.scoring.summary import Summary

SHOWN_WORDS = 14
SHOWN_CHIPS = 24
MILLION = 1e6


def lists_table(summaries: Mapping[str, Summary]) -> Table | None:
    """Tabulate the headline numbers of every noise list and model.

    Returns:
        The table; None where there is no noise list.
    """
    lists = list(dict.fromkeys(name for summary in summaries.values() for name in summary["lists"]))
    rows = []
    for noise in lists:
        for number, (model, summary) in enumerate((m, s) for m, s in summaries.items() if noise in s["lists"]):
            block = summary["lists"][noise]
            clean = None if summary["clean"] is None else summary["clean"]["wer"]
            cells: tuple[Cell | Line, ...] = (
                Cell.text("" if number else noise),
                Cell.text(model),
                percent(clean),
                strong(percent(block["mean_wer"])),
                Cell.soft(interval_of(block, "mean_wer")),
                percent(block["wer_snr_area"]),
                Cell.soft(interval_of(block, "wer_snr_area")),
                percent(block["mean_cer"]),
                percent(block["worst"]["wer"]),
            )
            rows.append(TableRow(cells, starts_group=not number))
    mean = f"mean WER, {mean_over(summaries.values())}"
    heads = ("clean WER", mean, "95 % interval", "area under the curve", "95 % interval", "mean CER", "worst WER")
    return Table((Column.text("noise"), Column.text("model"), *heads), tuple(rows)) if rows else None


def lengths_table(summaries: Mapping[str, Summary]) -> Table | None:
    """Tabulate WER by the number of words in the reference.

    Returns:
        The table; None where nothing is known.
    """
    lengths: dict[tuple[int, int | None], dict[str, LengthErrors]] = {}
    for model, summary in summaries.items():
        for one in (summary["analytics"] or {"lengths": []})["lengths"]:
            lengths.setdefault((one["words_from"], one["words_to"]), {})[model] = one
    highest = max((one["wer"] for models in lengths.values() for one in models.values()), default=0.0) or 1.0
    rows = []
    for (low, high), models in sorted(lengths.items(), key=lambda item: item[0][0]):
        words = f"{low} and more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        cells: list[Cell | Line] = [Cell.text(words), str(next(iter(models.values()))["utterances"])]
        for index, model in enumerate(summaries):
            cells += _bar_cells(models.get(model), highest, index)
        rows.append(TableRow(tuple(cells)))
    models_over = (Column.text(model, columns=2) for model in summaries)
    return Table((Column.text("words said"), "mixtures", *models_over), tuple(rows)) if rows else None


def words_table(summary: Summary, baseline: Summary | None) -> Table | None:
    """Tabulate the words with the most errors.

    Args:
        summary: of the model.
        baseline: of the baseline, None for none; its rate is shown where the word is among its own worst.

    Returns:
        The table; None where there are no errors.
    """
    words = summary["analytics"]["words"] if summary["analytics"] else []
    others = {one["word"]: one for one in (baseline["analytics"] or {"words": []})["words"]} if baseline else {}
    rows = tuple(_word_row(one, others, has_baseline=baseline is not None) for one in words[:SHOWN_WORDS])
    of_baseline = () if baseline is None else (baseline["model"],)
    last = Column.text("most often heard as")
    return Table((Column.text("word"), "said", "wrong", *of_baseline, "missed", last), rows) if rows else None


def word_chips(summary: Summary) -> tuple[Chips, ...]:
    """List confusions, missed and invented words; nothing where there are no errors."""
    analytics = summary["analytics"]
    if analytics is None:
        return ()
    confusions = [(f"{each['said']} → {each['heard']}", each["times"]) for each in analytics["confusions"]]
    missed = [(each["word"], each["times"]) for each in analytics["missed"]]
    invented = [(each["word"], each["times"]) for each in analytics["invented"]]
    blocks = (("Taken for another", confusions), ("Missed", missed), ("Invented", invented))
    return tuple(Chips(title, tuple(entries[:SHOWN_CHIPS])) for title, entries in blocks if entries)


def speed_table(summaries: Mapping[str, Summary]) -> Table | None:
    """Tabulate what the models cost.

    Returns:
        The table; None where nothing was measured.
    """
    rows = []
    for model, summary in summaries.items():
        speed = summary["speed"]
        if speed["rtfx"] is None and speed["parameters"] is None:
            continue
        delays = f"{speed['latency_utterances']} utterances alone" if speed["latency_utterances"] else ""
        cells: tuple[Cell | Line, ...] = (
            Cell.text(model),
            _number(speed["parameters"], MILLION),
            strong(_number(speed["rtfx"])),
            _number(speed["latency_ms_median"]),
            _number(speed["latency_ms_p95"]),
            Cell.soft(delays),
            _number(speed["peak_memory_mb"]),
        )
        rows.append(TableRow(cells))
    heads = ("parameters, M", "RTFx in batches", "delay, ms", "95 % below, ms", "", "peak memory, MB")
    return Table((Column.text("model"), *heads), tuple(rows)) if rows else None


def _bar_cells(one: LengthErrors | None, highest: float, index: int) -> tuple[Cell | Line, ...]:
    """Write a WER and draw it as a bar in the colour of the curve."""
    if one is None:
        return ("", "")
    look = ("model", "baseline", "control")[min(index, 2)]
    return (strong(percent(one["wer"])), Cell(bar=(BarPart(one["wer"] / highest, look),)))


def _word_row(one: WordErrors, others: Mapping[str, WordErrors], has_baseline: bool) -> TableRow:
    other = percent(others[one["word"]]["error_rate"]) if one["word"] in others else "–"
    cells: tuple[Cell | Line, ...] = (
        Cell.text(strong(one["word"])),
        str(one["said"]),
        percent(one["error_rate"]),
        *((other,) if has_baseline else ()),
        percent(one["deleted"] / one["said"]),
        Cell.text(one["taken_for"] or "–"),
    )
    return TableRow(cells)


def _number(value: float | None, unit: float = 1.0) -> str:
    """Write three digits that count; whole numbers from 100 on."""
    if value is None:
        return "–"
    number = value / unit
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number >= 100 else f"{number:.3g}"
