# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How well does the context hold the SNR? A linear probe, tested on utterances that it was not fitted on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypedDict

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped]

from nemo.utils import logging

from nemo_noise import checks
from nemo_noise.checks import Rule
from nemo_noise.evaluation.blocks.charts import BOTTOM, HEIGHT, LEFT, TOP, square, ticks
from nemo_noise.evaluation.blocks.drawing import Area, Curve, Drawing, Point, Position, Shape, Stroke
from nemo_noise.evaluation.blocks.elements import (
    Block,
    Card,
    Cell,
    Column,
    Line,
    Paragraph,
    Section,
    Stack,
    Table,
    TableRow,
    strong,
)
from nemo_noise.evaluation.blocks.numbers import snr_text, with_minus
from nemo_noise.evaluation.probes.mixture_contexts import MixtureContexts, NoContextError, encode_contexts
from nemo_noise.evaluation.probes.probe import explained_share, linear_probe
from nemo_noise.evaluation.questions.evidence import Evidence, Recogniser, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion
from nemo_noise.evaluation.scoring.tally import MIN_SPEAKERS, ScoringOptions

__all__ = ["ContextSnr", "ContextSnrQuestion", "summarize_context_snr"]

FloatArray = npt.NDArray[np.floating]
FOLDS = 5
BAND = (10.0, 90.0)  # percentiles
NOTE = (
    "A linear probe estimates the SNR of each mixture from the model's context alone, without having heard that block "
    "of speech. Line: median; band: from the 10th to the 90th percentile; dashed: the truth. R² is 0 for always "
    "naming the mean."
)
TICK_DB, MOST_DB = 5, 40  # wider steps where estimates reach further


class SnrErrors(TypedDict):
    """How near estimates are: explained share of the variance, mean absolute error in dB, correlation."""

    r2: float
    mean_absolute_error_db: float
    pearson_r: float | None
    mixtures: int


class SnrBand(TypedDict):
    """Estimates at one SNR: median, 10th and 90th percentile in dB."""

    median_db: float
    low_db: float
    high_db: float
    mixtures: int


class ContextSnr(TypedDict):
    """The estimates of one model; `reason` is why there is none, then all else is empty or null.

    `blocks` are what is kept together in the cross-validation: values of the speaker field, or utterances.
    """

    reason: str | None
    all: SnrErrors | None
    lists: dict[str, SnrErrors]
    by_snr: dict[str, SnrBand]
    block: str | None
    blocks: int
    folds: int


@dataclass(frozen=True)
class ContextSnrQuestion(EvaluationQuestion[dict[str, ContextSnr]]):
    """Asked of every model where the option `context_snr` is true."""

    context_snr: bool = False
    key: ClassVar[str] = "context_snr"
    is_optional: ClassVar[bool] = True
    rules: ClassVar[Mapping[str, Rule]] = {"context_snr": checks.flag()}

    def __post_init__(self) -> None:
        self.rules["context_snr"].check("context_snr", self.context_snr)

    def given(self, settings: Mapping[str, Any]) -> "ContextSnrQuestion":
        """The question with the option of a config."""
        return replace(self, context_snr=settings["context_snr"])

    @property
    def asked_by(self) -> str | None:
        """The option."""
        return "context_snr" if self.context_snr else None

    def ask(self, recogniser: Recogniser) -> MixtureContexts | str:
        """Encode the noise of every mixture."""
        try:
            return encode_contexts(recogniser.name, recogniser.model, recogniser.plan)
        except NoContextError as error:
            logging.warning(f"no SNR from the context of {recogniser.name}: {error}")
            return str(error)

    def answer(self, evidence: Evidence) -> dict[str, ContextSnr] | None:
        """Estimate the SNR of each model's mixtures."""
        found: Mapping[str, MixtureContexts | str] = evidence.found.get(self.key, {})
        return {
            name: _nothing(one) if isinstance(one, str) else summarize_context_snr(one, evidence.scoring)
            for name, one in found.items()
        } or None

    def section(self, answer: dict[str, ContextSnr], subject: Subject) -> Section:
        """Draw estimates over truth beside a table of errors."""
        known = {name: one for name, one in answer.items() if one["reason"] is None}
        body: list[Block] = [Paragraph(NOTE)]
        body += [Paragraph(f"{name}: {one['reason']}.") for name, one in answer.items() if one["reason"] is not None]
        if known:
            table = Stack((_table(known),), scrolls=True)
            body.append(Card((_chart(known, subject), table), is_side_by_side=True))
        return Section("The SNR that the context knows", "context-snr", tuple(body))

    def sentences(self, answer: dict[str, ContextSnr], subject: Subject) -> Sequence[str]:
        """The errors of each model's estimates."""
        return [_sentence(name, one) for name, one in answer.items()]


def summarize_context_snr(mixtures: MixtureContexts, options: ScoringOptions | None = None) -> ContextSnr:
    """Estimate the SNR of every mixture from its context, by a probe that was not fitted on its block.

    Args:
        mixtures: contexts and truth.
        options: `block_field` keeps speakers together where 8 or more differ, as in the bootstrap; else utterances
            are kept together, so that no utterance is learned from and asked about.

    Returns:
        The errors of the estimates, ready for JSON.
    """
    block, names = _blocks(mixtures, options or ScoringOptions())
    count = len(set(names))
    if count < 2:
        return _nothing(f"cross-validation needs 2 {block}s or more, there is {count}")
    if len(set(mixtures.snr_db.tolist())) < 2:
        return _nothing(f"estimating needs 2 SNRs or more, there is only {mixtures.snr_db[0]:g} dB")
    folds = min(FOLDS, count)
    estimates = np.empty(len(mixtures.snr_db))
    for train, test in GroupKFold(n_splits=folds).split(mixtures.contexts, groups=names):
        probe = linear_probe().fit(mixtures.contexts[train], mixtures.snr_db[train])
        estimates[test] = probe.predict(mixtures.contexts[test])
    of_list = np.array(mixtures.noise_lists)
    lists = {
        name: _errors(mixtures.snr_db[of_list == name], estimates[of_list == name])
        for name in dict.fromkeys(mixtures.noise_lists)
    }
    return ContextSnr(
        reason=None,
        all=_errors(mixtures.snr_db, estimates),
        lists=lists,
        by_snr={f"{snr:g}": _band(estimates[mixtures.snr_db == snr]) for snr in sorted(set(mixtures.snr_db.tolist()))},
        block=block,
        blocks=count,
        folds=folds,
    )


def _nothing(reason: str) -> ContextSnr:
    return ContextSnr(reason=reason, all=None, lists={}, by_snr={}, block=None, blocks=0, folds=0)


def _blocks(mixtures: MixtureContexts, options: ScoringOptions) -> tuple[str, list[str]]:
    values = [fields.get(options.block_field) for fields in mixtures.fields]
    known = {str(value) for value in values if value is not None}
    if all(value is not None for value in values) and len(known) >= MIN_SPEAKERS:
        return options.block_field, [str(value) for value in values]
    return "utterance", mixtures.utterances


def _errors(truth: FloatArray, estimates: FloatArray) -> SnrErrors:
    varies = np.ptp(truth) > 0 and np.ptp(estimates) > 0
    return SnrErrors(
        r2=explained_share(truth, estimates),
        mean_absolute_error_db=float(np.abs(truth - estimates).mean()),
        pearson_r=float(np.corrcoef(truth, estimates)[0, 1]) if varies else None,
        mixtures=len(truth),
    )


def _band(estimates: FloatArray | Sequence[float]) -> SnrBand:
    low, high = np.percentile(estimates, BAND)
    return SnrBand(
        median_db=float(np.median(estimates)), low_db=float(low), high_db=float(high), mixtures=len(estimates)
    )


def _chart(models: Mapping[str, ContextSnr], subject: Subject) -> Drawing:
    bands = [(float(snr), band) for one in models.values() for snr, band in one["by_snr"].items()]
    ends = [value for snr, band in bands for value in (snr, band["low_db"], band["high_db"])]
    step = TICK_DB * max(1, math.ceil((max(ends) - min(ends)) / MOST_DB))
    low, side = step * math.floor(min(ends) / step), HEIGHT - TOP - BOTTOM
    span = max(step * math.ceil(max(ends) / step) - low, step)

    def place(true_db: float, estimated_db: float) -> Position:
        return LEFT + (true_db - low) / span * side, TOP + (1 - (estimated_db - low) / span) * side

    shapes: list[Shape] = []
    for value in range(low, low + span + 1, step):
        shapes += ticks(place(value, value), with_minus(f"{value}"))
    shapes.append(Stroke((LEFT, TOP + side), (LEFT + side, TOP), "axis", is_dashed=True))
    for name, one in reversed(list(models.items())):
        points = sorted(((float(snr), band) for snr, band in one["by_snr"].items()), key=lambda point: point[0])
        outline = [place(snr, band["high_db"]) for snr, band in points]
        outline += [place(snr, band["low_db"]) for snr, band in reversed(points)]
        medians = tuple(place(snr, band["median_db"]) for snr, band in points)
        shapes += [Area(tuple(outline), f"band {subject.look(name)}"), Curve(medians, f"curve {subject.look(name)}")]
        for position, (snr, band) in zip(medians, points, strict=True):
            hint = f"{name} at {snr_text(snr)}: {band['median_db']:.1f} dB"
            hint += f" ({band['low_db']:.1f} to {band['high_db']:.1f})"
            shapes.append(Point(position, 4, f"point {subject.look(name)}", hint))
    return square(shapes, "SNR estimated from the context over the true one, in dB", "true SNR, dB")


def _table(models: Mapping[str, ContextSnr]) -> Table:
    rows = []
    for name, one in models.items():
        errors: list[tuple[str, SnrErrors]] = [] if one["all"] is None else [("all", one["all"])]
        errors += list(one["lists"].items()) if len(one["lists"]) > 1 else []
        for number, (noise, found) in enumerate(errors):
            correlation = "–" if found["pearson_r"] is None else f"{found['pearson_r']:.2f}"
            cells: tuple[Cell | Line, ...] = (
                Cell.text("" if number else name),
                Cell.text(noise),
                strong(with_minus(f"{found['r2']:.2f}")),
                f"{found['mean_absolute_error_db']:.1f}",
                with_minus(correlation),
                str(found["mixtures"]),
            )
            rows.append(TableRow(cells, starts_group=not number))
        folds = f"{one['folds']} folds over {one['blocks']} {one['block']}s"
        rows.append(TableRow(("", Cell.text(folds, is_soft=True, columns=5))))
    heads = ("R²", "mean absolute error, dB", "Pearson r", "mixtures")
    return Table((Column.text("model"), Column.text("noise"), *heads), tuple(rows))


def _sentence(name: str, one: ContextSnr) -> str:
    if one["all"] is None:
        return f"SNR estimated from the context of {name}: none, {one['reason']}."
    found = one["all"]
    r2 = with_minus(f"{found['r2']:.2f}")
    return (
        f"SNR estimated from the context of {name} by a linear probe: R² {r2}, mean absolute error "
        f"{found['mean_absolute_error_db']:.1f} dB ({found['mixtures']} mixtures, {one['folds']} folds)."
    )
