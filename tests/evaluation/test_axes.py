# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms, channels, and seen against unseen."""

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from nemo_noise.configuration import config_directory
from nemo_noise.data import active_speech_level_db, rms_db
from nemo_noise.evaluation.gates import gate_values
from nemo_noise.evaluation.hypothesis import Hypothesis, Place
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.export import export_mixtures
from nemo_noise.evaluation.mixtures.lines import describe_mixture
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.mixtures.seen import parse_noise_lists
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.report.text_table import summary_table
from nemo_noise.evaluation.results import collect_results, summarize
from nemo_noise.evaluation.scoring.summary import hash_mixtures
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from tests.evaluation.rows import cell_row, hypothesis
from tests.evaluation.tiny_models import SAMPLE_RATE, write_noise, write_speech

ROOMS = {"dry": None, "lowpass": {"effects": {"telephone_band": {"low_hz": 300, "high_hz": 1500}}}}
CHANNELS = {"wideband": None, "cut": {"effects": {"clipping": {"clipped_share": 0.05}}}}
OLD_HASH = "122662fd60adb9b28f0bfc943965318b84083aeecec6ed1d67aab7c61c683f67"


def plan_of(folder: Path, rooms: dict | None = None, channels: dict | None = None, grid: str = "full") -> MixturePlan:
    speech, noise = write_speech(folder / "speech"), write_noise(folder / "noise")
    only = NoiseOnlyOptions(crops=2, crop_s=0.5, silence_s=(0.5, 1.0))
    acoustics = parse_acoustics(rooms, channels, grid)
    return load_plan(
        SAMPLE_RATE, speech, {"unseen": noise}, snr_db=["clean", 10, 0], seed=0, noise_only=only, acoustics=acoustics
    )


def described(plan: MixturePlan) -> list[Hypothesis]:
    lines = (describe_mixture(trial, plan.render(trial), plan.seed) for trial in plan.trials)
    return [hypothesis(**line, pred_text="") for line in lines]


def test_dry_and_wideband_mixtures_have_the_hash_of_a_plan_before_rooms(tmp_path: Path) -> None:
    rows = described(plan_of(tmp_path))
    assert hash_mixtures(rows) == OLD_HASH
    assert not any("room" in row.fields or "channel" in row.fields for row in rows)


def test_places_are_deterministic_and_differ_in_audio_and_id(tmp_path: Path) -> None:
    here, there = (
        described(plan_of(tmp_path / "a", ROOMS, CHANNELS)),
        described(plan_of(tmp_path / "b", ROOMS, CHANNELS)),
    )
    assert [row.mixture_sha256 for row in here] == [row.mixture_sha256 for row in there]
    assert len({row.trial_id for row in here}) == len(here)
    one = [row for row in here if row.utterance == "utt0" and row.cell.snr_db == 0]
    assert len({row.mixture_sha256 for row in one}) == len(one) == 4
    old = {row.trial_id for row in described(plan_of(tmp_path / "a"))}
    assert old <= {row.trial_id for row in here}


def test_marginal_leaves_the_corner_out(tmp_path: Path) -> None:
    places = plan_of(tmp_path, ROOMS, CHANNELS, "marginal").acoustics.places()
    assert places == [("dry", "wideband"), ("dry", "cut"), ("lowpass", "wideband")]


def test_the_asked_snr_is_that_of_the_speech_in_the_room(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ROOMS)
    of = {
        t.snr_db: plan.render(t).samples for t in plan.trials if t.place.room == "lowpass" and t.utterance_id == "utt0"
    }
    snr = active_speech_level_db(of[None], SAMPLE_RATE) - rms_db(of[10.0] - of[None])
    assert snr == pytest.approx(10, abs=0.05)
    dry = next(t for t in plan.trials if t.utterance_id == "utt0")
    assert not np.allclose(plan.render(dry).samples, of[None])


def row(utterance: str, heard: str, noise: str = "a", **fields: str) -> Hypothesis:
    return cell_row(utterance, "one two", heard, 10, noise_list=noise, **fields)


def test_axes_and_split_have_the_known_rates() -> None:
    rows = [row(u, "one two") for u in "xy"] + [row(u, "one", "b") for u in "xy"]
    rows += [row(u, "", noise, channel="cut") for u in "xy" for noise in "ab"]
    seen = {"noise": {"a": True, "b": False}}
    summary = summarize(rows, ScoringOptions(replications=50, seen=seen))
    assert summary["lists"]["a"]["mean_wer"] == 0
    assert summary["axes"]["grid"] == {"dry": {"wideband": 0.25, "cut": 1.0}}
    assert summary["axes"]["channel"]["cut"]["difference"] == {
        "mean_wer": 0.75,
        "mean_wer_low": 0.75,
        "mean_wer_high": 0.75,
    }
    assert summary["split"]["noise"]["gap"] == {"mean_wer": 0.5, "mean_wer_low": 0.5, "mean_wer_high": 0.5}
    plain = summarize(rows[:4], ScoringOptions(replications=50))
    assert "axes" not in plain and "split" not in plain


@pytest.mark.parametrize(
    ("rooms", "message"),
    [
        ({"": None}, "rooms holds the name ''"),
        ({"office": None}, "rooms.office is None"),
        ({"office": {"efects": {}}}, "rooms.office has the unknown key 'efects'"),
        (
            {"office": {"effects": {"clipping": {"clipped_share": 0.1}}, "seen": "maybe"}},
            "rooms.office.seen is 'maybe'",
        ),
        ({"office": {"effects": {"echo": {}}}}, "rooms.office: effects.echo: there is no effect 'echo'"),
    ],
)
def test_a_bad_room_is_named(rooms: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_acoustics(rooms, None)


def test_rooms_and_channels_can_be_named_on_the_command_line() -> None:
    telephone = "channels={wideband: null, telephone: {effects: {g711: {law: mu}}}}"
    lists = "noise_lists={street: {manifest: street.json, seen: false}}"
    overrides = ["model=a.nemo", "speech=s.json", lists, "rooms={dry: null}", telephone, "grid=marginal"]
    with initialize_config_dir(str(config_directory() / "scripts"), version_base="1.1"):
        instrument = Instrument(compose("noise_robustness", overrides=overrides))
    assert instrument.acoustics.places() == [Place("dry", "wideband"), Place("dry", "telephone")]
    assert instrument.scoring.seen == {"noise": {"street": False}}


def test_a_bad_seen_of_a_noise_list_is_named() -> None:
    with pytest.raises(ValueError, match="noise_lists.a.seen is 'maybe'"):
        parse_noise_lists({"a": {"manifest": "a.json", "seen": "maybe"}})


def test_the_page_and_the_gates_show_rooms_and_the_gap() -> None:
    rows = [row(u, "one two") for u in "xy"] + [row(u, "one", "b") for u in "xy"]
    rows += [row(u, "", noise, room="office") for u in "xy" for noise in "ab"]
    options = ScoringOptions(replications=50, seen={"noise": {"a": True, "b": False}})
    results = collect_results(rows, "model", options=options)
    page = render_report(results, [])
    assert ">Rooms and channels</h2>" in page and ">room office</td>" in page and ">Seen and unseen</h2>" in page
    told = summary_table(results)
    assert "WER of model by room, in points against dry, mean of 10 dB: office " in told
    assert "model in unseen against seen noises: +50.0 points (" in told
    values = gate_values(results)
    assert (values["axes.room.office.mean.mean_wer"], values["split.noise.gap.mean_wer"]) == (1.0, 0.5)


def test_two_models_are_compared_in_every_room_and_channel_with_known_rates() -> None:
    rows = []
    for model, wrong in (("ours", "one"), ("theirs", "")):  # half the words wrong, or all
        rows += [row(u, "one two", model=model) for u in "xyz"]
        rows += [row(u, wrong, model=model, room="office") for u in "xyz"]
        rows += [row(u, "one two" if u == "x" else "", model=model, channel="cut") for u in "xyz"]
    results = collect_results(rows, "ours", "theirs", options=ScoringOptions(replications=50))
    places = results["places"]
    assert {axis: list(values) for axis, values in places.items()} == {
        "room": ["dry", "office"],
        "channel": ["wideband", "cut"],
    }
    office = places["room"]["office"]
    assert (office["wer"], office["baseline_wer"], office["relative_reduction"]) == (0.5, 1.0, 0.5)
    assert office["p_value_holm"] == pytest.approx(3 * office["p_value"])  # three places, the others do not differ
    assert places["channel"]["cut"]["difference"] == 0.0 and places["room"]["dry"]["relative_reduction"] is None
    page, told = render_report(results, []), summary_table(results)
    assert "<th>fewer errors</th><th>p, Holm</th>" in page
    said = told.replace("\N{NO-BREAK SPACE}", " ")
    office_said = "dry – (no interval); office 50.0 % (all draws equal)."
    assert f"Fewer errors of ours than of theirs by room, mean of 10 dB: {office_said}" in said
    assert gate_values(results)["comparison.places.room.office.relative_reduction"] == 0.5
    alone = [one for one in rows if one.cell.place == Place()]
    assert "places" not in collect_results(alone, "ours", "theirs", options=ScoringOptions(replications=50))
    elsewhere = [one for one in rows if one.model == "ours" or one.cell.place.room == "dry"]
    shared = collect_results(elsewhere, "ours", "theirs", options=ScoringOptions(replications=50))["places"]
    assert list(shared["room"]) == ["dry"] and list(shared["channel"]) == ["wideband", "cut"]
    clean = [one.changed(snr_db=None, noise_list=None, condition="clean") for one in rows]
    assert "places" not in collect_results(clean, "ours", "theirs", options=ScoringOptions(replications=50))
    others = [one.changed(seed=1) if one.model == "ours" and "room" in one.fields else one for one in rows]
    apart = collect_results(others, "ours", "theirs", options=ScoringOptions(replications=50))["places"]
    assert list(apart["room"]) == ["dry"]
    rows[-1] = rows[-1].changed(text="one three")
    with pytest.raises(ValueError, match="text differs between ours and theirs"):
        collect_results(rows, "ours", "theirs", options=ScoringOptions(replications=50))


def test_an_export_names_each_place_and_has_the_hash_of_the_rows(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ROOMS, CHANNELS)
    written = export_mixtures(plan, tmp_path / "export")
    assert written["mixture_set_sha256"] == hash_mixtures(described(plan))
    assert (tmp_path / "export/audio/utt0.unseen.0dB.lowpass.cut.wav").is_file()
    assert (tmp_path / "export/audio/utt0.unseen.0dB.wav").is_file()
