# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the report: tiles, heat maps, error kinds, comparisons and the worst utterances, as HTML."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from nemo_noise.evaluation.hypothesis import Condition, Hypothesis
from nemo_noise.evaluation.report.numbers import decibels, interval_text, percent, percent_number, snr_text, with_minus
from nemo_noise.evaluation.report.utterances import cut_text
from nemo_noise.evaluation.scoring.comparison import Comparison
from nemo_noise.evaluation.scoring.summary import CellSummary, LabelSummary, Summary
from nemo_noise.evaluation.scoring.tally import ScoringOptions

SHOWN_INVENTED = 8
STRONG_HEAT = 0.62
SIGNIFICANT = 0.05


def tile(title: str, value: str, note: str) -> str:
    """Write one headline number.

    Args:
        title: what it is.
        value: the number.
        note: interval or comparison below it.

    Returns:
        A `<div>`.
    """
    return (
        f'<div class="card tile"><span>{escape(title)}</span><b>{escape(value)}</b><span>{escape(note)}</span></div>'
    )


def label_heat_map(labels: Mapping[str, LabelSummary], snrs: Sequence[str]) -> str:
    """Tabulate WER per noise label and SNR, the worst label first.

    Args:
        labels: summary by label.
        snrs: columns, as keys of the cells.

    Returns:
        A `<table>`.
    """
    highest = max(cell["wer"] for label in labels.values() for cell in label["cells"].values()) or 1.0
    rows = []
    for name, label in sorted(labels.items(), key=lambda item: -item[1]["mean_wer"]):
        cells = [_heat_cell(label["cells"].get(snr), highest) for snr in snrs]
        mean = percent_number(label["mean_wer"])
        interval = interval_text(label["mean_wer_low"], label["mean_wer_high"])
        cells.append(f'<td title="{escape(interval)}"><b>{mean}</b></td>')
        rows.append(f'<tr><td class="name">{escape(name)}</td>{"".join(cells)}</tr>')
    head = "".join(f"<th>{_minus(snr)}</th>" for snr in snrs)
    head = f'<tr><th class="name">SNR, dB</th>{head}<th>mean</th></tr>'
    return f'<table class="heat">{head}{"".join(rows)}</table>'


def error_table(summaries: Mapping[str, Summary]) -> str:
    """Tabulate WER, its interval, and the kinds of errors per noise list, SNR and model.

    Args:
        summaries: by model, in the order to show.

    Returns:
        A `<table>`.
    """
    grid = list(
        dict.fromkeys((n, snr) for s in summaries.values() for n, b in s["lists"].items() for snr in b["cells"])
    )
    rows: list[tuple[str, str, str, CellSummary]] = []
    rows += [("–", "clean", model, s["clean"]) for model, s in summaries.items() if s["clean"] is not None]
    for noise, snr in grid:
        for model, summary in summaries.items():
            if noise in summary["lists"] and snr in summary["lists"][noise]["cells"]:
                rows.append((noise, snr_text(snr), model, summary["lists"][noise]["cells"][snr]))
    most = max((cell["wer"] for *_, cell in rows), default=1.0) or 1.0
    body, previous = [], ("", "")
    for noise, snr, model, cell in rows:
        group = "group" if (noise, snr) != previous else ""
        shown = (escape(noise), escape(snr)) if group else ("", "")
        previous = (noise, snr)
        rates = [cell[kind] / cell["words"] for kind in ("substitutions", "deletions", "insertions")]
        bar = "".join(
            f'<i class="{kind}" style="width:{100 * rate / most:.1f}%"></i>'
            for kind, rate in zip("sdi", rates, strict=True)
        )
        edges = None if cell["edge_insertions"] is None else cell["edge_insertions"] / cell["words"]
        numbers = "".join(f"<td>{percent(rate)}</td>" for rate in [*rates, edges])
        body.append(
            f'<tr class="{group}"><td class="name">{shown[0]}</td><td class="name">{shown[1]}</td>'
            f'<td class="name">{escape(model)}</td><td><b>{percent(cell["wer"])}</b></td>'
            f"<td>{interval_text(cell['wer_low'], cell['wer_high'])}</td>"
            f'<td><div class="bar">{bar}</div></td>{numbers}'
            f"<td>{percent(cell['cer'])}</td><td>{cell['words']}</td></tr>"
        )
    head = '<th class="name">noise</th><th class="name">SNR</th><th class="name">model</th><th>WER</th>'
    head += (
        "<th>95 % interval</th><th></th><th>S</th><th>D</th><th>I</th><th>I at edges</th><th>CER</th><th>words</th>"
    )
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def comparison_table(comparison: Comparison) -> str:
    """Tabulate reductions, gains and p-values per noise list, and per training seed where there are several.

    Args:
        comparison: of two models.

    Returns:
        A `<table>`.
    """
    body = []
    for noise, block in comparison["lists"].items():
        over = ", ".join(f"{snr:g}" for snr in block["mean_over_snr_db"])
        gain = decibels(block["db_gained"])
        if block["db_gained_low"] is not None:
            gain += f" ({decibels(block['db_gained_low'])} to {decibels(block['db_gained_high'])})"
        body.append(
            _comparison_row(f"{noise}, mean over {over} dB", block["relative_reduction"])
            + f"<td>{interval_text(block['relative_reduction_low'], block['relative_reduction_high'])}</td>"
            f"<td>{_probability(block['probability_of_improvement'])}</td><td>{gain}</td></tr>"
        )
        by_seed = block["relative_reduction_by_seed"]
        for seed, reduction in by_seed.items() if len(by_seed) > 1 else ():
            body.append(_comparison_row(f"seed {seed}", reduction, "name sub") + "<td></td><td></td><td></td></tr>")
        if len(by_seed) > 1:
            low, high = block["relative_reduction_with_seeds_low"], block["relative_reduction_with_seeds_high"]
            row = _comparison_row("drawing the training seeds too", block["relative_reduction"], "name sub")
            body.append(f"{row}<td>{interval_text(low, high)}</td><td></td><td></td></tr>")
    clean = comparison["clean"]
    if clean is not None:
        body.append(
            _comparison_row("clean speech", clean["relative_reduction"])
            + f"<td>{interval_text(clean['relative_reduction_low'], clean['relative_reduction_high'])}</td>"
            f"<td>{_probability(clean['probability_of_improvement'])}</td><td></td></tr>"
        )
    head = '<th class="name"></th><th>relative reduction of WER</th><th>95 % interval</th>'
    head += "<th>probability of improvement</th><th>gained at equal WER</th>"
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def cell_tests_table(comparison: Comparison) -> str:
    """Tabulate both tests of every cell, with the p-values corrected over all of them.

    Args:
        comparison: of two models.

    Returns:
        A `<table>`; what stays below 0.05 after the correction is bold.
    """
    cells = [] if comparison["clean"] is None else [("–", "clean", comparison["clean"])]
    for noise, block in comparison["lists"].items():
        cells += [(noise, snr_text(snr), cell) for snr, cell in block["cells"].items()]
    body, previous = [], ""
    for noise, snr, cell in cells:
        shown, previous = ("" if noise == previous else escape(noise)), noise
        statistic = "–" if cell["mapsswe_statistic"] is None else _minus(f"{cell['mapsswe_statistic']:.2f}")
        segments = "–" if cell["mapsswe_segments"] is None else cell["mapsswe_segments"]
        interval = interval_text(cell["difference_low"], cell["difference_high"])
        body.append(
            f'<tr class="{"group" if shown else ""}"><td class="name">{shown}</td><td class="name">{escape(snr)}</td>'
            f'<td>{percent(cell["difference"])}</td><td class="soft">{interval}</td>'
            f"<td>{_probability(cell['p_value'])}</td>{corrected(cell['p_value_holm'])}"
            f"<td>{segments}</td><td>{statistic}</td><td>{_probability(cell['mapsswe_p_value'])}</td>"
            f"{corrected(cell['mapsswe_p_value_holm'])}</tr>"
        )
    head = '<th class="name">noise</th><th class="name">SNR</th><th>difference of WER</th><th>95 % interval</th>'
    head += "<th>bootstrap p</th><th>Holm</th><th>MAPSSWE segments</th><th>z</th><th>p</th><th>Holm</th>"
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def invented_texts(rows: Sequence[Hypothesis], options: ScoringOptions) -> str:
    """List the longest texts heard where nobody spoke.

    Args:
        rows: hypothesis rows of the model.
        options: how to score.

    Returns:
        A list in HTML, empty where nothing was invented.
    """
    silent = [row for row in rows if row.condition is Condition.NOISE_ONLY and options.written(row)]
    texts = Counter((row.noise_label or str(row.cell.noise_list), options.written(row)) for row in silent)
    items = []
    for (label, text), times in sorted(texts.items(), key=lambda item: -len(item[0][1]))[:SHOWN_INVENTED]:
        often = f' <span class="soft">({times} times)</span>' if times > 1 else ""
        items.append(f'<li><span class="soft">{escape(label)}:</span> {escape(cut_text(text))}{often}</li>')
    return f'<ul class="plain">{"".join(items)}</ul>' if items else ""


def _heat_cell(cell: CellSummary | None, highest: float) -> str:
    """Colour a cell by its share of the highest WER."""
    if cell is None:
        return "<td>–</td>"
    share = cell["wer"] / highest
    strong = " strong" if share > STRONG_HEAT else ""
    title = f"{interval_text(cell['wer_low'], cell['wer_high'])}, {cell['words']} words"
    text = percent_number(cell["wer"])
    return f'<td class="hot{strong}" style="--a:{share:.2f}" title="{escape(title)}">{text}</td>'


def _comparison_row(name: str, reduction: float | None, css_class: str = "name") -> str:
    return f'<tr><td class="{css_class}">{escape(name)}</td><td><b>{percent(reduction)}</b></td>'


def _probability(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def corrected(value: float | None) -> str:
    """A cell with a p-value that is corrected for being one of several, bold where it is significant."""
    text = _probability(value)
    return f"<td><b>{text}</b></td>" if value is not None and value < SIGNIFICANT else f"<td>{text}</td>"


def _minus(number: str) -> str:
    return escape(with_minus(number))
