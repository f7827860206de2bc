# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Results on disk: read back as they were, old ones as well, broken ones with a reason."""

import json
from pathlib import Path

import pytest

from nemo_noise.evaluation import ScoringOptions, collect_results, read_results
from nemo_noise.evaluation.gates import gate_values
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.text_table import summary_table
from nemo_noise.evaluation.results import write_results
from tests.evaluation.rows import synthetic_rows

SCHEMA_1 = Path(__file__).with_name("summary_schema_1.json")  # written by the code that wrote schema 1


def keys_of(tree: object) -> object:
    """The names of a tree, without its values."""
    return {name: keys_of(value) for name, value in tree.items()} if isinstance(tree, dict) else None


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [row for name in "ab" for row in synthetic_rows(name, 0.1, utterances=8)]
    results = collect_results(rows, "a", "b", options=ScoringOptions(replications=20))
    write_results(tmp_path / "summary.json", results)
    assert read_results(tmp_path / "summary.json") == results


def test_results_of_the_first_version_still_make_a_page_a_table_and_gates() -> None:
    old = read_results(SCHEMA_1)
    assert "Kinds of errors" in render_report(old, [])
    assert "a" in summary_table(old)
    assert gate_values(old)["unseen.mean_wer"] == pytest.approx(old["models"]["a"]["lists"]["unseen"]["mean_wer"])
    rows = [row for name in "ab" for row in synthetic_rows(name, 0.1, utterances=8)]
    rows = [row for row in rows if row.cell.noise_list != "seen" and row.cell.snr_db in (None, 10, 0)]
    fresh = collect_results(rows, "a", "b", options=ScoringOptions(replications=20))
    for name in ("clean", "lists", "speed"):
        found, expected = old["models"]["a"][name], fresh["models"]["a"][name]
        found, expected = ({"": each} if name != "lists" else each for each in (found, expected))
        for tree in (found, expected):
            tree.get("unseen", {}).update(noise_only=None)
        assert keys_of(found) == keys_of(expected)
    assert set(old["models"]["a"]) == set(fresh["models"]["a"])
    assert keys_of(old["comparison"]) == keys_of(fresh["comparison"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON in UTF-8"),
        (b"[]", "schema_version is None"),
        (json.dumps({"schema_version": 99}).encode(), "schema_version is 99, should be 1 to 3"),
    ],
)
def test_what_is_no_result_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "summary.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"summary.json: {message}"):
        read_results(tmp_path / "summary.json")
    with pytest.raises(FileNotFoundError, match="nowhere.json does not exist"):
        read_results(tmp_path / "nowhere.json")
