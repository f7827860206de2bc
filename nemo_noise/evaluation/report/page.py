# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML page that needs nothing from elsewhere, from the headline down to how it was made."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from omegaconf import OmegaConf

from nemo_noise import whole_file
from nemo_noise.evaluation.report.adaptation import adaptation_section
from nemo_noise.evaluation.report.audio import Clip
from nemo_noise.evaluation.report.axes import axes_section
from nemo_noise.evaluation.report.charts import (
    Series,
    difference_forest,
    highest_wer,
    reliability_chart,
    wer_curves,
)
from nemo_noise.evaluation.report.context_snr import context_snr_section
from nemo_noise.evaluation.report.details import (
    calibration_table,
    groups_table,
    lengths_table,
    lists_table,
    speed_table,
    word_chips,
    words_table,
)
from nemo_noise.evaluation.report.findings import findings, primary_list
from nemo_noise.evaluation.report.numbers import decibels, interval_text, mean_of, percent, snr_text
from nemo_noise.evaluation.report.streaming import streaming_section
from nemo_noise.evaluation.report.style import STYLE
from nemo_noise.evaluation.report.tables import (
    cell_tests_table,
    comparison_table,
    error_table,
    invented_texts,
    label_heat_map,
    tile,
)
from nemo_noise.evaluation.report.utterances import worst_utterances
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.hallucination import NoiseOnlySummary, SilenceSummary
from nemo_noise.evaluation.scoring.hypotheses import Row
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.foreign_text import printable

STEERING = re.compile(r"[^\n\x20-\x7e]")  # what may steer a terminal or the direction of writing; most of it may not
DEFINITIONS = (
    "SNR: active level of the speech (ITU-T P.56, pauses do not count) against the RMS level of the noise over the "
    "utterance. Mixtures are floating point and not clipped.",
    "Each utterance meets one piece of noise per list, drawn from (seed, utterance, list): the same at every SNR and "
    "for every model.",
    "Means over SNRs: of the WERs at those of 20, 15, 10, 5 and 0 dB that were run, each weighing the same; clean "
    "speech and lower SNRs stay out of them, unless no other was run.",
    "Intervals: 95 %, percentiles of a bootstrap; differences are paired. They show what other speakers or utterances "
    "would change, not what other recordings of noise or another training run would.",
    "Gained at equal WER: horizontal distance of the two curves, averaged over the WERs that both reach.",
    "Area under the curve: WER integrated over the SNRs of the grid and divided by its width, a mean over every dB.",
    "MAPSSWE: matched-pairs test over segments of utterances between two words that both models got right (Gillick "
    "and Cox, 1989).",
    "S, D, I: words substituted, deleted (missed), inserted, as shares of the words said; I at edges: inserted before "
    "the first word or after the last one.",
    "Texts are compared as they are seen: letters and accents composed (Unicode's NFC), invisible characters such as "
    "soft hyphens left out. Steps of text_normalization come on top.",
    "RTFx: seconds of audio per second of transcription in batches, without mixing, on the hardware named here; the "
    "delay is that of one utterance alone.",
)


def write_report(
    path: str | Path, results: Results, rows: Sequence[Row], clips: Mapping[str, Clip] | None = None
) -> None:
    """Write the page.

    Args:
        path: the HTML file; its folder is created where absent.
        results: from `collect_results`.
        rows: the hypotheses behind them, for the worst utterances.
        clips: sound by `trial_id`, from `make_clips`; None for none.
    """
    whole_file.write_text(path, render_report(results, rows, clips))


def render_report(results: Results, rows: Sequence[Row], clips: Mapping[str, Clip] | None = None) -> str:
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
    summary_of_all = [_header(results, title), _tiles(results), _findings(results)]
    sections = [
        _curves(results),
        _heat_maps(results),
        axes_section(results),
        _comparison(results),
        adaptation_section(results),
        _errors(results),
        _words(results),
        _groups(results),
        _calibration(results),
        _noise_only(results, rows, options),
        _speed(results),
        streaming_section(results.get("streaming", {}), mean_of(results)),
        context_snr_section(results.get("context_snr", {}), results["model"]),
        _worst(results, rows, options, clips or {}),
        _making(results),
    ]
    head, body = "".join(summary_of_all), "".join(sections)
    links = "".join(f'<a href="#{anchor}">{heading}</a>' for anchor, heading in _headings(body))
    for anchor, heading in _headings(body):
        body = body.replace(f"<h2>{heading}</h2>", f'<h2 id="{anchor}">{heading}</h2>', 1)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{head}<nav>{links}</nav>{body}</main></body></html>\n"
    )
    return STEERING.sub(lambda found: printable(found[0]), page)


def _headings(body: str) -> list[tuple[str, str]]:
    """Name the headings of the page, for links to them."""
    return [(f"s{number}", heading) for number, heading in enumerate(re.findall("<h2>(.*?)</h2>", body), start=1)]


def _header(results: Results, title: str) -> str:
    summary = results["models"][results["model"]]
    against = "" if results["baseline"] is None else f" against {results['baseline']}"
    seeds = f", {len(summary['seeds'])} training seeds" if len(summary["seeds"]) > 1 else ""
    lists = ", ".join(summary["lists"]) or "none"
    line = f"{summary['utterances']} utterances{seeds}; noise lists: {lists}. WER in per cent unless said otherwise."
    return f'<h1>{escape(title + against)}</h1><p class="soft">{escape(line)}</p>'


def _tiles(results: Results) -> str:
    """Write the headline numbers."""
    summary = results["models"][results["model"]]
    baseline = None if results["baseline"] is None else results["models"][results["baseline"]]
    tiles = []
    primary = primary_list(results)
    if primary is not None:
        block = summary["lists"][primary]
        note = interval_text(block["mean_wer_low"], block["mean_wer_high"])
        if baseline is not None and primary in baseline["lists"]:
            note += f"; baseline {percent(baseline['lists'][primary]['mean_wer'])}"
        tiles.append(tile(f"WER, {primary} noise, {mean_of(results)}", percent(block["mean_wer"]), note))
    if summary["clean"] is not None:
        note = interval_text(summary["clean"]["wer_low"], summary["clean"]["wer_high"])
        if baseline is not None and baseline["clean"] is not None:
            note += f"; baseline {percent(baseline['clean']['wer'])}"
        tiles.append(tile("WER on clean speech", percent(summary["clean"]["wer"]), note))
    comparison = results["comparison"]
    if comparison is not None and primary in comparison["lists"]:
        gain = comparison["lists"][primary]
        interval = interval_text(gain["relative_reduction_low"], gain["relative_reduction_high"])
        tiles.append(tile(f"fewer errors in {primary} noise", percent(gain["relative_reduction"]), interval))
        note = f"{decibels(gain['db_gained_low'])} to {decibels(gain['db_gained_high'])}, {primary} noise"
        tiles.append(tile("more noise at equal WER", decibels(gain["db_gained"]), note))
    worst = summary["worst"]
    if worst is not None:
        tiles.append(
            tile("worst cell", percent(worst["wer"]), f"{worst['noise_list']} noise at {snr_text(worst['snr_db'])}")
        )
    if summary["noise_only"] is not None:
        noise_only = summary["noise_only"]["characters_per_minute"]
        tiles.append(tile("written where nobody speaks", f"{noise_only:.1f}", "characters per minute"))
    if summary["rtfx"] is not None:
        note = str(results["made"].get("hardware") or results["made"].get("device") or "")
        tiles.append(tile("speed, RTFx", f"{summary['rtfx']:.3g}", note))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _findings(results: Results) -> str:
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in findings(results))
    return f'<ul class="findings">{sentences}</ul>' if sentences else ""


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


def _curves(results: Results) -> str:
    """Draw WER over SNR, one panel per noise list, all on one scale."""
    lists = list(results["models"][results["model"]]["lists"])
    if not lists:
        return ""
    panels = {name: _series(results, name) for name in lists}
    highest = max(highest_wer(series) for series in panels.values())
    legend = "".join(
        f'<span><i class="{one.css_class}"></i>{escape(one.name)}</span>' for one in reversed(panels[lists[0]])
    )
    charts = ""
    for name, series in panels.items():
        chart = wer_curves(f"WER over SNR in {name} noise", series, highest)
        charts += f'<div class="card"><h3>{escape(name)} noise</h3>{chart}</div>'
    return f'<h2>WER over SNR</h2><div class="legend">{legend}</div><div class="panels">{charts}</div>'


def _heat_maps(results: Results) -> str:
    """Tabulate WER by noise label, one map per noise list, for the model."""
    cards = []
    for name, block in results["models"][results["model"]]["lists"].items():
        heat = label_heat_map(block["labels"], list(block["cells"]))
        cards.append(f'<div class="card scroll"><h3>{escape(name)} noise, {escape(results["model"])}</h3>{heat}</div>')
    if not cards:
        return ""
    note = "The number of words differs from cell to cell; point at one for its interval."
    return f'<h2>Which noise</h2><p class="soft">{note}</p><div class="panels">{"".join(cards)}</div>'


def _comparison(results: Results) -> str:
    """Show differences with their intervals, and the controls."""
    comparison = results["comparison"]
    parts = []
    if comparison is not None:
        forests = "".join(
            f'<div class="card"><h3>{escape(name)} noise</h3>{difference_forest(block)}</div>'
            for name, block in comparison["lists"].items()
        )
        heading = f"{comparison['model']} against {comparison['baseline']}"
        parts += [f'<h2>{escape(heading)}</h2><div class="panels">{forests}</div>']
        parts += [f'<div class="card scroll below">{comparison_table(comparison)}</div>']
        tests = f'<div class="scroll">{cell_tests_table(comparison)}</div>'
        title = "Every cell tested: paired bootstrap and MAPSSWE, p-values corrected over all cells (Holm)"
        parts += [f'<details class="card below"><summary>{title}</summary>{tests}</details>']
        unpaired = comparison["unpaired_model_rows"] + comparison["unpaired_baseline_rows"]
        if unpaired:
            parts.append(f"<p>{unpaired} hypotheses have no partner and are left out of the comparison.</p>")
    for name, control in results["controls"].items():
        title = escape(f"Control: own context against {name.replace('_', ' ')}")
        parts.append(f'<h2>{title}</h2><div class="card scroll">{comparison_table(control)}</div>')
    return "".join(parts)


def _shown(results: Results) -> dict[str, Summary]:
    """The model and the baseline."""
    return {name: results["models"][name] for name in (results["model"], results["baseline"]) if name is not None}


def _errors(results: Results) -> str:
    shown = _shown(results)
    overview = lists_table(shown)
    overview = f'<h2>All lists</h2><div class="card scroll">{overview}</div>' if overview else ""
    key = '<p class="key soft"><i class="s"></i>substituted <i class="d"></i>deleted <i class="i"></i>inserted</p>'
    return f'{overview}<h2>Kinds of errors</h2>{key}<div class="card scroll">{error_table(shown)}</div>'


def _words(results: Results) -> str:
    """Show errors by length and by word."""
    shown = _shown(results)
    summary, baseline = shown[results["model"]], shown.get(str(results["baseline"]))
    lengths, words, chips = lengths_table(shown), words_table(summary, baseline), word_chips(summary)
    left = f'<div class="card scroll"><h3>By length of the utterance</h3>{lengths}</div>' if lengths else ""
    left += f'<div class="card below">{chips}</div>' if chips else ""
    right = f'<div class="card scroll"><h3>Words with the most errors</h3>{words}</div>' if words else ""
    note = f'<p class="soft">All cells together, clean and noisy. Words: {escape(results["model"])}.</p>'
    return f'<h2>Which errors</h2>{note}<div class="panels"><div>{left}</div>{right}</div>' if left or right else ""


def _groups(results: Results) -> str:
    table = groups_table(_shown(results))
    note = '<p class="soft">Mean over all noise lists; the gap is the highest minus the lowest.</p>'
    return f'<h2>Whose speech</h2>{note}<div class="card scroll">{table}</div>' if table else ""


def _calibration(results: Results) -> str:
    """Show whether confidences can be believed."""
    known = {name: s["calibration"] for name, s in _shown(results).items() if s["calibration"] is not None}
    if not known:
        return ""
    classes = {name: "model" if name == results["model"] else "baseline" for name in known}
    note = "Expected calibration error: distance between confidence and share of right answers. "
    note += "Above the diagonal the model is right more often than it says, below it is too sure."
    return (
        f'<h2>Is it as sure as it should be?</h2><p class="soft">{note}</p><div class="card side">'
        f'{reliability_chart(known, classes)}<div class="scroll">{calibration_table(known)}</div></div>'
    )


def _speed(results: Results) -> str:
    table = speed_table(_shown(results))
    return f'<h2>Speed and size</h2><div class="card scroll">{table}</div>' if table else ""


def _noise_only(results: Results, rows: Sequence[Row], options: ScoringOptions) -> str:
    """Show what is written where nobody speaks."""
    lines = []
    for name, summary in results["models"].items():
        whole = summary["noise_only"]
        if whole is not None:
            blocks: list[tuple[str, NoiseOnlySummary | None]] = [("all", whole)]
            blocks += [(noise, block["noise_only"]) for noise, block in summary["lists"].items()]
            lines += [_noise_only_row(name, noise, block) for noise, block in blocks if block is not None]
        if summary["silence"] is not None:
            lines.append(_silence_row(name, summary["silence"]))
    if not lines:
        return ""
    head = '<th class="name">model</th><th class="name">noise</th><th>characters per minute</th>'
    head += "<th>pieces with text</th><th>pieces</th><th>utterances with empty reference</th><th>minutes</th>"
    texts = invented_texts([row for row in rows if (row.get("model") or "model") == results["model"]], options)
    shown = f'<h3 class="below">The longest texts of {escape(results["model"])}</h3>{texts}' if texts else ""
    return (
        "<h2>Where nobody speaks</h2>"
        f'<div class="card scroll"><table><tr>{head}</tr>{"".join(lines)}</table>{shown}</div>'
    )


def _silence_row(model: str, block: SilenceSummary) -> str:
    return (
        f'<tr><td class="name">{escape(model)}</td><td class="name">digital silence</td>'
        f"<td><b>{block['characters_per_minute']:.1f}</b></td><td>{percent(block['share_with_text'])}</td>"
        f"<td>{block['pieces']}</td><td></td><td>{block['minutes']:.1f}</td></tr>"
    )


def _noise_only_row(model: str, noise: str, block: NoiseOnlySummary) -> str:
    return (
        f'<tr><td class="name">{escape(model)}</td><td class="name">{escape(noise)}</td>'
        f"<td><b>{block['characters_per_minute']:.1f}</b></td><td>{percent(block['share_with_text'])}</td>"
        f"<td>{block['noise_crops']}</td><td>{block['empty_references']}</td><td>{block['minutes']:.1f}</td></tr>"
    )


def _worst(results: Results, rows: Sequence[Row], options: ScoringOptions, clips: Mapping[str, Clip]) -> str:
    of = {name: [row for row in rows if (row.get("model") or "model") == name] for name in results["models"]}
    blocks = worst_utterances(of[results["model"]], of.get(str(results["baseline"]), []), options, clips)
    note = "Highest WER at 0 dB or better, each utterance once."
    marks = 'Marked: <mark class="missed">missed</mark> and <mark class="invented">invented</mark> words.'
    if not blocks:
        return ""
    return f'<h2>The worst utterances</h2><p class="soft">{note} {marks}</p><div class="card">{blocks}</div>'


def _making(results: Results) -> str:
    """Say how it was made, so that others can make it again."""
    made, summary = results["made"], results["models"][results["model"]]
    facts = {
        "time": made.get("time"),
        "hardware": made.get("hardware"),
        "device": f"{made.get('device')}, {made.get('threads')} threads" if "device" in made else None,
        "versions": ", ".join(f"{name} {version}" for name, version in made.get("versions", {}).items()),
        "resampled": f"{summary['resampling_units']} x {summary['resampling_unit']}, {summary['replications']} times",
        "text normalisation": ", ".join(["composed", *summary["text_normalization"]]),
        "SHA-256 of all mixtures": summary["mixture_set_sha256"],
    }
    lines = "".join(
        f'<tr><td class="name">{escape(name)}</td><td class="name" style="white-space:normal"><code>'
        f"{escape(str(value))}</code></td></tr>"
        for name, value in facts.items()
        if value
    )
    definitions = "".join(f"<li>{escape(sentence)}</li>" for sentence in DEFINITIONS)
    config = OmegaConf.to_yaml(OmegaConf.create(made["config"])) if made.get("config") else ""
    shown = f"<details><summary>configuration</summary><pre>{escape(config)}</pre></details>" if config else ""
    return (
        f'<h2>How it was made</h2><div class="card"><ul class="plain">{definitions}</ul>'
        f'<div class="scroll"><table>{lines}</table></div>{shown}</div>'
    )
