# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in transcripts, names, labels and error texts, page, card and table show it and do nothing else."""

import re
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest
import yaml

from nemo_noise.evaluation import Hypothesis, ScoringOptions, collect_results
from nemo_noise.evaluation.blocks.elements import Section
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.report.model_card import CardOptions, render_model_card
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.text_table import summary_table
from nemo_noise.foreign_text import printable
from tests.evaluation.rows import synthetic_rows

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "end-of-style": "</style></title></svg><script>alert(1)</script>",
    "end-of-attribute": '"><img src=x onerror=alert(1)>',
    "attribute": '" onmouseover="alert(1)" \' onfocus=\'alert(1)',
    "quotes": "\"quoted\" \\ & 'single' `back`",
    "comment": "<!-- --><![CDATA[ ]]><?php ?>",
    "entity": "&lt;b&gt; &amp; &#60;i&#62;",
    "template": "{{ 7 * 191 }} {% raw %} {# #} {{ sections.__class__ }}",
    "terminal": "\x1b[2J\x1b]0;title\x07\x9b31m",
    "direction": "\u202egnp.exe\u2066",
    "bytes": "zero\x00 half \ud800",
    "lines": "two\nlines\r\n\u2028# three",
    "markdown": "[click](javascript:alert(1)) ![x](https://evil.example/x.png) `code` *bold* | cell",
    "interpolation": "${oc.env:HOME} ${",
}
# Where each foreign text comes from: what it is called there stands around it, so that it is found again.
NAMES = (
    "model baseline list label reference hypothesis utterance group field room channel axis hardware device version "
    "time config streaming surroundings way reason impossible probe no-probe block left-out source why control "
    "steps checksum unit"
)
PLACES = NAMES.split()
ELEMENTS = (
    "html|head|meta|title|style|body|main|h1|h2|h3|p|div|span|b|i|code|mark|a|nav|ul|li|dl|dt|dd|table|tr|th|td|pre|"
    "details|summary|svg|line|text|circle|polyline|polygon"
)
GEOMETRY = "viewbox|x|y|x1|x2|y1|y2|cx|cy|r|points|stroke-dasharray|text-anchor"
FIXED = {
    "lang": "en",
    "charset": "utf-8",
    "name": "viewport",
    "content": "width=device-width, initial-scale=1",
    "role": "img",
    "class": "[a-z ]+",
    "id": "[a-z][a-z0-9-]*",
    "href": "#[a-z][a-z0-9-]*",
    "style": r"width:\d+\.\d%|--a:\d\.\d\d",
    "colspan": r"\d+",
}
SHOWN = {"title", "aria-label"}  # attributes whose value is read, and does nothing


class Page(HTMLParser):
    """Reads a page and refuses all that no template of ours writes."""

    def __init__(self) -> None:
        super().__init__()
        self.within: list[str] = []
        self.read: list[str] = []
        self.skeleton: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert re.fullmatch(ELEMENTS, tag)
        self.skeleton.append((tag, *(name for name, _ in attrs)))
        for name, value in attrs:
            if name in SHOWN:
                self.read.append(value or "")
            elif re.fullmatch(GEOMETRY, name):
                assert re.fullmatch(r"[-0-9., ]*|middle|end", value or "")
            else:
                assert re.fullmatch(FIXED[name], value or "")
        if tag != "meta":
            self.within.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.within.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.within[-1:] != ["style"]:
            self.read.append(data)

    def handle_decl(self, decl: str) -> None:
        assert decl == "doctype html"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


class Shown(NamedTuple):
    """What one evaluation comes out as."""

    page: str
    card: str
    table: str


def _rows(mark: dict[str, str]) -> list[Hypothesis]:
    names = (mark["model"], mark["baseline"], f"{mark['model']}+shuffled_context", f"{mark['model']}+adapted")
    rows = [_marked(row.changed(model=name), mark) for name in names for row in synthetic_rows("m", 0.3, utterances=4)]
    first = [row for row in rows if row.model in names[:2]]
    silent = {"condition": "noise_only", "text": "", "pred_text": mark["hypothesis"], "snr_db": None}
    alone = rows[1].changed(**silent, utterance_id="n")
    silence = rows[1].changed(**{**silent, "condition": "silence"}, utterance_id="s", noise_list=None)
    elsewhere = [row.changed(room=mark["room"], channel=mark["channel"]) for row in first]
    return [*rows, *elsewhere, alone, silence]


def _marked(row: Hypothesis, mark: dict[str, str]) -> Hypothesis:
    texts = {"text": f"{row.text} {mark['reference']}", "pred_text": f"{row.pred_text} {mark['hypothesis']}"}
    group = {mark["field"]: f"{mark['group']}{int(row.utterance[1:]) % 2}"}
    costs = {"confidence": 0.5, "parameters": 1000, "transcribe_s": 0.1, "is_adapted": True, "adaptation_steps": 1}
    noises = {"noise_label": row.noise_label and mark["label"]}
    noises["noise_list"] = row.cell.noise_list and f"{row.cell.noise_list}{mark['list']}"
    named = {"utterance_id": f"{row.utterance}{mark['utterance']}"}
    return row.changed(**texts, **group, **costs, **noises, **named)


def _results(mark: dict[str, str], rows: list[Hypothesis]) -> Results:
    """All that a report may hold, also what only a foreign summary.json could bring."""
    made = {"hardware": mark["hardware"], "device": mark["device"], "threads": 1, "time": mark["time"]}
    made |= {"versions": {mark["version"]: mark["version"]}, "config": {mark["config"].replace("$", ""): "x"}}
    seen = {"noise": {f"seen{mark['list']}": True}}
    options = ScoringOptions(replications=10, group_fields=(mark["field"],), seen=seen)
    results: Any = collect_results(rows, mark["model"], mark["baseline"], options=options, made=made)
    item = {"name": mark["left-out"], "source": mark["source"], "reason": mark["why"]}
    results["speech"] = {"utterances": 4, "left_out": [item], "left_out_mixtures": [item], "left_out_noises": [item]}
    results["speech"] |= {"resampled_from_hz": {"8000": 1}, "sample_rate": 16000, "has_plain_channel": True}
    rates = {"wer": 0.1, "difference": 0.1, "difference_low": 0.1, "difference_high": 0.2}
    row = {"chunk_ms": 80.0, "way": mark["way"], "latency_ms": 90.0, "reason": None, "clean": rates, "steps": 1}
    row |= {"lists": {mark["list"]: rates}, "rtfx": 1.0, "step_ms_median": 1.0, "step_ms_p95": 2.0}
    streams = [row, {**row, "reason": mark["impossible"]}]
    results["streaming"] = {
        mark["streaming"]: {"mixtures": 1, "not_possible": 1, "rows": streams, "reason": None},
        "none": {"mixtures": 0, "not_possible": 0, "rows": [], "reason": mark["reason"]},
    }
    around = {"around_s": 0.5, "clean": rates, "lists": {mark["list"]: rates}}
    results["surroundings"] = {
        mark["surroundings"]: {"mixtures": 1, "rows": [around], "reason": None},
        "none": {"mixtures": 0, "rows": [], "reason": mark["reason"]},
    }
    errors = {"r2": 0.5, "mean_absolute_error_db": 1.0, "pearson_r": 0.5, "mixtures": 2}
    bands = {snr: {"median_db": 1.0, "low_db": 0.0, "high_db": 2.0, "mixtures": 1} for snr in ("0", "10")}
    found = {"reason": None, "all": errors, "lists": {mark["list"]: errors, "b": errors}, "by_snr": bands}
    absent = {"reason": mark["no-probe"], "all": None, "lists": {}, "by_snr": {}, "block": None}
    counts = {"blocks": 2, "folds": 2}
    found |= {"block": mark["block"], **counts}
    results["context_snr"] = {mark["probe"]: found, "none": {**absent, **counts}}
    results["controls"] = {mark["control"]: next(iter(results["controls"].values()))}
    hint = {"steps": [mark["steps"]], "errors": 2, "errors_with": 1, "wer": 1, "wer_with": 1}
    results["text_hints"] = {"none": hint}
    summary = results["models"][mark["model"]]
    summary["split"] = {mark["axis"]: summary["split"]["noise"]}
    summary.update(mixture_set_sha256=mark["checksum"], resampling_unit=mark["unit"])
    return results


def _shown(attack: str) -> Shown:
    mark = {place: f"<{place}>{attack}</{place}>" for place in PLACES}
    rows = _rows(mark)
    results = _results(mark, rows)
    card = CardOptions(language=mark["unit"], dataset=mark["left-out"], license=mark["why"], base_model=mark["model"])
    return Shown(render_report(results, rows), render_model_card(results, card), summary_table(results))


@pytest.fixture(scope="module")
def plain() -> Shown:
    return _shown("plain")


@pytest.fixture(scope="module", params=ATTACKS)
def attacked(request: pytest.FixtureRequest) -> tuple[str, Shown]:
    attack = ATTACKS[request.param]
    return attack, _shown(attack)


def _read(page: str) -> Page:
    read = Page()
    read.feed(page)
    read.close()
    assert not read.within
    return read


def test_the_page_shows_every_foreign_text_and_makes_nothing_of_it(attacked: tuple[str, Shown], plain: Shown) -> None:
    attack, shown = attacked
    page, expected = _read(shown.page), _read(plain.page)
    text = "\n".join(page.read)
    words = attack.split()
    for place in PLACES:
        assert f"<{place}>" in text, place
        if place in ("reference", "hypothesis"):  # cut into words
            assert all(printable(word) in text for word in words)
        elif place == "config":  # as YAML quotes it
            continue
        else:
            whole = "".join(one if one == "\n" else printable(one) for one in f"<{place}>{attack}</{place}>")
            assert whole in text or whole.replace("_", " ") in text, place
    assert len(page.skeleton) >= len(expected.skeleton) - 40  # but for words that are aligned otherwise
    assert {one[0] for one in page.skeleton} == {one[0] for one in expected.skeleton}


def test_nothing_steers_a_terminal_or_the_direction_of_writing(attacked: tuple[str, Shown]) -> None:
    for text in attacked[1]:
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_the_card_holds_no_markup_and_no_further_line(attacked: tuple[str, Shown], plain: Shown) -> None:
    card = attacked[1].card
    assert card.count("\n") == plain.card.count("\n")
    _, head, *body = card.split("---\n", 2)
    text = "---\n".join(body)
    assert "<" not in card and not re.search(r"(?<!\\)\]\(", text) and "javascript:" not in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    attack = attacked[0]
    read = yaml.safe_load(head)
    assert read["model-index"][0]["name"] == printable(f"<model>{attack}</model>")
    assert read["language"] == printable(f"<unit>{attack}</unit>")


def test_the_table_has_no_further_line(attacked: tuple[str, Shown], plain: Shown) -> None:
    assert attacked[1].table.count("\n") == plain.table.count("\n")


@pytest.mark.parametrize("anchor", ["", "A", "1", 'x" onclick="alert(1)', "a b", "a\n"])
def test_an_anchor_is_a_plain_word(anchor: str) -> None:
    with pytest.raises(ValueError, match="anchor: is "):
        Section("title", anchor, ())
