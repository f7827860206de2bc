# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's recognisers on its test voices, clean and in both lists of noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.configuration import config_directory
from nemo_noise.demo.places import Places
from nemo_noise.demo.sizes import BASELINE, CONSTANT, NOISE_CONTEXT, Size
from nemo_noise.evaluation.card import RobustnessCard, evaluate
from nemo_noise.evaluation.instrument import Instrument
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
    torch.set_num_threads(1)  # models so small lose more by sharing than they gain
    card = _evaluate(places, size, arm=NOISE_CONTEXT, output=places.card, baseline=BASELINE in size.arms)
    if CONSTANT not in size.arms:
        return Measured(card.text, None, {"card": card.data})
    small: dict[str, Any] = {"controls": [], "audio_clips": 0}
    control = _evaluate(places, size, arm=CONSTANT, output=places.control, baseline=False, **small)
    compared = _compare_with_control(places)
    return Measured(card.text, compared, {"card": card.data, "control": control.data})


def _evaluate(places: Places, size: Size, *, arm: str, output: Path, baseline: bool, **options: Any) -> RobustnessCard:
    return evaluate(
        places.result(arm),
        speech=places.data / "test.json",
        noise={name: str(places.data / f"{name}.json") for name in ("seen", "unseen")},
        baseline=places.result(BASELINE) if baseline else None,
        output_dir=output,
        device="cpu",
        **{**size.evaluation, **options},
    )


def _compare_with_control(places: Places) -> str:
    """The rows and sentences that name the constant context, from what both have transcribed."""
    rows = [str(folder / "hypotheses.jsonl") for folder in (places.card, places.control)]
    pair = {"from_hypotheses": rows, "model_name": NOISE_CONTEXT, "baseline_name": CONSTANT, "audio_clips": 0}
    defaults = OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml")
    config = OmegaConf.merge(defaults, {**pair, "output_dir": str(places.control / "comparison")})
    assert isinstance(config, DictConfig)
    instrument = Instrument(config)
    lines = summary_table(instrument.report(instrument.run())).splitlines()
    return "\n".join(line for line in lines if line.startswith("WER %") or CONSTANT in line)
