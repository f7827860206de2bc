# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo_noise.evaluate`: a card from a model, speech and a folder of noise, its defaults and its errors."""

import json
from pathlib import Path
from typing import Any

import pytest

import nemo_noise
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.evaluation.card import QUICK, Evaluation, RobustnessCard, card_settings, evaluate
from nemo_noise.evaluation.hypothesis import read_hypotheses
from nemo_noise.evaluation.mixtures.drawn_utterances import draw_utterances
from nemo_noise.evaluation.mixtures.named_places import channels_by_name, rooms_by_name
from tests.evaluation.tiny_models import tiny_ctc, write_lines, write_noise, write_speech

SMALL = {"replications": 50, "device": "cpu", "audio_clips": 0, "noise_only": {"crops": 1, "silence_s": [1]}}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models, speech and a folder of noise."""
    folder = tmp_path_factory.mktemp("card")
    for seed, name in enumerate(("model.nemo", "stock.nemo")):
        tiny_ctc(seed=seed).save_to(str(folder / name))
    write_speech(folder / "speech")
    write_noise(folder / "noise").unlink()  # a folder of audio alone
    return folder


@pytest.fixture(scope="module")
def card(given: Path) -> RobustnessCard:
    return evaluate(
        given / "model.nemo",
        speech=given / "speech" / "speech.json",
        noise=given / "noise",
        baseline=given / "stock.nemo",
        output_dir=given / "out",
        quick=True,
        channels=["telephone"],
        **SMALL,
    )


def test_the_lazy_name_is_the_function() -> None:
    assert nemo_noise.evaluate is evaluate


def test_a_card_has_rates_speech_free_pieces_cost_and_a_verdict(card: RobustnessCard) -> None:
    assert [(row.name, row.model) for row in card.rows][:2] == [("noise", "model"), ("noise", "stock")]
    assert {row.name for row in card.rows} == {"noise", "wideband", "telephone"}
    assert {row.name for row in card.speech_free} == {"noise", "digital silence"}
    assert [row.parameters is not None and row.rtfx is not None for row in card.cost] == [True, True]
    assert card.verdict is not None and "model" in card.verdict
    assert card.failures == ()


def test_its_files_stand_in_the_folder_and_the_card_links_the_picture(card: RobustnessCard) -> None:
    assert card.picture is not None
    assert all(path.is_file() for path in (card.report, card.summary, card.path, card.picture))
    assert "](wer_over_snr.png)" in card.markdown and "A first look" in card.markdown
    assert str(card.section.mixture_set_sha256) in card.markdown and str(card.section.mixture_set_sha256) in card.text
    json.dumps(card.data, allow_nan=False)


def test_a_second_call_goes_on_where_the_first_one_was(card: RobustnessCard, given: Path) -> None:
    before = (given / "out" / "hypotheses.jsonl").read_text()
    notes: list[str] = []
    settings = {**card_settings(True), **SMALL, "output_dir": str(given / "out"), "fail_if": ["clean.wer >= 0"]}
    settings |= {"model": given / "model.nemo", "baseline": given / "stock.nemo", "noise_lists": given / "noise"}
    settings |= {"speech": given / "speech" / "speech.json", "channels": ["telephone"]}
    evaluation = Evaluation(settings, notes.append)
    again = evaluation.run()
    assert (given / "out" / "hypotheses.jsonl").read_text() == before
    assert again.failures[0].startswith("gate failed: clean.wer >= 0")
    assert again.section.errors == card.section.errors
    assert any("2 files" in note for note in notes)


def test_what_is_ahead_counts_mixtures_and_audio(given: Path) -> None:
    settings = {**card_settings(False), **SMALL, "output_dir": str(given / "ahead"), "utterances": 2}
    settings |= {"model": given / "model.nemo", "noise_lists": given / "noise", "streaming_ms": [80]}
    settings |= {"speech": given / "speech" / "speech.json"}
    ahead = Evaluation(settings, print).ahead
    assert (
        "2 of 3 utterances x 6 conditions (clean; 20, 15, 10, 5, 0 dB in noise) and 2 pieces without speech" in ahead
    )
    assert "14 mixtures" in ahead and "minutes of audio" in ahead


def test_fewer_utterances_are_a_part_of_more(tmp_path: Path) -> None:
    lines = [{"audio_filepath": f"{number}.wav", "text": "a"} for number in range(50)]
    entries = read_manifest(write_lines(tmp_path / "s.json", lines))
    drawn = {count: [one.audio_filepath for one in draw_utterances(entries, count, 0)] for count in (5, 20, 50)}
    assert [len(of) for of in drawn.values()] == [5, 20, 50]
    assert set(drawn[5]) < set(drawn[20]) and drawn[20] == sorted(drawn[20], key=drawn[50].index)
    assert drawn[20] != [one.audio_filepath for one in draw_utterances(entries, 20, 1)]


def test_all_rows_are_of_the_drawn_utterances(card: RobustnessCard, given: Path) -> None:
    rows = read_hypotheses(given / "out" / "hypotheses.jsonl")
    assert {row.model for row in rows} == {"model", "stock"}
    assert {row.cell.snr_db for row in rows} == {None, *(snr for snr in QUICK["snr_db"] if snr != "clean")}


def test_rooms_and_channels_go_by_name(tmp_path: Path) -> None:
    write_noise(tmp_path / "responses")
    rooms = rooms_by_name(["simulated", str(tmp_path / "responses" / "noise.json")], tmp_path)
    assert list(rooms) == ["dry", "simulated", "noise"]
    assert list(channels_by_name(["internet_call", "telephone"])) == ["wideband", "internet_call", "telephone"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "missing.nemo"}, "missing.nemo does not exist"),
        ({"baseline": "model.nemo"}, "the system itself"),
        ({"speech": "nowhere"}, "speech is .*nowhere.*not there"),
        ({"noise": "nowhere"}, "noise_lists.*nowhere.*not there"),
        ({"noise": {"clean": "noise"}}, "the name 'clean'"),
        ({"channels": "telefone"}, r"channels is 'telefone' \(did you mean telephone\?\)"),
        ({"rooms": ["simulatd"]}, r"rooms is 'simulatd' \(did you mean simulated\?\)"),
        ({"snr": [10]}, r"'snr' is unknown \(did you mean snr_db"),
        ({"utterances": 0}, "utterances is 0, should be a whole number, 1 or more"),
        ({"device": "gpu"}, "device is 'gpu'"),
        ({"fail_if": ["noise.mean_were > 1"]}, "near names: noise.mean_wer"),
    ],
)
def test_a_wrong_argument_is_named_before_a_model_is_loaded(
    changes: dict[str, Any], message: str, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluation, "run", lambda _: pytest.fail("it runs"))
    monkeypatch.chdir(given)
    arguments = {"system": "model.nemo", "speech": "speech/speech.json", "noise": "noise", **SMALL}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate(**{**arguments, "output_dir": tmp_path, **changes})
