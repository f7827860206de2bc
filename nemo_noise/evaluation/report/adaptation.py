# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sections of the report on a model that adapts, by utterance or along streams: its gain, how often, at what cost."""

from html import escape

from nemo_noise.evaluation.report.numbers import percent
from nemo_noise.evaluation.report.tables import comparison_table
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.adaptation_gain import AdaptationGain


def adaptation_section(results: Results) -> str:
    """Write one section for each way of adapting.

    Args:
        results: the results.

    Returns:
        HTML, empty where nothing adapted.
    """
    ways = {"to each utterance": results["adaptation"], "along streams": results["stream_adaptation"]}
    titled = {f"{results['model']} adapted {way}, against itself": gain for way, gain in ways.items()}
    return "".join(_section(title, gain) for title, gain in titled.items() if gain is not None)


def _section(title: str, gain: AdaptationGain) -> str:
    """Write what one way gains and costs."""
    seconds = [
        f"{gain[name]:.1f}" if gain[name] is not None else "–" for name in ("plain_transcribe_s", "transcribe_s")
    ]
    ratio = "–" if gain["times_as_long"] is None else f"{gain['times_as_long']:.1f}"
    cells = [f"{gain['adapted']} of {gain['utterances']}", percent(gain["share_adapted"]), f"{gain['steps']:.1f}"]
    body = "".join(f"<td>{cell}</td>" for cell in [*cells, *seconds, f"<b>{ratio}</b>"])
    heads = ("adapted", "share", "steps each", "plain, alone, s", "adapting, s", "times as long")
    head = "".join(f"<th>{name}</th>" for name in heads)
    note = (
        "Speech, clean and noisy. The others are heard as without: too short, not to be believed, or no step improved "
        "anything."
    )
    return (
        f'<h2>{escape(title)}</h2><div class="card scroll">{comparison_table(gain["comparison"])}</div>'
        f'<div class="card scroll below"><table><tr>{head}</tr><tr>{body}</tr></table><p class="soft">{note}</p></div>'
    )
