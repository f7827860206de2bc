# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How the report was made, so that others can make it again."""

from omegaconf import OmegaConf

from nemo_noise.evaluation.blocks.elements import (
    Block,
    Card,
    Cell,
    Fold,
    Items,
    Listing,
    Look,
    Section,
    Span,
    Stack,
    Table,
    TableRow,
)
from nemo_noise.evaluation.questions.evidence import Results

DEFINITIONS = (
    "SNR: active level of the speech (ITU-T P.56, pauses do not count) against the RMS level of the noise over the "
    "utterance. Mixtures are floating point and not clipped.",
    "Each utterance meets one piece of noise per list, drawn from (seed, utterance, list): the same at every SNR and "
    "for every model.",
    "Means over SNRs: of the WERs at those of 20, 15, 10, 5 and 0 dB that were run, each weighing the same; clean "
    "speech and lower SNRs stay out of them, unless no other was run.",
    "Intervals: 95 %; differences are paired. They show what other speakers would change, where 8 or more spoke, else "
    "other utterances of these speakers only: percentiles of a bootstrap, moved outwards for few of them (Hesterberg, "
    "2015). Where several seeds were trained, also what another seed would: Student's t over the seeds, half-widths "
    "added as squares. They do not show what other recordings of noise would change.",
    "More than on clean speech: the relative reduction in noise less that on clean speech, in points. Where its "
    "interval holds 0, it is not shown that a gain has to do with the noise.",
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


def making_section(results: Results) -> Section:
    """Write definitions, versions and the configuration."""
    made, summary = results["made"], results["models"][results["model"]]
    undefined = summary["undefined_replications"]
    facts = {
        "time": made.get("time"),
        "hardware": made.get("hardware"),
        "device": f"{made.get('device')}, {made.get('threads')} threads" if "device" in made else None,
        "versions": ", ".join(f"{name} {version}" for name, version in made.get("versions", {}).items()),
        "resampled": f"{summary['resampling_units']} x {summary['resampling_unit']}, {summary['replications']} times"
        + (f", {undefined} of them without a word of some cell, left out" if undefined else ""),
        "text normalisation": ", ".join(["composed", *summary["text_normalization"]]),
        "SHA-256 of all mixtures": summary["mixture_set_sha256"],
    }
    rows = tuple(
        TableRow((Cell.text(name), Cell.text(Span(str(value), Look.CODE), wraps=True)))
        for name, value in facts.items()
        if value
    )
    body: list[Block] = [Items(DEFINITIONS), Stack((Table((), rows),), scrolls=True)]
    if made.get("config"):
        body.append(Fold("configuration", (Listing(OmegaConf.to_yaml(OmegaConf.create(made["config"]))),)))
    return Section("How it was made", "making", (Card(tuple(body)),))
