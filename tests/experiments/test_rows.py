# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tables come from kept rows, number for number, and rows that changed are named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from experiments.measures import MEASURES
from experiments.rows import SUMS, damaged_rows, pack_rows, read_rows
from experiments.tables import Column, RowsTable, read_arms, with_tables

WORDS = "one two three four five"
# Words wrong of five: clean, rain, babble.
WRONG = {"plain": (1, 2, 4), "better": (1, 1, 2)}
COLUMNS = {
    "clean": {"measure": "wer", "where": {"condition": "clean"}},
    "noise": {"measure": "wer", "where": {"condition": "noisy", "snr_db": [5, 0]}},
    "fewer": {"measure": "reduction", "where": {"condition": "noisy"}},
    "p": {"measure": "p", "where": {"condition": "noisy"}},
    "by seed": {"measure": "reduction_by_seed", "where": {"condition": "noisy"}},
    "beyond clean": {"measure": "beyond_clean", "where": {"condition": ["clean", "noisy"]}},
    "{}": {"measure": "wer", "each": "noise_label", "where": {"condition": "noisy"}},
    "with text": {"measure": "pieces_with_text", "where": {"condition": "noise_only"}},
    "characters": {"measure": "characters_a_minute", "where": {"condition": "noise_only"}},
    "rows": {"measure": "rows"},
}


def hypotheses(arm: str, seed: int) -> Iterator[dict[str, object]]:
    for number in range(6):
        row = {"utterance_id": f"u{number}", "speaker": f"s{number % 3}", "text": WORDS, "model": arm, "seed": seed}
        wrong = dict(zip(("clean", "rain", "babble"), WRONG[arm], strict=True))
        written = {name: " ".join(WORDS.split()[count:]) for name, count in wrong.items()}
        yield row | {"condition": "clean", "pred_text": written["clean"], "mixture_sha256": "0" * 64}
        for snr_db, label in ((5, "rain"), (0, "babble")):
            yield row | {
                "condition": "noisy",
                "noise_list": "unseen",
                "snr_db": snr_db,
                "noise_label": label,
                "pred_text": written[label],
            }
        text = "you" if arm == "plain" and number < 3 else ""
        silent = {"condition": "noise_only", "noise_list": "unseen", "text": "", "pred_text": text, "duration": 10.0}
        yield row | silent | {"utterance_id": f"n{number}"}


@pytest.fixture
def repository_with_rows(tmp_path: Path) -> Path:
    folder = tmp_path / "experiments" / "question" / "rows"
    folder.mkdir(parents=True)
    for arm in WRONG:
        for seed in (0, 1):
            lines = "".join(json.dumps(row) + "\n" for row in hypotheses(arm, seed))
            (tmp_path / "hypotheses.jsonl").write_text(lines)
            pack_rows(tmp_path / "hypotheses.jsonl", folder / f"{arm}_{seed}.jsonl.xz")
    main = {"arms": {"plain": "no guard", "better": "a guard"}, "baseline": "plain", "columns": COLUMNS}
    (folder / "tables.yaml").write_text(yaml.safe_dump({"main": main}, sort_keys=False))
    return tmp_path


def test_a_table_has_the_numbers_of_its_rows(repository_with_rows: Path) -> None:
    page = "before\n<!-- rows: experiments/question main -->\nold\n<!-- end of rows -->\nbehind\n"
    made = with_tables(page, repository_with_rows)
    assert with_tables(made, repository_with_rows) == made
    lines = [line for line in made.splitlines() if line.startswith("| ")]
    plain, better = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:])
    noise = "60.00 [60.00, 60.00]"
    assert plain[:6] == ["no guard", "20.00 [20.00, 20.00]", noise, "", "", ""]
    assert better[3] == "50.0 [50.0, 50.0]" and better[5] == "50.0, 50.0"
    assert better[6] == "30.00 [30.00, 30.00]"  # 60 to 30 in noise, 20 to 20 in clean speech
    assert lines[0].split("|")[8:10] == [" babble ", " rain "] and plain[7].startswith("80.00")
    assert plain[9] == "50.0 (6 of 12)" and better[9] == "0.0 (0 of 12)"
    assert plain[10] == "9.0" and better[11] == "48"
    assert "3 speakers, so for these speakers only; 2 trainings an arm" in made and "old" not in made


def test_rows_keep_what_a_table_needs_and_little_else(repository_with_rows: Path) -> None:
    folder = repository_with_rows / "experiments" / "question" / "rows"
    rows = read_rows(folder / "plain_0.jsonl.xz")
    assert len(rows) == 24 and "mixture_sha256" not in rows[0].fields and rows[0].fields["speaker"] == "s0"


def test_a_swap_of_a_report_is_an_arm_by_itself(tmp_path: Path) -> None:
    rows = [*hypotheses("better", 0), *(row | {"model": "better+swapped_noise"} for row in hypotheses("better", 0))]
    report = tmp_path / "hypotheses.jsonl"
    report.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=r"model=None should be one of \['better', 'better\+swapped_noise'\]"):
        pack_rows(report, tmp_path / "swapped_0.jsonl.xz")
    packed = pack_rows(report, tmp_path / "swapped_0.jsonl.xz", model="better+swapped_noise")
    assert {row.model for row in read_rows(packed)} == {"better+swapped_noise"} and len(read_rows(packed)) == 24


def test_rows_that_changed_are_named(repository_with_rows: Path) -> None:
    folder = repository_with_rows / "experiments" / "question" / "rows"
    assert damaged_rows(folder) == [] and len((folder / SUMS).read_text().splitlines()) == 4
    (folder / "plain_0.jsonl.xz").write_bytes((folder / "better_0.jsonl.xz").read_bytes())
    (folder / "plain_1.jsonl.xz").unlink()
    (folder / "other_0.jsonl.xz").write_bytes(b"")
    assert damaged_rows(folder) == ["other_0.jsonl.xz", "plain_0.jsonl.xz", "plain_1.jsonl.xz"]


def test_what_cannot_be_made_says_why(repository_with_rows: Path, tmp_path: Path) -> None:
    question = repository_with_rows / "experiments" / "question"
    with pytest.raises(ValueError, match="no table 'absent'"):
        RowsTable.read(question, "absent")
    with pytest.raises(ValueError, match="arm 'absent'"):
        read_arms(question, ["absent"])
    with pytest.raises(ValueError, match=r"measure='other' should be one of"):
        Column("other")
    alone = RowsTable(arms={"plain": "alone"}, columns={"fewer": Column("reduction")})
    with pytest.raises(ValueError, match="needs rows of a baseline"):
        alone.markdown(read_arms(question, ["plain"]))
    with pytest.raises(ValueError, match=r"should end with .jsonl.xz"):
        pack_rows(tmp_path / "hypotheses.jsonl", tmp_path / "rows.jsonl.gz")
    (tmp_path / "no.jsonl.xz").write_bytes(b"no")
    with pytest.raises(ValueError, match="not compressed by xz"):
        read_rows(tmp_path / "no.jsonl.xz")
    assert set(MEASURES) >= {column["measure"] for column in COLUMNS.values()}
