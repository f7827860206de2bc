# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken transcripts of other systems, rows of hypotheses, and results of another schema."""

import json
from typing import Any

from nemo_noise.evaluation.hypothesis import read_hypotheses
from nemo_noise.evaluation.mixtures.plan import load_plan
from nemo_noise.evaluation.results import read_results
from nemo_noise.evaluation.transcription.transcripts import read_transcripts, rows_of_transcripts
from tests.broken_inputs.case import Case
from tests.broken_inputs.evaluation import ROW, scored
from tests.broken_inputs.files import RATE, SPEECH, SPEECH_LINE, Content, Lines, Missing


def transcribed(transcripts: str, speech: str) -> None:
    rows_of_transcripts("theirs", transcripts, load_plan(RATE, speech, {}, snr_db=["clean"]))


def _table(text: str | bytes, name: str = "t.csv") -> dict[str, Any]:
    return {"path": Content(name, text)}


TRANSCRIPTS = [
    Case("transcripts-missing", read_transcripts, {"path": Missing("t.csv")}, "t.csv", "no such file", "transcripts"),
    Case(
        "transcripts-of-another-kind", read_transcripts, {"path": Content("t.xlsx", "")}, "t.xlsx", "'.xlsx'", ".csv"
    ),
    Case("transcripts-empty", read_transcripts, _table(""), "t.csv", "no transcript", "expected"),
    Case(
        "csv-without-id",
        read_transcripts,
        _table("name,text\na,b\n"),
        "columns",
        "name, text",
        "mixture_id",
        "t.csv:1",
    ),
    Case(
        "csv-without-text", read_transcripts, _table("id,words\na,b\n"), "columns", "id, words", "pred_text", "t.csv:1"
    ),
    Case(
        "csv-with-a-column-twice",
        read_transcripts,
        _table("id,id,text\na,a,b\n"),
        "header",
        "'id'",
        "more than once",
        "t.csv:1",
    ),
    Case(
        "csv-split-by-semicolons",
        read_transcripts,
        _table("id;text\na;b\n"),
        "header",
        "'id;text'",
        "split by ','",
        "t.csv:1",
    ),
    Case("csv-id-twice", read_transcripts, _table("id,text\na,b\na,c\n"), "'a'", "t.csv:2", "also in", "t.csv:3"),
    Case(
        "csv-with-a-field-too-many",
        read_transcripts,
        _table("id,text\na,b,c\n"),
        "fields",
        "3",
        "needs quotes",
        "t.csv:2",
    ),
    Case(
        "csv-with-an-open-quote",
        read_transcripts,
        _table('id,text\na,"b\n'),
        "not a table",
        "unexpected end",
        "quotes in pairs",
        "t.csv:2",
    ),
    Case(
        "csv-in-latin-1", read_transcripts, _table(b"id,text\na,\xe9\n"), "UTF-8", "0xe9", "save it again", "t.csv:2"
    ),
    Case(
        "csv-in-utf-16",
        read_transcripts,
        _table("id,text\n".encode("utf-16")),
        "UTF-16",
        "UTF-16",
        "should be UTF-8",
        "t.csv:1",
    ),
    Case(
        "transcript-line-not-json",
        read_transcripts,
        _table("{id\n", "t.jsonl"),
        "JSON object",
        "{id",
        "per line",
        "t.jsonl:1",
    ),
    Case(
        "transcript-id-a-number",
        read_transcripts,
        _table('{"id": 7, "text": "b"}', "t.jsonl"),
        "id",
        "7",
        "name a mixture",
        "t.jsonl:1",
    ),
    Case(
        "transcript-text-null",
        read_transcripts,
        _table('{"id": "a", "text": null}', "t.jsonl"),
        "text",
        "None",
        "empty where nothing",
        "t.jsonl:1",
    ),
    Case(
        "transcript-confidence-of-2",
        read_transcripts,
        _table("id,text,confidence\na,b,2\n"),
        "confidence",
        "'2'",
        "from 0 to 1",
        "t.csv:2",
    ),
    Case(
        "transcript-of-an-unknown-utterance",
        transcribed,
        {"transcripts": Content("t.csv", "id,text\nx,y\n"), "speech": SPEECH},
        "'x'",
        "no such mixture",
        "ids of this plan look like",
        "t.csv:2",
    ),
    Case(
        "transcript-missing-for-an-utterance",
        transcribed,
        {
            "transcripts": Content("t.csv", "id,text\nspeech@0s.clean,y\n"),
            "speech": Lines("speech.json", (SPEECH_LINE, {**SPEECH_LINE, "utterance_id": "b"})),
        },
        "b.clean",
        "1 of 2",
        "write a line with an empty text",
    ),
]

ROWS = [
    Case("hypotheses-missing", read_hypotheses, {"path": Missing("h.jsonl")}, "h.jsonl", "does not exist", "expected"),
    Case(
        "hypothesis-not-json",
        read_hypotheses,
        {"path": Content("h.jsonl", "{x\n{}\n")},
        "JSON",
        "{x",
        "expected",
        "h.jsonl:1",
    ),
    Case(
        "hypothesis-a-list",
        read_hypotheses,
        {"path": Content("h.jsonl", "[1]\n")},
        "list",
        "[1]",
        "a JSON object",
        "h.jsonl:1",
    ),
    Case("rows-none", scored, {"rows": []}, "model", "'ours'", "there are some of"),
    Case("rows-of-another-model", scored, {"rows": [{**ROW, "model": "theirs"}]}, "model", "'ours'", "['theirs']"),
    Case("rows-without-the-baseline", scored, {"rows": [ROW], "baseline": "plain"}, "baseline", "'plain'", "['ours']"),
    Case(
        "row-without-utterance",
        scored,
        {"rows": [{"text": "one", "pred_text": "one", "model": "ours"}]},
        "utterance_id",
        "['model', 'pred_text', 'text']",
        "needs utterance_id",
    ),
    Case(
        "row-without-prediction", scored, {"rows": [{**ROW, "pred_text": None}]}, "pred_text", "missing", "utterance a"
    ),
    Case("row-twice", scored, {"rows": [ROW, ROW]}, "rows", "'a'", "its own id"),
    Case(
        "row-of-an-unknown-condition", scored, {"rows": [{**ROW, "condition": "loud"}]}, "condition", "'loud'", "noisy"
    ),
    Case(
        "noisy-row-without-list",
        scored,
        {"rows": [{**ROW, "condition": "noisy", "snr_db": 5}]},
        "noise_list",
        "missing",
        "utterance a",
    ),
    Case(
        "noisy-row-with-snr-in-words",
        scored,
        {"rows": [{**ROW, "condition": "noisy", "noise_list": "n", "snr_db": "low"}]},
        "snr_db",
        "'low'",
        "should be a number",
    ),
    Case(
        "rows-all-without-text",
        scored,
        {"rows": [{**ROW, "text": "", "duration": 1.0}]},
        "rows",
        "empty",
        "reference text",
    ),
]

RESULTS = [
    Case(
        "results-missing",
        read_results,
        {"path": Missing("s.json")},
        "s.json",
        "does not exist",
        "expected a summary.json",
    ),
    Case(
        "results-not-json",
        read_results,
        {"path": Content("s.json", "<html>")},
        "s.json",
        "not JSON",
        "expected a summary.json",
    ),
    Case(
        "results-of-a-later-schema",
        read_results,
        {"path": Content("s.json", '{"schema_version": 99}')},
        "schema_version",
        "99",
        "should be 1 to",
    ),
    Case(
        "results-of-no-schema",
        read_results,
        {"path": Content("s.json", "{}")},
        "schema_version",
        "None",
        "should be 1 to",
    ),
    Case(
        "results-a-list",
        read_results,
        {"path": Content("s.json", "[1]")},
        "s.json",
        "schema_version",
        "should be 1 to",
    ),
    Case(
        "results-of-schema-1-cut-off",
        read_results,
        {"path": Content("s.json", '{"schema_version": 1}')},
        "s.json",
        "'models'",
        "expected a summary.json",
    ),
    Case(
        "results-of-schema-2-cut-off",
        read_results,
        {"path": Content("s.json", json.dumps({"schema_version": 2, "model": "m"}))},
        "s.json",
        "'models'",
        "expected a summary.json",
    ),
]


def _foreign(name: str, content: str | bytes, named: str, value: str, hint: str, file: str = "t.json") -> Case:
    return Case(f"transcript-{name}", read_transcripts, _table(content, file), named, value, hint, f"{file}:1")


FOREIGN = [
    _foreign("with-a-key-twice", '{"id": "a", "text": "b", "text": "c"}', "'text'", "more than once", "each key once"),
    _foreign("with-half-a-surrogate", '{"id": "a", "text": "\\ud800"}', "text", "\\ud800", "whole characters"),
    _foreign("of-100000-brackets", '{"id": ' + "[" * 100000, "nested", "deeply", "expected one JSON object"),
    _foreign("with-a-zero-byte", "id,text,\0\na,b,c\n", "zero bytes", "UTF-16", "save it again as UTF-8", "t.csv"),
]

CASES = [*TRANSCRIPTS, *ROWS, *RESULTS, *FOREIGN]
