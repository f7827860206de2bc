# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Another system's transcripts: exported mixtures are the mixtures, and bad files are named with their line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.manifests.manifest import load_entry, read_manifest, require_audio_files
from nemo_noise.evaluation import collect_results
from nemo_noise.evaluation.mixtures.export import export_mixtures
from nemo_noise.evaluation.mixtures.lines import name_mixtures
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.transcripts import TranscriptError, read_transcripts, rows_of_transcripts
from tests.evaluation.tiny_models import SAMPLE_RATE, write_lines, write_noise, write_speech


@pytest.fixture
def plan(tmp_path: Path) -> MixturePlan:
    only = NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=(0.5,))
    lists = {"unseen": write_noise(tmp_path / "noise")}
    return load_plan(
        SAMPLE_RATE, write_speech(tmp_path / "speech"), lists, snr_db=["clean", 10, -5], seed=0, noise_only=only
    )


def perfect(plan: MixturePlan) -> dict[str, str]:
    """The right text of every mixture, by its name."""
    names = name_mixtures(plan.trials)
    return {names[trial.trial_id]: "" if trial.entry is None else str(trial.entry.text) for trial in plan.trials}


def write_csv(path: Path, header: list[str], lines: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def test_exported_audio_is_the_mixture_bit_for_bit_and_its_hash_is_that_of_the_report(
    plan: MixturePlan, tmp_path: Path
) -> None:
    written = export_mixtures(plan, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert len(lines) == written["mixtures"] == len(plan.trials)
    for line, trial in zip(lines, plan.trials, strict=True):
        samples, rate = soundfile.read(tmp_path / "out" / line["audio_filepath"], dtype="float32")
        assert rate == SAMPLE_RATE
        assert np.array_equal(samples, plan.render(trial).samples)
    rows = rows_of_transcripts(
        "other",
        write_lines(
            tmp_path / "t.jsonl",
            [{"audio_filepath": line["audio_filepath"], "pred_text": line["text"]} for line in lines],
        ),
        plan,
    )
    summary = collect_results(rows, "other", options=ScoringOptions(replications=10))["models"]["other"]
    assert summary["mixture_set_sha256"] == written["mixture_set_sha256"]
    assert json.loads((tmp_path / "out/mixtures.json").read_text()) == written


def test_an_exported_manifest_is_a_speech_manifest(plan: MixturePlan, tmp_path: Path) -> None:
    export_mixtures(plan, tmp_path / "out")
    entries = read_manifest(tmp_path / "out/manifest.jsonl")
    require_audio_files(entries)
    assert [len(load_entry(entry, SAMPLE_RATE)) for entry in entries] == [
        len(plan.render(trial).samples) for trial in plan.trials
    ]


@pytest.mark.parametrize("id_column", ["mixture_id", "trial_id", "id", "audio", "path"])
def test_every_way_to_name_a_mixture_gives_the_same_rows(plan: MixturePlan, tmp_path: Path, id_column: str) -> None:
    ids = {name: trial_id for trial_id, name in name_mixtures(plan.trials).items()}
    written = {"audio": "C:\\out\\{}.WAV", "path": "/somewhere/audio/{}.flac"}.get(id_column, "{}")
    lines = [
        [written.format(ids[name] if id_column == "trial_id" else name), text, "7"]
        for name, text in perfect(plan).items()
    ]
    path = write_csv(tmp_path / "other.csv", [id_column, "text", "unused"], lines[::-1])
    rows = rows_of_transcripts("other", path, plan, training_seed=3)
    assert [row.trial_id for row in rows] == [trial.trial_id for trial in plan.trials]
    assert all(row.pred_text == row.text and row.seed == "3" for row in rows)
    assert {row.condition.value for row in rows} == {"clean", "noisy", "noise_only", "silence"}


def test_tables_tabs_and_json_lines_say_the_same(tmp_path: Path) -> None:
    texts = {"a.clean": 'he said "no", then', "b.clean": "", "c.clean": "schön"}
    table = write_csv(tmp_path / "t.csv", ["id", "text"], [list(item) for item in texts.items()])
    tabs = tmp_path / "t.tsv"
    tabs.write_text("id\ttext\r\n" + "".join(f"{key}\t{text}\r\n" for key, text in texts.items()), newline="")
    json_lines = write_lines(tmp_path / "t.jsonl", [{"id": key, "hypothesis": text} for key, text in texts.items()])
    with_mark = tmp_path / "mark.csv"
    with_mark.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    for path in (table, tabs, json_lines, with_mark):
        assert {one.key: one.text for one in read_transcripts(path)} == texts


def test_pred_text_goes_before_text_and_confidences_are_kept(tmp_path: Path) -> None:
    line = {"id": "a", "text": "said", "pred_text": "heard", "confidence": 0.5, "word_confidence": [0.25]}
    (transcript,) = read_transcripts(write_lines(tmp_path / "t.jsonl", [line]))
    assert transcript.text == "heard"
    assert transcript.extras == {"confidence": 0.5, "word_confidence": [0.25]}


def test_missing_and_unknown_mixtures_are_listed(plan: MixturePlan, tmp_path: Path) -> None:
    lines = [list(item) for item in perfect(plan).items()]
    short = write_csv(tmp_path / "short.csv", ["id", "text"], lines[2:])
    with pytest.raises(
        TranscriptError, match=r"short.csv: 2 of 11 mixtures have no line: utt0.clean, utt0.unseen.10dB"
    ):
        rows_of_transcripts("other", short, plan)
    typo = write_csv(tmp_path / "typo.csv", ["id", "text"], [["utt0.unsen.10dB", "x"], *lines])
    with pytest.raises(TranscriptError, match=r"typo.csv:2: 'utt0.unsen.10dB': no such .*like utt0.unseen.10dB"):
        rows_of_transcripts("other", typo, plan)
    both = [[key, "x"] for names in name_mixtures(plan.trials).items() for key in names]
    with pytest.raises(TranscriptError, match=r"both.csv:3: the same mixture is also in .*both.csv:2"):
        rows_of_transcripts("other", write_csv(tmp_path / "both.csv", ["id", "text"], both), plan)


BROKEN = [
    ("t.csv", b"", "t.csv: holds no transcript"),
    ("t.csv", b"id,text\n", "t.csv: holds no transcript"),
    ("t.csv", b"name,text\na,b\n", "t.csv:1: has the columns name, text, needs one of mixture_id"),
    ("t.csv", b"id,words\na,b\n", "t.csv:1: has the columns id, words, needs one of pred_text"),
    ("t.csv", b"id,text,id\na,b,c\n", "t.csv:1: the header has 'id' more than once"),
    ("t.csv", b"id;text\na;b\n", "t.csv:1: the header is one column, 'id;text': it should be split by ','"),
    ("t.csv", b"id\ttext\na\tb\n", "t.csv:1: the header is one column"),
    (
        "t.csv",
        b"id,text\na,one\nb,two, three\n",
        r"t.csv:3: 3 fields, the header has 2 \(id, text\); a text with a comma",
    ),
    ("t.csv", b"id,text\na,one\nb\n", "t.csv:3: 1 fields"),
    ("t.csv", b'id,text\na,"one\ntwo"\nb\n', "t.csv:4: 1 fields"),
    ("t.csv", b'id,text\na,"one\n', "t.csv:2: not a table"),
    ("t.csv", b"id,text\na,one\na,two\n", "t.csv:3: 'a' is also in .*t.csv:2"),
    ("t.csv", b"id,audio,text\n,x,one\n", "t.csv:2: id is '', should name a mixture"),
    ("t.csv", b"id,text\na,sch\xf6n\n", "t.csv:2: byte 0xf6 is not UTF-8"),
    ("t.csv", "id,text\na,b\n".encode("utf-16"), "t.csv:1: is UTF-16"),
    ("t.csv", b"id,text,confidence\na,one,1.2\n", "t.csv:2: confidence holds '1.2', should be a number from 0 to 1"),
    ("t.csv", b"id,text,confidence\na,one,high\n", "t.csv:2: confidence holds 'high'"),
    ("t.csv", b"id,text,word_confidence\na,one,0.5\n", "t.csv:2: word_confidence is '0.5', should be a list"),
    ("t.tsv", b"id,text\na,b\n", "t.tsv:1: the header is one column, 'id,text': it should be split by"),
    ("t.tsv", b"id\ttext\na\tb\tc\n", "t.tsv:2: 3 fields"),
    ("t.jsonl", b'{"id": "a", "text": "b"}\n{"id": \n', "t.jsonl:2: is not JSON"),
    ("t.jsonl", b'[\n{"id": "a", "text": "b"}]\n', "t.jsonl:1: is not JSON"),
    ("t.jsonl", b'["a", "b"]\n', "t.jsonl:1: is a JSON list, expected an object"),
    ("t.jsonl", b'{"id": "a", "text": null}\n', "t.jsonl:1: text is None, should be a text"),
    ("t.jsonl", b'{"id": 7, "text": "b"}\n', "t.jsonl:1: id is 7, should name a mixture"),
    (
        "t.jsonl",
        b'{"id": "a", "text": "b", "word_confidence": [0.5, null]}\n',
        "t.jsonl:1: word_confidence holds None",
    ),
    (
        "t.jsonl",
        b'{"id": "a", "text": "b", "mixture_sha256": "0"}\n',
        "t.jsonl:1: 'text' of an exported manifest is what",
    ),
    ("t.xlsx", b"", "suffix '.xlsx' is unknown, known are .csv"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_a_broken_file_is_refused_with_file_and_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TranscriptError, match=message):
        read_transcripts(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match=r"nowhere.csv: no such file"):
        read_transcripts(tmp_path / "nowhere.csv")


def test_names_of_mixtures_are_file_names_and_differ(tmp_path: Path) -> None:
    write_speech(tmp_path)
    line = {"audio_filepath": "utt0.wav", "text": "one"}
    speech = write_lines(
        tmp_path / "odd.json", [{**line, "utterance_id": name} for name in ("a/b c", "a_b_c", "A_B_C", "ü")]
    )
    names = list(name_mixtures(load_plan(SAMPLE_RATE, speech, {}, snr_db=["clean"]).trials).values())[:4]
    assert [name.rsplit(".", 1)[0] for name in names] == ["a_b_c.clean", "a_b_c.clean", "A_B_C.clean", "ü"]
    assert len({name.lower() for name in names}) == 4
