# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A question needs an answer of a summary and blocks for a section, and nothing of HTML."""

from collections.abc import Mapping

from nemo_noise.evaluation import ScoringOptions, Summary, collect_results
from nemo_noise.evaluation.questions.calibration import CalibrationQuestion
from nemo_noise.evaluation.questions.groups import GroupsQuestion
from nemo_noise.evaluation.questions.question import Question, Subject, section_of
from nemo_noise.evaluation.report.blocks import Cell, Section, Table, TableRow
from nemo_noise.evaluation.report.template import render_section
from tests.evaluation.rows import synthetic_rows

FAST = ScoringOptions(replications=10)


class WordsAsked(Question[int]):
    def answer(self, summary: Summary) -> int | None:
        return summary["utterances"] if summary["model"] != "c" else None

    def section(self, answers: Mapping[str, int], subject: Subject) -> Section:
        rows = tuple(TableRow((Cell.text(name), str(count))) for name, count in answers.items())
        return Section("<How many>", "how-many", (Table((), rows),))


def test_a_question_shows_model_and_baseline_in_this_order() -> None:
    rows = [row for name in "ab" for row in synthetic_rows(name, 0.1, utterances=4)]
    section = section_of(WordsAsked(), collect_results(rows, "b", "a", FAST))
    assert section is not None
    page = render_section(section)
    assert '<h2 id="how-many">&lt;How many&gt;</h2>' in page
    assert page.index('<td class="name">b</td><td>4</td>') < page.index('<td class="name">a</td><td>4</td>')


def test_models_without_an_answer_are_left_out_and_a_question_without_any_has_no_section() -> None:
    rows = [row for name in "bc" for row in synthetic_rows(name, 0.1, utterances=4)]
    section = section_of(WordsAsked(), collect_results(rows, "b", "c", FAST))
    assert section is not None and ">c<" not in render_section(section)
    alone = collect_results(rows, "c", options=FAST)
    assert section_of(WordsAsked(), alone) is None
    assert section_of(CalibrationQuestion(), alone) is None and section_of(GroupsQuestion(), alone) is None
    assert WordsAsked().sentences({}, Subject("b", None, "")) == []
