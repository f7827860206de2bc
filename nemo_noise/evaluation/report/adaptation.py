# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sections of the report on a model that adapts, by utterance or along streams: its gain, how often, at what cost."""

from nemo_noise.evaluation.report.blocks import Card, Paragraph, Section, Table, TableRow, strong
from nemo_noise.evaluation.report.numbers import percent
from nemo_noise.evaluation.report.tables import comparison_table
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.adaptation_gain import AdaptationGain

NOTE = (
    "Speech, clean and noisy. The others are heard as without: too short, not to be believed, or no step improved "
    "anything."
)


def adaptation_sections(results: Results) -> list[Section]:
    """Write one section for each way of adapting that was run."""
    ways = (
        ("to each utterance", "adaptation", results["adaptation"]),
        ("along streams", "stream-adaptation", results["stream_adaptation"]),
    )
    return [
        Section(f"{results['model']} adapted {way}, against itself", anchor, _cards(gain))
        for way, anchor, gain in ways
        if gain is not None
    ]


def _cards(gain: AdaptationGain) -> tuple[Card, Card]:
    """What one way gains, and what it costs."""
    seconds = [
        f"{gain[name]:.1f}" if gain[name] is not None else "–" for name in ("plain_transcribe_s", "transcribe_s")
    ]
    ratio = "–" if gain["times_as_long"] is None else f"{gain['times_as_long']:.1f}"
    counts = (f"{gain['adapted']} of {gain['utterances']}", percent(gain["share_adapted"]), f"{gain['steps']:.1f}")
    heads = ("adapted", "share", "steps each", "plain, alone, s", "adapting, s", "times as long")
    cost = Table(heads, (TableRow((*counts, *seconds, strong(ratio))),))
    return (
        Card((comparison_table(gain["comparison"]),), scrolls=True),
        Card((cost, Paragraph(NOTE)), scrolls=True, is_below=True),
    )
