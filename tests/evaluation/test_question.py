# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A question needs an answer from rows and blocks for a section, and nothing of HTML; the list has the rest."""

from collections.abc import Mapping, Sequence
from unittest.mock import patch

from omegaconf import OmegaConf

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation import ScoringOptions, collect_results
from nemo_noise.evaluation.blocks.elements import Cell, Section, Table, TableRow
from nemo_noise.evaluation.gates import gate_values
from nemo_noise.evaluation.questions import BY_WEIGHT, QUESTIONS, ModelQuestion, Question
from nemo_noise.evaluation.questions.evidence import ModelRows, Results, Shown, Subject
from nemo_noise.evaluation.questions.models.calibration import CalibrationQuestion
from nemo_noise.evaluation.questions.rates.groups import GroupsQuestion
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.template import render_section
from tests.evaluation.rows import synthetic_rows

FAST = ScoringOptions(replications=10)


class WordsAsked(ModelQuestion[int]):
    key = "words_asked"
    gates = ("words_asked",)

    def answer(self, rows: ModelRows) -> int | None:
        return len({row.utterance for row in rows.scored}) if rows.every[0].model != "c" else None

    def section(self, answers: Mapping[str, int], subject: Subject) -> Section:
        rows = tuple(TableRow((Cell.text(name), str(count))) for name, count in answers.items())
        return Section("<How many>", "how-many", (Table((), rows),))

    def sentences(self, answers: Mapping[str, int], subject: Subject) -> Sequence[str]:
        return [f"{subject.model} was asked {answers[subject.model]} utterances."]


def results_of(model: str, baseline: str | None = None) -> Results:
    """Results with `WordsAsked` in the list."""
    rows = [row for name in filter(None, (model, baseline)) for row in synthetic_rows(name, 0.1, utterances=4)]
    with patch("nemo_noise.evaluation.results.BY_WEIGHT", (*BY_WEIGHT, WordsAsked())):
        return collect_results(rows, model, baseline, options=FAST)


def sections(question: Question, results: Results) -> list[str]:
    return [render_section(section) for section in question.on_page(Shown(results, {}, {}))]


def test_a_question_shows_model_and_baseline_in_this_order() -> None:
    (page,) = sections(WordsAsked(), results_of("b", "a"))
    assert '<h2 id="how-many">&lt;How many&gt;</h2>' in page
    assert page.index('<td class="name">b</td><td>4</td>') < page.index('<td class="name">a</td><td>4</td>')


def test_models_without_an_answer_are_left_out_and_a_question_without_any_has_no_section_and_no_sentence() -> None:
    (page,) = sections(WordsAsked(), results_of("b", "c"))
    assert ">b<" in page and ">c<" not in page
    alone = results_of("c")
    assert alone["models"]["c"]["words_asked"] is None
    for question in (WordsAsked(), CalibrationQuestion(), GroupsQuestion()):
        assert sections(question, alone) == [] and not question.in_words(alone)


def test_a_line_in_the_list_brings_a_question_into_summary_page_sentences_and_gates() -> None:
    results = results_of("b")
    assert results["models"]["b"]["words_asked"] == 4
    with (
        patch("nemo_noise.evaluation.report.page.QUESTIONS", (*QUESTIONS, WordsAsked())),
        patch("nemo_noise.evaluation.report.findings.BY_WEIGHT", (*BY_WEIGHT, WordsAsked())),
        patch("nemo_noise.evaluation.gates.BY_WEIGHT", (*BY_WEIGHT, WordsAsked())),
    ):
        assert '<h2 id="how-many">' in render_report(results, [])
        assert findings(results)[-1] == "b was asked 4 utterances."
        assert gate_values(results)["words_asked"] == 4


def test_questions_share_no_key_and_their_options_are_those_of_the_config_which_asks_no_model_by_default() -> None:
    keys = [question.key for question in QUESTIONS if question.key]
    assert len(set(keys)) == len(keys)
    defaults = OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml")
    for question in QUESTIONS:
        assert {name for name in question.rules if name not in defaults} == set()
        assert question.asked_by is None and question.given(OmegaConf.to_container(defaults)).asked_by is None
