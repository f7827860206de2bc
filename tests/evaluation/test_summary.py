# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Summaries and comparisons of hypothesis rows."""

import json

import pytest

from nemo_noise.evaluation import ScoringOptions, compare, summarize
from tests.evaluation.tiny_models import synthetic_rows

FAST = ScoringOptions(replications=300)


def row(utterance: str, said: str, heard: str, snr_db: float | None = None, **fields: object) -> dict:
    """One row of a list called unseen, or of clean speech."""
    noise_list = None if snr_db is None else "unseen"
    base = {"utterance_id": utterance, "text": said, "pred_text": heard, "snr_db": snr_db, "noise_list": noise_list}
    return {**base, **fields}


def test_a_summary_has_the_known_rates() -> None:
    rows = [
        row("a", "one two", "one two"),
        row("b", "three four", "three"),
        row("a", "one two", "one six", 10, noise_label="rain"),
        row("b", "three four", "three four five", 10, noise_label="dog"),
        row("a", "one two", "", 0, noise_label="rain"),
        row("b", "three four", "three", 0, noise_label="dog"),
        row("a", "one two", "", -5, noise_label="rain"),
        row("b", "three four", "", -5, noise_label="dog"),
    ]
    summary = summarize(rows, FAST)
    unseen = summary["lists"]["unseen"]
    assert summary["clean"]["wer"] == 0.25
    assert [unseen["cells"][snr]["wer"] for snr in ("10", "0", "-5")] == [0.5, 0.75, 1.0]
    assert (unseen["mean_wer"], unseen["mean_over_snr_db"]) == (0.625, [10.0, 0.0])
    assert unseen["cells"]["10"]["substitutions"] == unseen["cells"]["10"]["insertions"] == 1
    assert (unseen["worst"]["snr_db"], unseen["worst"]["wer"]) == (-5.0, 1.0)
    assert unseen["labels"]["dog"]["cells"]["0"]["wer"] == 0.5
    json.dumps(summary, allow_nan=False)


def test_speakers_are_resampled_from_eight_on_and_utterances_below() -> None:
    rows = synthetic_rows("model", 0.1)
    assert summarize(rows, FAST)["resampling_unit"] == "speaker"
    few = [{**each, "speaker": f"s{int(each['speaker'][1:]) % 7}"} for each in rows]
    assert summarize(few, FAST)["resampling_unit"] == "utterance"
    some = [{key: each[key] for key in each if key != "speaker" or i} for i, each in enumerate(rows)]
    assert summarize(some, FAST)["resampling_unit"] == "utterance"


def test_an_empty_reference_counts_as_invented_characters_and_not_as_words() -> None:
    rows = [row("a", "one", "one"), row("b", "", "ghost", duration=30.0)]
    summary = summarize(rows, FAST)
    assert summary["clean"]["words"] == 1
    assert summary["noise_only"] == {
        "noise_crops": 0,
        "empty_references": 1,
        "share_with_text": 1.0,
        "characters": 5,
        "minutes": 0.5,
        "characters_per_minute": 10.0,
    }


def test_noise_without_speech_is_no_part_of_the_word_error_rate() -> None:
    crop = row("n", "", "hello", condition="noise_only", noise_list="unseen", duration=60.0)
    summary = summarize([row("a", "one", "one", 5), crop], FAST)
    assert summary["lists"]["unseen"]["mean_wer"] == 0.0
    assert summary["lists"]["unseen"]["noise_only"]["characters_per_minute"] == 5.0


def test_speed_is_audio_over_transcription_time() -> None:
    rows = [row("a", "one", "one", duration=6.0, transcribe_s=0.5), row("b", "one", "one", duration=4.0)]
    assert summarize(rows, FAST)["rtfx"] == 12.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("a", "one", "one"), row("a", "one", "one")], "rows repeats utterance 'a'"),
        ([row("a", "one", "one", model="x"), row("b", "one", "one", model="y")], "several models"),
        ([row("a", "", "")], "rows is empty"),
        ([row("a", "one", None)], "pred_text is missing"),
        ([row("a", "one", "one", "loud")], "snr_db is 'loud'"),
        ([{"text": "one", "pred_text": "one"}], "utterance_id or audio_filepath"),
        ([row("a", "one", "x"), row("b", "", "x")], "duration is None"),
    ],
)
def test_bad_rows_are_refused_with_the_reason(rows: list[dict], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        summarize(rows, FAST)


def test_swapping_the_models_turns_the_sign_of_everything() -> None:
    a, b = synthetic_rows("a", 0.06), synthetic_rows("b", 0.08)
    forward, backward = (compare(*pair, FAST)["lists"]["unseen"] for pair in ((a, b), (b, a)))
    assert forward["difference"] == pytest.approx(-backward["difference"])
    assert forward["difference_low"] == pytest.approx(-backward["difference_high"])
    assert forward["difference_high"] == pytest.approx(-backward["difference_low"])
    assert forward["db_gained"] == pytest.approx(-backward["db_gained"])
    assert forward["db_gained_low"] == pytest.approx(-backward["db_gained_high"])
    assert forward["probability_of_improvement"] == pytest.approx(1 - backward["probability_of_improvement"])
    assert forward["p_value"] == pytest.approx(backward["p_value"])


def test_a_model_does_not_differ_from_itself() -> None:
    rows = synthetic_rows("a", 0.08)
    block = compare(rows, rows, FAST)["lists"]["unseen"]
    assert (block["difference"], block["difference_low"], block["difference_high"]) == (0.0, 0.0, 0.0)
    assert (block["probability_of_improvement"], block["p_value"]) == (0.5, 1.0)
    assert block["db_gained"] == pytest.approx(0.0, abs=1e-9)


def test_a_clear_gain_is_found_and_seeds_are_pooled() -> None:
    a, b = (synthetic_rows(name, rate, seeds=(0, 1, 2)) for name, rate in (("a", 0.05), ("b", 0.1)))
    comparison = compare(a, b, FAST)
    block = comparison["lists"]["unseen"]
    assert comparison["seeds"] == list(block["relative_reduction_by_seed"]) == ["0", "1", "2"]
    assert block["relative_reduction_low"] > 0.2
    assert block["relative_reduction_with_seeds_low"] > 0.1
    assert block["db_gained_low"] > 0
    assert summarize(a, FAST)["lists"]["unseen"]["mean_wer"] == pytest.approx(block["wer"])
    json.dumps(comparison, allow_nan=False)


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    a = synthetic_rows("a", 0.1)
    b = [{**each, "model": "b"} for each in a]
    b[1]["pred_text"] = ""
    block = compare(a, b, FAST)["lists"]["seen"]
    single = summarize(a, FAST)["lists"]["seen"]
    assert block["difference_high"] - block["difference_low"] < single["mean_wer_high"] - single["mean_wer_low"]


def test_rows_without_a_partner_are_counted() -> None:
    a, b = synthetic_rows("a", 0.1), synthetic_rows("b", 0.1)
    comparison = compare(a, b[:-3], FAST)
    assert (comparison["unpaired_model_rows"], comparison["unpaired_baseline_rows"]) == (3, 0)


def test_models_that_heard_different_mixtures_are_not_compared() -> None:
    a, b = ([row("u", "one", "one", 5, mixture_sha256=hashed)] for hashed in ("aa", "bb"))
    with pytest.raises(ValueError, match="mixture_sha256 differs"):
        compare(a, b, FAST)
    with pytest.raises(ValueError, match="nothing to compare"):
        compare(a, [row("other", "one", "one", 5)], FAST)
