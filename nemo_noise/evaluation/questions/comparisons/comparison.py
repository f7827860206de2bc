# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Is the model better than the baseline? Paired differences with intervals and tests."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from nemo_noise.evaluation.blocks.charts import difference_forest
from nemo_noise.evaluation.blocks.elements import (
    Block,
    Card,
    Cell,
    Column,
    Fold,
    Panels,
    Paragraph,
    Section,
    Stack,
    Table,
    TableRow,
    Tile,
)
from nemo_noise.evaluation.blocks.numbers import (
    HEAD,
    decibels,
    interval_head,
    interval_of,
    interval_text,
    percent,
    points,
    snr_text,
    with_minus,
)
from nemo_noise.evaluation.blocks.tables import comparison_table, corrected, probability
from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.questions.evidence import Evidence, Results, Subject
from nemo_noise.evaluation.questions.question import EvaluationQuestion, Weight
from nemo_noise.evaluation.questions.rates.noise import primary_list
from nemo_noise.evaluation.scoring.comparison import Comparison, Difference, ListComparison, compare

__all__ = ["ComparisonQuestion", "comparison_gates", "comparison_sentences", "errors_clause"]

TESTS = "Every cell tested: paired bootstrap and MAPSSWE, p-values corrected over all cells (Holm)"


class ComparisonQuestion(EvaluationQuestion[Comparison]):
    """Answered where there is a baseline."""

    key = "comparison"
    weight = Weight.MAIN

    def answer(self, evidence: Evidence) -> Comparison | None:
        """Compare the model with the baseline."""
        if evidence.baseline is None:
            return None
        return compare(evidence.rows[evidence.model], evidence.rows[evidence.baseline], evidence.scoring)

    def section(self, answer: Comparison, subject: Subject) -> Section:
        """Draw the differences, tabulate them, and fold the tests of every cell."""
        forests = tuple(
            Card((difference_forest(block),), title=f"{name} noise") for name, block in answer["lists"].items()
        )
        body: list[Block] = [
            Panels(forests),
            Card((comparison_table(answer),), scrolls=True, is_below=True),
            Fold(TESTS, (Stack((_cell_tests_table(answer),), scrolls=True),), is_card=True),
        ]
        unpaired = answer["unpaired_model_rows"] + answer["unpaired_baseline_rows"]
        if unpaired:
            text = f"{unpaired} hypotheses have no partner and are left out of the comparison."
            body.append(Paragraph(text, is_soft=False))
        return Section(f"{answer['model']} against {answer['baseline']}", "comparison", tuple(body))

    def sentences(self, answer: Comparison, subject: Subject) -> Sequence[str]:
        """Which of the two makes fewer errors."""
        return [*comparison_sentences(answer), *_scope(answer)]

    def in_tiles(self, results: Results) -> Sequence[Tile]:
        """The difference in one noise list."""
        comparison, primary = self.found_in(results), primary_list(results)
        if comparison is None or primary not in comparison["lists"]:
            return ()
        gain = comparison["lists"][primary]
        interval = interval_of(gain, "relative_reduction")
        gained, low, high = map(decibels, Estimate.read(gain, "db_gained"))
        return (
            Tile(f"fewer errors in {primary} noise", percent(gain["relative_reduction"]), interval),
            Tile("more noise at equal WER", gained, f"{low} to {high}, {primary} noise"),
        )

    def in_gates(self, results: Results) -> Mapping[str, Any]:
        """The differences by noise list; a list named as the places goes before them."""
        comparison = self.found_in(results)
        if comparison is None:
            return {}
        places = cast(Mapping[str, Any], results).get("places", {})
        return {self.key: {"places": places} | comparison_gates(comparison)}


def comparison_sentences(comparison: Comparison) -> list[str]:
    """For every noise list, then for clean speech, which of two models makes fewer errors."""
    names = comparison["model"], comparison["baseline"]
    sentences = [
        f"In {noise} noise, {errors_clause(block, *names)}{_gain_clause(block)}"
        for noise, block in comparison["lists"].items()
    ]
    sentences += [text for noise, block in comparison["lists"].items() if (text := _beyond_clean(noise, block))]
    if comparison["clean"] is not None:
        sentences.append(f"On clean speech, {errors_clause(comparison['clean'], *names)}.")
    return sentences


def comparison_gates(comparison: Comparison) -> dict[str, Any]:
    """What gates can look at in a comparison; a noise list named as the whole goes before it."""
    return {"overall": comparison.get("overall"), **comparison["lists"], "clean": comparison["clean"]}


def errors_clause(difference: Difference, model: str, baseline: str) -> str:
    """Which of two models makes fewer errors, or that no difference is shown."""
    reduction, low, high = Estimate.read(difference, "relative_reduction")
    if reduction is None:
        return f"{baseline} makes no error, {model} has a WER of {percent(difference['wer'])}"
    if reduction == low == high == 0.0:
        same = "equally many errors, whatever utterances are drawn"
        return f"no difference between {model} and {baseline} is shown: {same}"
    more_or_fewer = "fewer" if reduction >= 0 else "more"
    if low is None or high is None:
        return f"{model} makes {percent(abs(reduction))} {more_or_fewer} errors than {baseline}, with no interval"
    low, high = (low, high) if reduction >= 0 else (0 - high, 0 - low)  # of what the sentence counts
    interval = f"95 % interval {interval_text(low, high)}"
    if low <= 0 <= high:
        estimate = f"{percent(abs(reduction))} {more_or_fewer} errors"
        return f"no difference between {model} and {baseline} is shown: {estimate}, {interval}"
    return f"{model} makes {percent(abs(reduction))} {more_or_fewer} errors than {baseline} ({interval})"


def _scope(comparison: Comparison) -> list[str]:
    """Whom the intervals speak for, where that is not other speakers."""
    whose = interval_head(comparison).removeprefix(HEAD).removeprefix(", ").removesuffix(" only")
    return [f"Intervals are over other utterances of {whose}, not over other speakers."] if whose else []


def _beyond_clean(noise: str, block: ListComparison) -> str:
    """Whether a gain has to do with the noise; nothing where there is no gain, or no clean speech to compare with."""
    more, low, high = Estimate.read(block, "reduction_beyond_clean")
    gain_low = block["relative_reduction_low"]
    if more is None or low is None or high is None or gain_low is None or gain_low <= 0:
        return ""
    found = f"the reduction is {points(more)} points of that on clean speech ({points(low)} to {points(high)})"
    if low > 0:
        return f"The gain is larger in {noise} noise than without: {found}."
    if high < 0:
        return f"The gain is smaller in {noise} noise than without: {found}."
    return f"That the gain has to do with the {noise} noise is not shown: {found}."


def _gain_clause(block: ListComparison) -> str:
    gained, low, high = Estimate.read(block, "db_gained")
    if gained is None:
        return "."
    more_or_less = "more" if gained >= 0 else "less"
    clause = f"; at equal WER it bears {abs(gained):.1f} dB {more_or_less} noise"
    if low is not None:
        clause += f" ({decibels(low)} to {decibels(high)})"
    return clause + "."


def _cell_tests_table(comparison: Comparison) -> Table:
    """Both tests of every cell, with the p-values corrected over all of them."""
    cells = [] if comparison["clean"] is None else [("–", "clean", comparison["clean"])]
    for noise, block in comparison["lists"].items():
        cells += [(noise, snr_text(snr), cell) for snr, cell in block["cells"].items()]
    rows, previous = [], ""
    for noise, snr, cell in cells:
        is_first, previous = noise != previous, noise
        statistic = "–" if cell["mapsswe_statistic"] is None else with_minus(f"{cell['mapsswe_statistic']:.2f}")
        segments = "–" if cell["mapsswe_segments"] is None else str(cell["mapsswe_segments"])
        texts = (Cell.text(noise if is_first else ""), Cell.text(snr), percent(cell["difference"]))
        bootstrap = (probability(cell["p_value"]), corrected(cell["p_value_holm"]))
        matched = (segments, statistic, probability(cell["mapsswe_p_value"]), corrected(cell["mapsswe_p_value_holm"]))
        interval = Cell.soft(interval_of(cell, "difference"))
        rows.append(TableRow((*texts, interval, *bootstrap, *matched), starts_group=is_first))
    heads = map(Column.text, ("noise", "SNR"))
    numbers = (
        "difference of WER",
        interval_head(comparison),
        "bootstrap p",
        "Holm",
        "MAPSSWE segments",
        "z",
        "p",
        "Holm",
    )
    return Table((*heads, *numbers), tuple(rows))
