# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML page that needs nothing from elsewhere, from the headline down to how it was made."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nemo_noise import whole_file
from nemo_noise.evaluation.hypothesis import Hypothesis, by_model
from nemo_noise.evaluation.questions.calibration import CalibrationQuestion
from nemo_noise.evaluation.questions.groups import GroupsQuestion
from nemo_noise.evaluation.questions.question import section_of
from nemo_noise.evaluation.report.adaptation import adaptation_sections
from nemo_noise.evaluation.report.audio import Clip
from nemo_noise.evaluation.report.axes import axes_sections
from nemo_noise.evaluation.report.blocks import (
    Card,
    Key,
    Legend,
    Look,
    Panels,
    Paragraph,
    Section,
    Span,
    Stack,
)
from nemo_noise.evaluation.report.charts import Series, highest_wer, wer_curves
from nemo_noise.evaluation.report.comparison import comparison_sections
from nemo_noise.evaluation.report.context_snr import context_snr_section
from nemo_noise.evaluation.report.details import (
    lengths_table,
    lists_table,
    speed_table,
    word_chips,
    words_table,
)
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.report.headline import headline_tiles
from nemo_noise.evaluation.report.making import making_section
from nemo_noise.evaluation.report.noise_only import noise_only_section
from nemo_noise.evaluation.report.numbers import mean_of
from nemo_noise.evaluation.report.streaming import streaming_section
from nemo_noise.evaluation.report.tables import error_table, label_heat_map
from nemo_noise.evaluation.report.template import render_page
from nemo_noise.evaluation.report.utterances import worst_utterances
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.evaluation.scoring.tally import ScoringOptions

KINDS = Key((("substituted", "s"), ("deleted", "d"), ("inserted", "i")))
MARKS = (
    "Highest WER at 0 dB or better, each utterance once. Marked:",
    Span("missed", Look.MISSED),
    "and",
    Span("invented", Look.INVENTED),
    "words.",
)


def write_report(
    path: str | Path, results: Results, rows: Sequence[Hypothesis], *, clips: Mapping[str, Clip] | None = None
) -> None:
    """Write the page.

    Args:
        path: the HTML file; its folder is created where absent.
        results: from `collect_results`.
        rows: the hypotheses behind them, for the worst utterances.
        clips: sound by `trial_id`, from `make_clips`; None for none.
    """
    whole_file.write_text(path, render_report(results, rows, clips))


def render_report(results: Results, rows: Sequence[Hypothesis], clips: Mapping[str, Clip] | None = None) -> str:
    """Compose the page.

    Args:
        results: from `collect_results`.
        rows: the hypotheses behind them; empty for a page without utterances.
        clips: sound by `trial_id`; None for none.

    Returns:
        HTML.
    """
    summary = results["models"][results["model"]]
    options = ScoringOptions(text_normalization=tuple(summary["text_normalization"]))
    title = f"Noise robustness of {results['model']}"
    sections = [
        _curves(results),
        _heat_maps(results),
        *axes_sections(results),
        *comparison_sections(results),
        *adaptation_sections(results),
        *_errors(results),
        _words(results),
        section_of(GroupsQuestion(), results),
        section_of(CalibrationQuestion(), results),
        noise_only_section(results, rows, options),
        _speed(results),
        streaming_section(results.get("streaming", {}), mean_of(results)),
        context_snr_section(results.get("context_snr", {}), results["model"]),
        _worst(results, rows, options, clips=clips or {}),
        making_section(results),
    ]
    return render_page(
        title,
        heading=title if results["baseline"] is None else f"{title} against {results['baseline']}",
        overview=_overview(summary),
        tiles=headline_tiles(results),
        findings=findings(results),
        sections=[one for one in sections if one is not None],
    )


def _overview(summary: Summary) -> str:
    seeds = f", {len(summary['seeds'])} training seeds" if len(summary["seeds"]) > 1 else ""
    lists = ", ".join(summary["lists"]) or "none"
    return f"{summary['utterances']} utterances{seeds}; noise lists: {lists}. WER in per cent unless said otherwise."


def _series(results: Results, noise_list: str) -> list[Series]:
    """Collect the curves of one noise list, the model last so that it lies on top."""
    series = []
    classes = {results["model"]: "model", results["baseline"]: "baseline"}
    ways = {"adapted": results["adaptation"], "adapted stream": results["stream_adaptation"]}
    classes |= {gain["comparison"]["model"]: look for look, gain in ways.items() if gain is not None}
    for name, summary in reversed(results["models"].items()):
        css_class = classes.get(name, "control")
        if noise_list in summary["lists"]:
            series.append(Series(name, css_class, summary["lists"][noise_list]["cells"], summary["clean"]))
    return series


def _curves(results: Results) -> Section | None:
    """Draw WER over SNR, one panel per noise list, all on one scale."""
    lists = list(results["models"][results["model"]]["lists"])
    if not lists:
        return None
    panels = {name: _series(results, name) for name in lists}
    highest = max(highest_wer(series) for series in panels.values())
    legend = Legend(tuple((one.name, one.css_class) for one in reversed(panels[lists[0]])))
    charts = tuple(
        Card((wer_curves(f"WER over SNR in {name} noise", series, highest),), title=f"{name} noise")
        for name, series in panels.items()
    )
    return Section("WER over SNR", "wer", (legend, Panels(charts)))


def _heat_maps(results: Results) -> Section | None:
    """Tabulate WER by noise label, one map per noise list, for the model."""
    cards = tuple(
        Card(
            (label_heat_map(block["labels"], list(block["cells"])),),
            title=f"{name} noise, {results['model']}",
            scrolls=True,
        )
        for name, block in results["models"][results["model"]]["lists"].items()
    )
    note = Paragraph("The number of words differs from cell to cell; point at one for its interval.")
    return Section("Which noise", "noise", (note, Panels(cards))) if cards else None


def _shown(results: Results) -> dict[str, Summary]:
    """The model and the baseline."""
    return {name: results["models"][name] for name in (results["model"], results["baseline"]) if name is not None}


def _errors(results: Results) -> list[Section]:
    shown = _shown(results)
    overview = lists_table(shown)
    sections = [] if overview is None else [Section("All lists", "lists", (Card((overview,), scrolls=True),))]
    return [*sections, Section("Kinds of errors", "errors", (KINDS, Card((error_table(shown),), scrolls=True)))]


def _words(results: Results) -> Section | None:
    """Show errors by length and by word."""
    shown = _shown(results)
    summary, baseline = shown[results["model"]], shown.get(str(results["baseline"]))
    lengths, words, chips = lengths_table(shown), words_table(summary, baseline), word_chips(summary)
    left = [] if lengths is None else [Card((lengths,), title="By length of the utterance", scrolls=True)]
    left += [Card(chips, is_below=True)] if chips else []
    right = [] if words is None else [Card((words,), title="Words with the most errors", scrolls=True)]
    if not left and not right:
        return None
    note = Paragraph(f"All cells together, clean and noisy. Words: {results['model']}.")
    return Section("Which errors", "words", (note, Panels((Stack(tuple(left)), *right))))


def _speed(results: Results) -> Section | None:
    table = speed_table(_shown(results))
    return None if table is None else Section("Speed and size", "speed", (Card((table,), scrolls=True),))


def _worst(
    results: Results, rows: Sequence[Hypothesis], options: ScoringOptions, *, clips: Mapping[str, Clip]
) -> Section | None:
    of = by_model(rows)
    blocks = worst_utterances(
        of.get(results["model"], []), of.get(str(results["baseline"]), []), options=options, clips=clips
    )
    return Section("The worst utterances", "utterances", (Paragraph(MARKS), Card(blocks))) if blocks else None
