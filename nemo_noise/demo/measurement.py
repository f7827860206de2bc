# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's recognisers on its test voices, clean and in both lists of noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.configuration import config_directory
from nemo_noise.demo.places import Places
from nemo_noise.demo.sizes import BASELINE, CONSTANT, NOISE_CONTEXT, Size
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.report.text_table import summary_table

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """What the demo shows.

    Attributes:
        card: table and sentences of the noise-aware recogniser, against the baseline where there is one.
        control: the same against the constant context; None where that was not trained.
        data: the numbers of both, by name.
    """

    card: str
    control: str | None
    data: Mapping[str, Any]


def measure(places: Places, size: Size) -> Measured:
    """Runs the recognisers, and writes card and report; goes on where it was stopped."""
    baseline = {"baseline": str(places.result(BASELINE))} if BASELINE in size.arms else {}
    card = _evaluate(
        places, size, {"model": str(places.result(NOISE_CONTEXT)), **baseline, "output_dir": str(places.card)}
    )
    if CONSTANT not in size.arms:
        return Measured(summary_table(card), None, {"card": card})
    alone = {
        "model": str(places.result(CONSTANT)),
        "output_dir": str(places.control),
        "controls": [],
        "audio_clips": 0,
    }
    _evaluate(places, size, alone)
    rows = [str(folder / "hypotheses.jsonl") for folder in (places.card, places.control)]
    pair = {"from_hypotheses": rows, "model_name": NOISE_CONTEXT, "baseline_name": CONSTANT, "audio_clips": 0}
    control = _evaluate(places, size, {**pair, "output_dir": str(places.control / "comparison")})
    return Measured(summary_table(card), summary_table(control), {"card": card, "control": control})


def _evaluate(places: Places, size: Size, options: Mapping[str, Any]) -> Results:
    noise = {name: str(places.data / f"{name}.json") for name in ("seen", "unseen")}
    given = {
        "speech": str(places.data / "test.json"),
        "noise_lists": noise,
        "device": "cpu",
        **size.evaluation,
        **options,
    }
    config = OmegaConf.merge(OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml"), given)
    instrument = Instrument(config)
    return instrument.report(instrument.run())
