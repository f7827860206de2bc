# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The model card as the hub's own library reads it."""

import pytest
from huggingface_hub import ModelCard

from nemo_noise.evaluation import ScoringOptions, collect_results
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.report.model_card import CardOptions, render_model_card
from tests.evaluation.rows import synthetic_rows


@pytest.fixture(scope="module")
def results() -> Results:
    rows = [
        row.changed(mixture_sha256=f"{row.utterance}{row.cell}")
        for name in ("mo|del: x", "b")
        for row in synthetic_rows(name, 0.1, utterances=10)
    ]
    return collect_results(rows, "mo|del: x", "b", options=ScoringOptions(replications=20))


def test_the_hub_reads_every_error_rate_in_per_cent(results: Results) -> None:
    options = CardOptions(language="en", license="apache-2.0", dataset="My speech", base_model="nvidia/some-model")
    card = ModelCard(render_model_card(results, options))
    assert (card.data.language, card.data.license, card.data.library_name) == ("en", "apache-2.0", "nemo")
    assert card.data.base_model == "nvidia/some-model"
    assert card.data.model_name == "mo|del: x"
    summary = results["models"]["mo|del: x"]
    found = {one.metric_name: one for one in card.data.eval_results}
    assert len(found) == len(card.data.eval_results) == 1 + 2 * (1 + 4)
    assert {one.metric_type for one in found.values()} == {"wer"}
    assert {one.task_type for one in found.values()} == {"automatic-speech-recognition"}
    assert found["WER, clean"].metric_value == pytest.approx(100 * summary["clean"]["wer"], abs=0.01)
    noisy = found["WER, unseen noise, -5 dB SNR"]
    assert noisy.metric_value == pytest.approx(100 * summary["lists"]["unseen"]["cells"]["-5"]["wer"], abs=0.01)
    assert noisy.dataset_args == {"mixture_set_sha256": summary["mixture_set_sha256"]}


def test_the_text_has_a_row_per_model_and_list(results: Results) -> None:
    text = render_model_card(results, CardOptions())
    rows = text.split("### Word error rate by SNR")[1].split("###")[0].splitlines()
    rows = [line for line in rows if line.startswith("| ")]
    assert len(rows) == 2 + 2 * 2
    columns = {line.replace("\\|", "").count("|") for line in rows}
    assert columns == {9}  # the bar in the model's name does not split a cell
    assert results["models"]["b"]["mixture_set_sha256"] in text


def test_what_is_not_known_is_not_claimed(results: Results) -> None:
    head = render_model_card(results, CardOptions()).split("---")[1]
    assert "license" not in head and "language" not in head and "null" not in head


def test_a_remark_and_a_picture_stand_in_the_card(results: Results) -> None:
    text = render_model_card(results, CardOptions(remark="A *first* look."), "wer_over_snr.png")
    assert "A \\*first\\* look." in text and "![WER over SNR](wer_over_snr.png)" in text
    assert "![" not in render_model_card(results, CardOptions())
