# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The page: complete, closed, harmless, and fetching nothing."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nemo_noise.evaluation import ScoringOptions, collect_results
from nemo_noise.evaluation.report.audio import make_clip
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.report.model_card import CardOptions, render_model_card
from nemo_noise.evaluation.report.numbers import mean_of
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.text_table import summary_table
from nemo_noise.evaluation.results import Results
from tests.evaluation.rows import cell_row, hypothesis, synthetic_rows

FAST = ScoringOptions(replications=100)
VOID = {"meta", "br", "circle", "line", "polygon", "polyline"}


class Balance(HTMLParser):
    """Checks that every element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    attack = "<script>alert(1)</script>"
    rows = []
    for name, rate in ((f"a{attack}", 0.05), ("b", 0.1), (f"a{attack}+shuffled_context", 0.12)):
        for row in synthetic_rows(name, rate, seeds=(0, 1)):
            utterance, noise = f"{row.utterance}{attack}", row.cell.noise_list
            texts = {"text": f"{row.text} & <b>", "pred_text": f"{row.pred_text} {attack}", "utterance_id": utterance}
            noises = {"noise_label": row.noise_label and attack}
            noises["noise_list"] = noise and noise.replace("unseen", f"unseen{attack}")
            group = {"gender": f"{attack}{len(utterance) % 2}", "trial_id": f"{utterance}{row.cell.snr_db}"}
            costs = {"parameters": 1000, "peak_memory_mb": 10.0, "transcribe_s": 0.01, "latency_s": 0.02}
            rows.append(row.changed(**texts, **noises, **group, **costs, confidence=0.5))
    alone = {"condition": "noise_only", "noise_list": "seen", "noise_label": attack, "duration": 10.0}
    rows.append(hypothesis(utterance_id="n", text="", pred_text=attack, model=f"a{attack}", seed=0, **alone))
    rows.append(rows[-1].changed(utterance_id="s", condition="silence", noise_list=None, noise_label=None))
    clip = make_clip(np.sin(np.arange(8000) / 9).astype(np.float32), 16000)
    clips = {str(row.trial_id): clip for row in rows}
    made = {"time": attack, "hardware": attack, "versions": {attack: attack}, "config": {"speech": attack}}
    return render_report(collect_results(rows, f"a{attack}", "b", options=FAST, made=made), rows, clips)


def test_the_page_asks_nothing_from_elsewhere(page: str) -> None:
    inside = re.sub(r'src="data:[a-z/]+;base64,[A-Za-z0-9+/=]+"', "", page)
    assert not re.search(r"https?://|//[a-z]|<link|<script|@import|url\(|src=|srcset=", inside)


def test_all_text_is_escaped(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_every_element_is_closed(page: str) -> None:
    balance = Balance()
    balance.feed(page)
    assert balance.open == []


def test_the_page_has_every_section(page: str) -> None:
    known = ("WER over SNR", "Which noise", "Control:", "All lists", "Kinds of errors", "Which errors", "Whose speech")
    known += ("as sure as", "Where nobody", "digital silence", "Speed and size", "worst", "made", "MAPSSWE segments")
    for heading in known:
        assert heading in page
    assert page.count("<svg") == 5
    assert page.count("<audio") == page.count("<img") == 15
    anchors = re.findall('<a href="#([a-z0-9-]+)">', page)
    assert len(anchors) == page.count("<h2") == len(set(anchors))
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in anchors)


def test_one_model_on_clean_speech_alone_makes_a_page() -> None:
    rows = [row for row in synthetic_rows("a", 0.1) if row.cell.snr_db is None]
    results = collect_results(rows, "a", options=FAST)
    assert "Kinds of errors" in render_report(results, rows)
    assert "a" in summary_table(results)


def test_a_single_utterance_makes_a_page_without_intervals() -> None:
    rows = [row for name in "ab" for row in synthetic_rows(name, 0.1, utterances=1)]
    results = collect_results(rows, "a", "b", options=FAST)
    assert results["comparison"]["lists"]["unseen"]["difference_low"] is None
    assert "no interval" in render_report(results, rows)
    assert findings(results)


def test_findings_claim_only_what_the_interval_shows() -> None:
    same = [row.changed(model="b") for row in synthetic_rows("a", 0.1)]
    results = collect_results(synthetic_rows("a", 0.1) + same, "a", "b", options=FAST)
    assert all("no difference" in sentence for sentence in findings(results))
    better = collect_results(synthetic_rows("a", 0.03) + synthetic_rows("b", 0.1), "a", "b", options=FAST)
    assert "fewer errors than b" in findings(better)[1]
    worse = collect_results(synthetic_rows("a", 0.1) + synthetic_rows("b", 0.03), "a", "b", options=FAST)
    assert "more errors than b" in findings(worse)[1]


def written(text: str, heard: str, snrs: tuple[float, ...] = (5.0,), **scoring: object) -> Results:
    """Results of nine utterances, clean and at some SNRs."""
    cells = [(None, None), *(("street", snr) for snr in snrs)]
    rows = [cell_row(str(n), text, heard, snr, model="m", noise_list=noise) for n in range(9) for noise, snr in cells]
    return collect_results(rows, "m", None, options=ScoringOptions(replications=50, **scoring))


@pytest.mark.parametrize(
    ("snrs", "label"),
    [((5.0,), "5 dB"), ((10.0, 0.0), "10, 0 dB"), ((20.0, 15.0, 10.0, 5.0, 0.0, -5.0), "20..0 dB"), ((), "no SNR")],
    ids=["one", "two", "all of them", "none"],
)
def test_every_mean_says_which_snrs_it_is_over(snrs: tuple[float, ...], label: str) -> None:
    results = written("one two", "one six", snrs)
    shown = [render_report(results, []), render_model_card(results, CardOptions()), summary_table(results)]
    assert mean_of(results) == label
    assert [("20..0" in text) == (label == "20..0 dB") for text in shown] == [True] * 3
    assert [label in text for text in shown] == [bool(snrs)] * 3


@pytest.mark.parametrize(
    ("text", "heard", "steps"),
    [
        ("one two", "One, two.", ["lower", "strip_punctuation"]),
        ("one two", "One Two", ["lower"]),
        ("one. two", "one two", ["strip_punctuation"]),
        ("one two", "\uff4f\uff4e\uff45 two", ["nfkc"]),
        ("\u0131\u015f\u0131k", "I\u015eIK", ["lower_turkish"]),
    ],
)
def test_errors_that_are_the_way_of_writing_are_called_so_with_the_option(
    text: str, heard: str, steps: list[str]
) -> None:
    results = written(text, heard)
    assert results["text_hints"]["m"]["steps"] == steps
    option = f"text_normalization=[{','.join(steps)}]"
    assert option in render_report(results, []) and option in summary_table(results)
    assert "text_hints" not in written(text, heard, text_normalization=tuple(steps))


def test_errors_of_words_get_no_hint() -> None:
    assert "text_hints" not in written("one two", "six two")


def test_models_without_a_difference_are_not_given_an_interval_of_no_width() -> None:
    rows = [row.changed(pred_text="one") for name in "ab" for row in synthetic_rows(name, 0.0)]
    told = summary_table(collect_results(rows, "a", "b", options=FAST))
    assert "no difference between a and b is shown: equally many errors" in told
    assert "0.0\N{NO-BREAK SPACE}% to 0.0\N{NO-BREAK SPACE}%" not in told
