# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Summaries and comparisons of hypothesis rows."""

import json

import pytest

from nemo_noise.evaluation import Hypothesis, ScoringOptions, collect_results, compare, summarize
from nemo_noise.evaluation.blocks.numbers import interval_head
from nemo_noise.evaluation.questions.rates.groups import group_gap
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from tests.evaluation.rows import cell_row as row
from tests.evaluation.rows import hypothesis, synthetic_rows

FAST = ScoringOptions(replications=300)
ONE = {"utterance_id": "a", "text": "one", "pred_text": "one"}


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
    few = [each.changed(speaker=f"s{int(each.fields['speaker'][1:]) % 7}") for each in rows]
    assert summarize(few, FAST)["resampling_unit"] == "utterance"
    some = [rows[0].changed(speaker=None), *rows[1:]]
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


def test_text_in_digital_silence_is_counted_apart_from_noise_and_words() -> None:
    silence = [
        row(f"silence-{length}s", "", heard, condition="silence", duration=length)
        for length, heard in ((10.0, "thank you"), (20.0, ""))
    ]
    summary = summarize([row("a", "one", "one"), *silence], FAST)
    assert summary["silence"] == {
        "pieces": 2,
        "share_with_text": 0.5,
        "characters": 9,
        "minutes": 0.5,
        "characters_per_minute": 18.0,
        "texts": {"10": "thank you", "20": ""},
    }
    assert (summary["noise_only"], summary["clean"]["words"]) == (None, 1)


def test_groups_have_the_rates_of_their_rows_alone() -> None:
    rows = [
        each.changed(gender="f" if int(each.utterance[1:]) % 2 else "m", lang="en")
        for each in synthetic_rows("a", 0.1)
    ]
    groups = summarize(rows, FAST)["groups"]
    assert list(groups) == ["gender"]  # a field with one value tells nothing
    women = summarize([each for each in rows if each.value("gender") == "f"], FAST)
    mean = (women["lists"]["seen"]["mean_wer"] + women["lists"]["unseen"]["mean_wer"]) / 2
    assert groups["gender"]["f"]["mean_wer"] == pytest.approx(mean)
    assert groups["gender"]["f"]["clean_wer"] == women["clean"]["wer"]
    assert group_gap(groups["gender"]) == pytest.approx(
        abs(groups["gender"]["f"]["mean_wer"] - groups["gender"]["m"]["mean_wer"])
    )


def test_errors_are_sorted_by_word_length_and_confusion() -> None:
    rows = [row("a", "one two one", "one six six"), row("b", "four", "four five", 5), row("c", "two", "", 5)]
    analytics = summarize(rows, FAST)["analytics"]
    assert analytics["words"][0] == {
        "word": "two",
        "said": 2,
        "substituted": 1,
        "deleted": 1,
        "error_rate": 1.0,
        "taken_for": "six",
    }
    assert analytics["confusions"] == [
        {"said": "one", "heard": "six", "times": 1},
        {"said": "two", "heard": "six", "times": 1},
    ]
    assert (analytics["missed"], analytics["invented"]) == (
        [{"word": "two", "times": 1}],
        [{"word": "five", "times": 1}],
    )
    assert [(each["words_from"], each["words_to"], each["wer"]) for each in analytics["lengths"]] == [
        (1, 1, 1.0),
        (2, 3, 2 / 3),
    ]


def test_word_confidences_are_compared_with_the_words() -> None:
    rows = [
        row("a", "one two", "one six", word_confidence=[0.95, 0.35]),
        row("b", "one", "one", 0, word_confidence=[0.55]),
        row("c", "one", "one", 0, word_confidence=[0.5, 0.5]),
    ]
    calibration = summarize(rows, FAST)["calibration"]
    assert (calibration["unit"], calibration["items"], calibration["rows_left_out"]) == ("word", 3, 1)
    assert calibration["ece"] == pytest.approx((0.05 + 0.35 + 0.45) / 3)
    assert calibration["ece_by_snr"] == pytest.approx({"clean": (0.05 + 0.35) / 2, "0": 0.45})
    rows = [row("a", "one", "one", confidence=0.8), row("b", "one", "", confidence=0.25)]
    assert summarize(rows, FAST)["calibration"]["ece"] == pytest.approx((0.2 + 0.25) / 2)
    with pytest.raises(ValueError, match=r"confidence is 1.5 in the row of a"):
        summarize([row("a", "one", "one", confidence=1.5)], FAST)


def test_the_matched_pairs_test_stands_beside_the_bootstrap_and_is_corrected_over_all_cells() -> None:
    a, b = synthetic_rows("a", 0.05), synthetic_rows("b", 0.1)
    forward, backward = compare(a, b, FAST), compare(b, a, FAST)
    cells = [forward["clean"], *(cell for block in forward["lists"].values() for cell in block["cells"].values())]
    assert holm_adjusted([cell["mapsswe_p_value"] for cell in cells]) == [c["mapsswe_p_value_holm"] for c in cells]
    cell, turned = (each["lists"]["unseen"]["cells"]["0"] for each in (forward, backward))
    assert cell["mapsswe_segments"] == turned["mapsswe_segments"] >= 50
    assert cell["mapsswe_statistic"] == pytest.approx(-turned["mapsswe_statistic"])
    assert cell["mapsswe_statistic"] < 0 and cell["mapsswe_p_value_holm"] < 0.05


def test_speed_is_audio_over_transcription_time() -> None:
    rows = [row("a", "one", "one", duration=6.0, transcribe_s=0.5), row("b", "one", "one", duration=4.0)]
    rows = [rows[0].changed(latency_s=0.2, parameters=7, peak_memory_mb=3.5), rows[1].changed(latency_s=0.4)]
    summary = summarize(rows, FAST)
    assert summary["rtfx"] == summary["speed"]["rtfx"] == 12.0
    assert summary["speed"]["latency_ms_median"] == pytest.approx(300)
    assert (summary["speed"]["parameters"], summary["speed"]["peak_memory_mb"]) == (7, 3.5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([dict(ONE), dict(ONE)], "rows repeats utterance 'a'"),
        ([ONE | {"model": "x"}, ONE | {"utterance_id": "b", "model": "y"}], "several models"),
        ([ONE | {"text": "", "pred_text": ""}], "rows is empty"),
        ([ONE | {"pred_text": None}], "pred_text is missing"),
        ([ONE | {"snr_db": "loud", "noise_list": "unseen"}], "snr_db is 'loud'"),
        ([{"text": "one", "pred_text": "one"}], "utterance_id or audio_filepath"),
        ([ONE, ONE | {"utterance_id": "b", "text": ""}], "duration is None"),
    ],
)
def test_bad_rows_are_refused_with_the_reason(rows: list[dict], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        summarize([hypothesis(**fields) for fields in rows], FAST)


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
    assert block["db_gained_low"] > 0
    assert summarize(a, FAST)["lists"]["unseen"]["mean_wer"] == pytest.approx(block["wer"])
    json.dumps(comparison, allow_nan=False)


def test_seeds_that_disagree_widen_the_interval_of_every_number() -> None:
    def arm(name: str, rates: tuple[float, ...]) -> list[Hypothesis]:
        return [each for seed, rate in enumerate(rates) for each in synthetic_rows(name, rate, seeds=(seed,))]

    alike, unlike = (
        compare(arm("a", rates), arm("b", (0.3, 0.3, 0.3)), FAST)["lists"]["unseen"]
        for rates in ((0.2, 0.2, 0.2), (0.08, 0.3, 0.22))
    )
    assert alike["difference_high"] < 0 < unlike["difference_high"]
    assert alike["p_value"] < 0.05 < unlike["p_value"]
    wide, narrow = (summarize(arm("a", rates), FAST)["lists"]["unseen"] for rates in ((0.08, 0.3, 0.22), (0.2,) * 3))
    assert wide["mean_wer_high"] - wide["mean_wer_low"] > 2 * (narrow["mean_wer_high"] - narrow["mean_wer_low"])


def test_a_gain_that_is_there_without_noise_is_told_from_one_in_noise() -> None:
    baseline = synthetic_rows("b", 0.3)
    noisy = [
        each if each.cell.noise_list is None else better
        for each, better in zip([one.changed(model="a") for one in baseline], synthetic_rows("a", 0.05), strict=True)
    ]
    everywhere = synthetic_rows("a", 0.05)
    of_noise, of_both = (compare(rows, baseline, FAST)["lists"]["unseen"] for rows in (noisy, everywhere))
    assert of_noise["gain_beyond_clean"] == pytest.approx(-of_noise["difference"])  # clean speech is equal
    assert of_noise["gain_beyond_clean_low"] > 0
    assert of_noise["reduction_beyond_clean_low"] > 0.3
    low, high = of_both["reduction_beyond_clean_low"], of_both["reduction_beyond_clean_high"]
    assert low < 0.2 and high - low < 1


@pytest.mark.parametrize(("speakers", "whose"), [(3, "these 3 speakers"), (1, "this speaker"), (8, None)])
def test_intervals_of_fewer_than_eight_speakers_are_for_these_only(speakers: int, whose: str | None) -> None:
    rows = [
        each.changed(speaker=f"s{int(each.fields['speaker'][1:]) % speakers}", model=name)
        for name, rate in (("a", 0.1), ("b", 0.2))
        for each in synthetic_rows(name, rate)
    ]
    results = collect_results(rows, "a", "b", options=FAST)
    assert results["models"]["a"]["speakers"] == speakers
    assert interval_head(results["models"]["a"]) == (
        "95 % interval" if whose is None else f"95 % interval, {whose} only"
    )
    scope = [sentence for sentence in findings(results) if sentence.startswith("Intervals are over other utterances")]
    assert [whose in sentence for sentence in scope] == ([] if whose is None else [True])


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    a = synthetic_rows("a", 0.1)
    b = [each.changed(model="b") for each in a]
    b[1] = b[1].changed(pred_text="")
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
