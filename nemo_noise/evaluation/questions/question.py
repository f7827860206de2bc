# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of a question: what is run for it, its answer as JSON, and how the answer is shown."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

from nemo_noise.checks import Rule
from nemo_noise.evaluation.blocks.elements import Section, Tile
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.questions.evidence import Evidence, ModelRows, Recogniser, Results, Shown, Subject

__all__ = ["EvaluationQuestion", "ModelQuestion", "Question", "Weight"]

Answer = TypeVar("Answer")


class Weight(IntEnum):
    """How early the sentences, gates and keys of a question come; the page has an order of its own."""

    MAIN = 0
    FURTHER = 1
    REMARK = 2


class Question:
    """What the report walks over; a question derives from `ModelQuestion` or `EvaluationQuestion` where one fits.

    Attributes:
        key: where the answer stands in the results or in the summary of a model.
        is_optional: whether the key is left out where there is no answer, else it is null.
        weight: how early it comes.
        rules: what its options may be, by their names in the config.
        gates: keys of a summary that gates can look at.
    """

    key: ClassVar[str] = ""
    is_optional: ClassVar[bool] = False
    weight: ClassVar[Weight] = Weight.FURTHER
    rules: ClassVar[Mapping[str, Rule]] = {}
    gates: ClassVar[tuple[str, ...]] = ()

    def given(self, settings: Mapping[str, Any]) -> "Question":
        """The question with the options of a config."""
        return self

    @property
    def asked_by(self) -> str | None:
        """The option that has the question run models again; None: nothing is run for it."""
        return None

    def ask(self, recogniser: Recogniser) -> object:
        """Run one model.

        Returns:
            What is found; a text is the reason why there is nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} asks no model")

    def asked(self, found: Mapping[str, Any], folder: Path) -> None:
        """Put the folder in order when all models were asked."""

    def of_plan(self, plan: MixturePlan) -> object | None:
        """What it takes from the plan when all models were run; None for nothing."""
        return None

    def further_models(self, evidence: Evidence) -> Sequence[str]:
        """Name the rows, beside model and baseline, that are summarised for it."""
        return ()

    def of_model(self, rows: ModelRows) -> Mapping[str, Any]:
        """The keys that it adds to the summary of each model."""
        return {}

    def of_all(self, evidence: Evidence) -> Mapping[str, Any]:
        """The keys that it adds to the results."""
        return {}

    def sounds(self, rows: ModelRows) -> Sequence[Hypothesis]:
        """Those rows of the model whose mixtures the page plays, the most important first."""
        return ()

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """The sections."""
        return ()

    def in_words(self, results: Results) -> Sequence[str]:
        """The sentences for page, card and terminal."""
        return ()

    def in_tiles(self, results: Results) -> Sequence[Tile]:
        """The headline numbers."""
        return ()

    def in_gates(self, results: Results) -> Mapping[str, Any]:
        """What gates can look at beside `gates`."""
        return {}


class ModelQuestion(Question, ABC, Generic[Answer]):
    """Asked of each model alone; the answer is the value of `key` in its summary."""

    @abstractmethod
    def answer(self, rows: ModelRows) -> Answer | None:
        """Answer for one model; None where its rows do not hold it."""

    @abstractmethod
    def section(self, answers: Mapping[str, Answer], subject: Subject) -> Section | None:
        """Show the answers, at least one, by model, the baseline last; None where they hold nothing to show."""

    def sentences(self, answers: Mapping[str, Answer], subject: Subject) -> Sequence[str]:
        """Put the answers into words; a question that only has numbers has none."""
        return ()

    def of_model(self, rows: ModelRows) -> Mapping[str, Any]:
        """The answer by its key."""
        return _keyed(self, self.answer(rows))

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """The section, where there is an answer."""
        answers = self._answers(shown.results)
        section = self.section(answers, Subject.of(shown.results)) if answers else None
        return () if section is None else (section,)

    def in_words(self, results: Results) -> Sequence[str]:
        """The sentences, where there is an answer."""
        answers = self._answers(results)
        return self.sentences(answers, Subject.of(results)) if answers else ()

    def _answers(self, results: Results) -> dict[str, Answer]:
        names = [name for name in (results["model"], results["baseline"]) if name is not None]
        found = {name: cast(Mapping[str, Any], results["models"][name]).get(self.key) for name in names}
        return {name: answer for name, answer in found.items() if answer is not None}


class EvaluationQuestion(Question, ABC, Generic[Answer]):
    """Asked once; the answer is the value of `key` in the results."""

    @abstractmethod
    def answer(self, evidence: Evidence) -> Answer | None:
        """Answer; None where the rows do not hold it, or it was not asked."""

    def section(self, answer: Answer, subject: Subject) -> Section | None:
        """Show the answer."""
        return None

    def sentences(self, answer: Answer, subject: Subject) -> Sequence[str]:
        """Put the answer into words; a question that only has numbers has none."""
        return ()

    def of_all(self, evidence: Evidence) -> Mapping[str, Any]:
        """The answer by its key."""
        return _keyed(self, self.answer(evidence))

    def on_page(self, shown: Shown) -> Sequence[Section]:
        """The section, where there is an answer."""
        answer = self.found_in(shown.results)
        section = None if answer is None else self.section(answer, Subject.of(shown.results))
        return () if section is None else (section,)

    def in_words(self, results: Results) -> Sequence[str]:
        """The sentences, where there is an answer."""
        answer = self.found_in(results)
        return () if answer is None else self.sentences(answer, Subject.of(results))

    def found_in(self, results: Results) -> Answer | None:
        """The answer in results; None where there is none."""
        return cast(Answer | None, cast(Mapping[str, Any], results).get(self.key))


def _keyed(question: Question, answer: object) -> dict[str, object]:
    return {} if answer is None and question.is_optional else {question.key: answer}
