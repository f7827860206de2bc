# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The noise section of a card: its rows, its verdict, and its two renderings."""

import json
from pathlib import Path
from typing import Any

import pytest

from nemo_noise.evaluation import Results, ScoringOptions, collect_results
from nemo_noise.evaluation.plots.wer_over_snr import draw_wer_over_snr
from nemo_noise.evaluation.questions.comparisons.comparison import errors_clause
from nemo_noise.evaluation.report.noise_section import NoiseSection, Where
from nemo_noise.evaluation.report.noise_tables import as_markdown, as_text, tables_of, text_of
from tests.evaluation.rows import synthetic_rows

OPEN = "no difference between a and b is shown:"


@pytest.fixture(scope="module")
def results() -> Results:
    rows = [*synthetic_rows("a", 0.05), *synthetic_rows("b", 0.2)]
    elsewhere = [row.changed(room="hall") for row in rows]
    alone = [
        row.changed(condition="noise_only", text="", pred_text="abc", snr_db=None, utterance_id="n", duration=6.0)
        for row in (rows[1], rows[-1])
    ]
    options = ScoringOptions(replications=100)
    return collect_results(
        [*rows, *elsewhere, *alone], "a", "b", options=options, made={"device": "cpu", "threads": 1}
    )


@pytest.fixture(scope="module")
def section(results: Results) -> NoiseSection:
    return NoiseSection.of(results)


def test_each_model_has_a_row_in_every_list_and_room_with_intervals(section: NoiseSection) -> None:
    rows = [(row.where, row.name, row.model) for row in section.errors]
    lists = [(Where.NOISE, name, model) for name in ("seen", "unseen") for model in ("a", "b")]
    assert rows == [*lists, *((Where.ROOM, name, model) for name in ("dry", "hall") for model in ("a", "b"))]
    for row in section.errors:
        for rate in (row.clean, row.mean, *row.by_snr.values()):
            assert rate.value is not None and rate.low is not None and rate.high is not None
            assert rate.low <= rate.value <= rate.high
        assert list(row.by_snr) == section.snrs_db == sorted(section.snrs_db, reverse=True)


def test_a_room_at_an_snr_is_the_mean_over_the_noise_lists(section: NoiseSection) -> None:
    lists = [row.by_snr[0.0].value for row in section.errors if row.where is Where.NOISE and row.model == "a"]
    (dry,) = [row for row in section.errors if row.name == "dry" and row.model == "a"]
    assert dry.by_snr[0.0].value == pytest.approx(sum(rate for rate in lists if rate is not None) / len(lists))


def test_where_nobody_speaks_characters_count_by_the_minute(section: NoiseSection) -> None:
    rates = {(row.name, row.model): row.characters_per_minute for row in section.speech_free}
    assert set(rates.values()) == {30.0}  # 3 in 6 seconds
    assert {row.share_with_text for row in section.speech_free} == {1.0}


@pytest.mark.parametrize(
    ("reduction", "low", "high", "words"),
    [
        (0.2, 0.1, 0.3, "a makes 20.0 % fewer errors than b (95 % interval 10.0 % to 30.0 %)"),
        (-0.2, -0.3, -0.1, "a makes 20.0 % more errors than b (95 % interval 10.0 % to 30.0 %)"),
        (
            0.1,
            -0.1,
            0.3,
            f"{OPEN} 10.0 % fewer errors, 95 % interval −10.0 % to 30.0 %",
        ),
        (
            -0.1,
            -0.3,
            0.2,
            f"{OPEN} 10.0 % more errors, 95 % interval −20.0 % to 30.0 %",
        ),
    ],
)
def test_the_interval_is_of_what_the_sentence_counts(reduction: float, low: float, high: float, words: str) -> None:
    names = ("relative_reduction", "relative_reduction_low", "relative_reduction_high")
    difference: Any = dict(zip(names, (reduction, low, high), strict=True)) | {"wer": 0.1}
    assert errors_clause(difference, "a", "b").replace("\N{NO-BREAK SPACE}", " ") == words


def test_the_verdict_is_of_all_noise_lists_and_of_clean_speech(results: Results, section: NoiseSection) -> None:
    overall = dict(results)["comparison"]["overall"]
    lists = dict(results)["comparison"]["lists"].values()
    assert overall["wer"] == pytest.approx(sum(block["wer"] for block in lists) / 2)
    assert section.verdict is not None
    assert section.verdict.startswith("In noise, a makes") and "; on clean speech, a makes" in section.verdict


def test_without_a_baseline_there_is_no_verdict() -> None:
    results = collect_results(synthetic_rows("a", 0.05), "a", options=ScoringOptions(replications=10))
    assert NoiseSection.of(results).verdict is None


def test_both_renderings_hold_the_same_numbers(section: NoiseSection) -> None:
    for table in tables_of(section):
        shown, plain = "\n".join(as_markdown(table)), "\n".join(as_text(table))
        for _, numbers in table.rows:
            assert all(cell.text in shown and cell.text in plain for cell in numbers)
            assert all(cell.detail in shown and cell.detail in plain for cell in numbers)


def test_the_text_is_narrow_and_names_the_device(section: NoiseSection) -> None:
    text = text_of(section)
    tables = [line for table in tables_of(section) for line in as_text(table)]
    assert max(map(len, tables)) <= 110
    assert section.verdict is not None and section.verdict in text


def test_json_takes_the_data(section: NoiseSection) -> None:
    data = json.loads(json.dumps(section.data, allow_nan=False))
    assert data["errors"][0]["by_snr"]["10"].keys() == {"value", "low", "high"}
    assert data["errors"][0]["where"] == "noise"


def test_the_picture_needs_noise(section: NoiseSection, tmp_path: Path) -> None:
    assert draw_wer_over_snr(tmp_path / "a.png", section)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    rows = [row for row in synthetic_rows("a", 0.1) if row.cell.noise_list is None]
    clean = NoiseSection.of(collect_results(rows, "a", options=ScoringOptions(replications=10)))
    assert not draw_wer_over_snr(tmp_path / "b.png", clean) and not (tmp_path / "b.png").exists()
    assert [row.name for row in clean.errors] == [None]
