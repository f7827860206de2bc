# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The details of the report: errors by length and word, groups of speakers, calibration, cost, as HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from nemo_noise.evaluation.report.numbers import interval_text, percent, snr_text
from nemo_noise.evaluation.scoring.analytics import LengthErrors, WordErrors
from nemo_noise.evaluation.scoring.calibration import Calibration
from nemo_noise.evaluation.scoring.groups import group_gap
from nemo_noise.evaluation.scoring.mean_snr import mean_over
from nemo_noise.evaluation.scoring.summary import Summary

SHOWN_WORDS = 14
SHOWN_CHIPS = 24
MILLION = 1e6


def lists_table(summaries: Mapping[str, Summary]) -> str:
    """Tabulate the headline numbers of every noise list and model.

    Args:
        summaries: by model, in the order to show.

    Returns:
        A `<table>`; empty where there is no noise list.
    """
    lists = list(dict.fromkeys(name for summary in summaries.values() for name in summary["lists"]))
    rows = []
    for noise in lists:
        for number, (model, summary) in enumerate((m, s) for m, s in summaries.items() if noise in s["lists"]):
            block = summary["lists"][noise]
            clean = None if summary["clean"] is None else summary["clean"]["wer"]
            mean = interval_text(block["mean_wer_low"], block["mean_wer_high"])
            area = interval_text(block["wer_snr_area_low"], block["wer_snr_area_high"])
            rows.append(
                f'<tr class="{"" if number else "group"}"><td class="name">{"" if number else escape(noise)}</td>'
                f'<td class="name">{escape(model)}</td><td>{percent(clean)}</td>'
                f'<td><b>{percent(block["mean_wer"])}</b></td><td class="soft">{mean}</td>'
                f'<td>{percent(block["wer_snr_area"])}</td><td class="soft">{area}</td>'
                f"<td>{percent(block['mean_cer'])}</td><td>{percent(block['worst']['wer'])}</td></tr>"
            )
    head = '<th class="name">noise</th><th class="name">model</th><th>clean WER</th><th>mean WER, '
    head += (
        f"{mean_over(summaries.values())}</th>"
        "<th>95 % interval</th><th>area under the curve</th><th>95 % interval</th><th>mean CER</th><th>worst WER</th>"
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else ""


def lengths_table(summaries: Mapping[str, Summary]) -> str:
    """Tabulate WER by the number of words in the reference.

    Args:
        summaries: by model, in the order to show.

    Returns:
        A `<table>`; empty where nothing is known.
    """
    lengths: dict[tuple[int, int | None], dict[str, LengthErrors]] = {}
    for model, summary in summaries.items():
        for one in (summary["analytics"] or {"lengths": []})["lengths"]:
            lengths.setdefault((one["words_from"], one["words_to"]), {})[model] = one
    highest = max((one["wer"] for models in lengths.values() for one in models.values()), default=0.0) or 1.0
    rows = []
    for (low, high), models in sorted(lengths.items(), key=lambda item: item[0][0]):
        words = f"{low} and more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        count = next(iter(models.values()))["utterances"]
        cells = "".join(_bar_cells(models.get(model), highest, index) for index, model in enumerate(summaries))
        rows.append(f'<tr><td class="name">{words}</td><td>{count}</td>{cells}</tr>')
    head = "".join(f'<th colspan="2" class="name">{escape(model)}</th>' for model in summaries)
    head = f'<tr><th class="name">words said</th><th>mixtures</th>{head}</tr>'
    return f"<table>{head}{''.join(rows)}</table>" if rows else ""


def words_table(summary: Summary, baseline: Summary | None) -> str:
    """Tabulate the words with the most errors.

    Args:
        summary: of the model.
        baseline: of the baseline, None for none; its rate is shown where the word is among its own worst.

    Returns:
        A `<table>`; empty where there are no errors.
    """
    words = summary["analytics"]["words"] if summary["analytics"] else []
    others = {one["word"]: one for one in (baseline["analytics"] or {"words": []})["words"]} if baseline else {}
    rows = [_word_row(one, others, baseline) for one in words[:SHOWN_WORDS]]
    head = '<th class="name">word</th><th>said</th><th>wrong</th>'
    head += f"<th>{escape(baseline['model'])}</th>" if baseline else ""
    head += '<th>missed</th><th class="name">most often heard as</th>'
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else ""


def word_chips(summary: Summary) -> str:
    """List confusions, missed and invented words.

    Args:
        summary: of the model.

    Returns:
        Headings and chips; empty where there are no errors.
    """
    analytics = summary["analytics"]
    if analytics is None:
        return ""
    confusions = [(f"{each['said']} → {each['heard']}", each["times"]) for each in analytics["confusions"]]
    missed = [(each["word"], each["times"]) for each in analytics["missed"]]
    invented = [(each["word"], each["times"]) for each in analytics["invented"]]
    blocks = (("Taken for another", confusions), ("Missed", missed), ("Invented", invented))
    return "".join(_chips(title, items) for title, items in blocks if items)


def groups_table(summaries: Mapping[str, Summary]) -> str:
    """Tabulate WER by group of speakers.

    Args:
        summaries: by model, in the order to show.

    Returns:
        A `<table>`; empty where no field has two values.
    """
    fields = list(dict.fromkeys(field for summary in summaries.values() for field in summary["groups"]))
    rows = []
    for field in fields:
        gaps = [group_gap(summary["groups"].get(field, {})) for summary in summaries.values()]
        cells = "".join(f'<td class="soft">gap {percent(gap)}</td><td></td><td></td>' for gap in gaps)
        rows.append(f'<tr class="group"><td class="name"><b>{escape(field)}</b></td><td></td>{cells}</tr>')
        values = dict.fromkeys(value for summary in summaries.values() for value in summary["groups"].get(field, {}))
        for value in values:
            groups = [summary["groups"].get(field, {}).get(value) for summary in summaries.values()]
            count = next(group["utterances"] for group in groups if group is not None)
            cells = ""
            for group in groups:
                known = group or {"mean_wer": None, "mean_wer_low": None, "mean_wer_high": None, "clean_wer": None}
                interval = interval_text(known["mean_wer_low"], known["mean_wer_high"])
                cells += f"<td><b>{percent(known['mean_wer'])}</b></td>"
                cells += f'<td class="soft">{interval}</td><td>{percent(known["clean_wer"])}</td>'
            rows.append(f'<tr><td class="name sub">{escape(value)}</td><td>{count}</td>{cells}</tr>')
    models = "".join(f'<th colspan="3" class="over">{escape(model)}</th>' for model in summaries)
    over = mean_over(summaries.values())
    head = f"<th>WER, {over}</th><th>95 % interval</th><th>clean</th>" * len(summaries)
    head = f'<tr><th></th><th></th>{models}</tr><tr><th class="name">group</th><th>utterances</th>{head}</tr>'
    return f"<table>{head}{''.join(rows)}</table>" if rows else ""


def calibration_table(calibrations: Mapping[str, Calibration]) -> str:
    """Tabulate calibration errors by SNR.

    Args:
        calibrations: by model.

    Returns:
        A `<table>`.
    """
    snrs = list(dict.fromkeys(snr for one in calibrations.values() for snr in one["ece_by_snr"]))
    known = list(calibrations.values())
    lines: list[tuple[str, list[str]]] = [
        ("judged", [f"{one['items']} {one['unit']}s" for one in known]),
        ("mean confidence", [percent(one["confidence"]) for one in known]),
        ("right", [percent(one["accuracy"]) for one in known]),
        ("calibration error, ECE", [f"<b>{percent(one['ece'])}</b>" for one in known]),
    ]
    for snr in snrs:
        title = "ECE, clean" if snr == "clean" else f"ECE, {snr_text(snr)}"
        lines.append((title, [percent(one["ece_by_snr"].get(snr)) for one in known]))
    head = "".join(f"<th>{escape(model)}</th>" for model in calibrations)
    rows = [
        f'<tr><td class="name">{title}</td>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for title, cells in lines
    ]
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def speed_table(summaries: Mapping[str, Summary]) -> str:
    """Tabulate what the models cost.

    Args:
        summaries: by model, in the order to show.

    Returns:
        A `<table>`; empty where nothing was measured.
    """
    rows = []
    for model, summary in summaries.items():
        speed = summary["speed"]
        if speed["rtfx"] is None and speed["parameters"] is None:
            continue
        delays = f"{speed['latency_utterances']} utterances alone" if speed["latency_utterances"] else ""
        rows.append(
            f'<tr><td class="name">{escape(model)}</td><td>{_number(speed["parameters"], MILLION)}</td>'
            f"<td><b>{_number(speed['rtfx'])}</b></td><td>{_number(speed['latency_ms_median'])}</td>"
            f'<td>{_number(speed["latency_ms_p95"])}</td><td class="soft">{delays}</td>'
            f"<td>{_number(speed['peak_memory_mb'])}</td></tr>"
        )
    head = '<th class="name">model</th><th>parameters, M</th><th>RTFx in batches</th><th>delay, ms</th>'
    head += "<th>95 % below, ms</th><th></th><th>peak memory, MB</th>"
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else ""


def _bar_cells(one: LengthErrors | None, highest: float, index: int) -> str:
    """Write a WER and draw it as a bar in the colour of the curve."""
    if one is None:
        return "<td></td><td></td>"
    colour = ("model", "baseline", "control")[min(index, 2)]
    width = 100 * one["wer"] / highest
    bar = f'<div class="bar wide"><i style="width:{width:.1f}%;background:var(--{colour})"></i></div>'
    return f"<td><b>{percent(one['wer'])}</b></td><td>{bar}</td>"


def _word_row(one: WordErrors, others: Mapping[str, WordErrors], baseline: Summary | None) -> str:
    other = ""
    if baseline is not None:
        other = f"<td>{percent(others[one['word']]['error_rate']) if one['word'] in others else '–'}</td>"
    return (
        f'<tr><td class="name"><b>{escape(one["word"])}</b></td><td>{one["said"]}</td>'
        f"<td>{percent(one['error_rate'])}</td>{other}<td>{percent(one['deleted'] / one['said'])}</td>"
        f'<td class="name">{escape(one["taken_for"] or "–")}</td></tr>'
    )


def _chips(title: str, items: Sequence[tuple[str, int]]) -> str:
    chips = "".join(f'<span class="chip">{escape(text)} <i>{times}</i></span>' for text, times in items[:SHOWN_CHIPS])
    return f'<h3>{escape(title)}</h3><p class="chips">{chips}</p>'


def _number(value: float | None, unit: float = 1.0) -> str:
    """Write three digits that count; whole numbers from 100 on."""
    if value is None:
        return "–"
    number = value / unit
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number >= 100 else f"{number:.3g}"
