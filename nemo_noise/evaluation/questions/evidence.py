# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What questions are answered from and shown with: rows, what models were asked, results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from nemo.collections.asr.models import ASRModel

from nemo_noise.evaluation.blocks.elements import Clip
from nemo_noise.evaluation.blocks.numbers import HEAD, interval_head
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.evaluation.scoring.tally import MEAN_OVER_SNR_DB, ModelRows, ScoringOptions
from nemo_noise.evaluation.transcription.robustness import RunOptions

__all__ = ["Evidence", "ModelRows", "Recogniser", "Results", "Shown", "Subject", "mean_of", "mean_over"]


class Results(TypedDict):
    """Everything about one evaluation: what all questions need; each question adds keys of its own.

    `models` holds model, baseline, and what questions want beside them; `made` is how the rows were made.
    """

    schema_version: int
    model: str
    baseline: str | None
    models: dict[str, Summary]
    made: dict[str, Any]


class Recogniser(NamedTuple):
    """A loaded model with all that running it takes; rows that are saved go into the folder."""

    name: str
    model: ASRModel
    plan: MixturePlan
    options: RunOptions
    folder: Path


@dataclass(frozen=True)
class Evidence:
    """What was run.

    Attributes:
        rows: by model.
        model: the one that the report is about.
        baseline: the one to compare with; None for none.
        scoring: how rows are scored.
        found: what models were asked beside transcribing the plan, by the key of the question.
    """

    rows: Mapping[str, Sequence[Hypothesis]]
    model: str
    baseline: str | None
    scoring: ScoringOptions
    found: Mapping[str, Any] = field(default_factory=dict)

    @property
    def compared(self) -> list[str]:
        """Model and baseline."""
        return [name for name in (self.model, self.baseline) if name is not None]


class Shown(NamedTuple):
    """What the page is made of: results, the rows behind them by model, clips by trial; both may be empty."""

    results: Results
    rows: Mapping[str, Sequence[Hypothesis]]
    clips: Mapping[str, Clip]

    @property
    def scoring(self) -> ScoringOptions:
        """How texts were normalised."""
        steps = self.results["models"][self.results["model"]]["text_normalization"]
        return ScoringOptions(text_normalization=tuple(steps))

    @property
    def summaries(self) -> dict[str, Summary]:
        """Of the model and the baseline."""
        names = (self.results["model"], self.results["baseline"])
        return {name: self.results["models"][name] for name in names if name is not None}


class Subject(NamedTuple):
    """What the page is about.

    Attributes:
        model: its name.
        baseline: None where there is none.
        over: the name of the SNRs of means.
        interval: the head of columns of intervals.
    """

    model: str
    baseline: str | None
    over: str
    interval: str = HEAD

    @classmethod
    def of(cls, results: Results) -> "Subject":
        """Take it from results."""
        head = interval_head(results["models"][results["model"]])
        return cls(results["model"], results["baseline"], mean_of(results), head)

    def look(self, name: str) -> str:
        """The class that colours a model in charts."""
        return "model" if name == self.model else "baseline"


def mean_of(results: Results) -> str:
    """Name the SNRs of the means in results, as `mean_over` does."""
    return mean_over([results["models"][name] for name in (results["model"], results["baseline"]) if name is not None])


def mean_over(summaries: Iterable[Summary]) -> str:
    """Name the SNRs that the means of noise lists are taken over.

    "20..0 dB" where all five of Aurora-2 were run, else all that were, as in "10, 0 dB"; "no SNR" without noise.
    """
    blocks = [block for summary in summaries for block in summary["lists"].values()]
    snrs = sorted({snr for block in blocks for snr in block["mean_over_snr_db"]}, reverse=True)
    if not snrs:
        return "no SNR"
    if tuple(snrs) == MEAN_OVER_SNR_DB:
        return f"{MEAN_OVER_SNR_DB[0]:g}..{MEAN_OVER_SNR_DB[-1]:g} dB"
    return ", ".join(f"{snr:g}" for snr in snrs).replace("-", "\N{MINUS SIGN}") + " dB"
