# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of a question: it finds its answer for each model, and shows all of them as one section."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from nemo_noise.evaluation.report.blocks import Section
from nemo_noise.evaluation.report.numbers import mean_of
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.summary import Summary

__all__ = ["Question", "Subject", "section_of"]

Answer = TypeVar("Answer")


class Subject(NamedTuple):
    """What the page is about: a model, its baseline (None: there is none), and the name of the SNRs of means."""

    model: str
    baseline: str | None
    over: str

    def look(self, name: str) -> str:
        """The class that colours a model in charts."""
        return "model" if name == self.model else "baseline"


class Question(ABC, Generic[Answer]):
    """One question that is asked of model and baseline.

    A question holds no HTML and no results: `answer` is what the summary of a model says to it, `section` composes
    blocks from the answers of all models.
    """

    @abstractmethod
    def answer(self, summary: Summary) -> Answer | None:
        """Find the answer of one model; None where the question was not asked."""

    @abstractmethod
    def section(self, answers: Mapping[str, Answer], subject: Subject) -> Section | None:
        """Show the answers, at least one, by model in the order to show; None where they hold nothing to show."""

    def sentences(self, answers: Mapping[str, Answer], subject: Subject) -> list[str]:
        """Put the answers into words for page, card and terminal; a question that only has numbers has none."""
        return []


def section_of(question: Question[Answer], results: Results) -> Section | None:
    """Ask the model and the baseline of some results.

    Args:
        question: what is asked.
        results: of one evaluation.

    Returns:
        The section; None where no model has an answer, or there is nothing to show.
    """
    subject = Subject(results["model"], results["baseline"], mean_of(results))
    found = {name: question.answer(results["models"][name]) for name in subject[:2] if name is not None}
    answers = {name: answer for name, answer in found.items() if answer is not None}
    return question.section(answers, subject) if answers else None
