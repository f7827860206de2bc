# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streams in the report: the same mixtures as offline, the same texts of a causal model, and reasons for the rest."""

import html
from pathlib import Path

import pytest

from nemo_noise.evaluation.hypothesis import read_hypotheses
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.choice import choose_trials
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.questions.comparisons.streaming import StreamingQuestion, summarize_streaming
from nemo_noise.evaluation.questions.evidence import Subject
from nemo_noise.evaluation.report.template import render_section
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.arms import Arm
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.evaluation.transcription.streaming import StreamingOptions, run_streams
from tests.contracts import randomize
from tests.evaluation.tiny_models import SAMPLE_RATE, streaming_encoder, tiny_ctc, write_noise, write_speech

OPTIONS = RunOptions(batch_size=4, latency_utterances=2)


@pytest.fixture
def plan(tmp_path: Path) -> MixturePlan:
    lists = {"seen": write_noise(tmp_path / "seen"), "unseen": write_noise(tmp_path / "unseen", ("car", "siren"))}
    only = NoiseOnlyOptions(crops=1, crop_s=0.5, silence_s=(0.5,))
    return load_plan(
        SAMPLE_RATE,
        write_speech(tmp_path / "speech", count=4),
        lists,
        snr_db=["clean", 10, 0],
        seed=0,
        noise_only=only,
    )


def test_a_causal_model_streams_its_offline_texts_and_an_impossible_latency_is_a_row_with_its_reason(
    plan: MixturePlan, tmp_path: Path
) -> None:
    model = tiny_ctc(streaming_encoder(has_context=True), normalize="NA")
    randomize(model.encoder)
    randomize(model.decoder)
    offline = run_arm(Arm("tiny", model), plan, tmp_path / "hypotheses.jsonl", options=OPTIONS)
    path, streaming = tmp_path / "streaming.jsonl", StreamingOptions([160, 100, 80])
    runs = run_streams("tiny", model, plan, path=path, streaming=streaming, options=OPTIONS)
    said = {row.trial_id: row.pred_text for row in offline}
    assert len(runs[0].rows) == 4 * 5 and any(said.values())
    assert {row.trial_id: row.pred_text for row in runs[0].rows} == {
        row.trial_id: said[row.trial_id] for row in runs[0].rows
    }
    assert [run.reason is None for run in runs] == [True, False, False]
    table = summarize_streaming(runs, offline, ScoringOptions(replications=20))
    first, stream, *others = table["rows"]
    assert (first["way"], stream["way"], stream["latency_ms"]) == ("offline", "cache-aware", 170)
    assert set(stream["lists"]) == {"seen", "unseen"} and stream["clean"]["wer"] == first["clean"]["wer"]
    assert all(rates["difference"] == 0 for rates in [stream["clean"], *stream["lists"].values()])
    assert stream["rtfx"] > 0 and stream["steps"] >= 2 * 6 and 0 < stream["step_ms_median"] <= stream["step_ms_p95"]
    assert (table["mixtures"], table["not_possible"]) == (20, 2)
    assert "100 ms is not a multiple of the encoder's frame of 40 ms" in others[0]["reason"]
    assert "possible: 160 ms" in others[1]["reason"]
    page = html.unescape(
        render_section(StreamingQuestion().section({"tiny": table}, Subject("tiny", None, "10, 0 dB")))
    )
    assert "not possible: 100 ms is not a multiple" in page and "2 of the latencies" in page
    again = run_streams("tiny", model, plan, path=path, streaming=streaming, options=OPTIONS)
    assert again[0].rows == runs[0].rows and len(read_hypotheses(path)) == 20  # a killed run goes on


def test_offline_is_scored_on_the_mixtures_that_were_streamed(plan: MixturePlan, tmp_path: Path) -> None:
    model = tiny_ctc()
    offline = run_arm(Arm("tiny", model), plan, tmp_path / "hypotheses.jsonl", options=OPTIONS)
    runs = run_streams(
        "tiny",
        model,
        plan,
        path=tmp_path / "s.jsonl",
        streaming=StreamingOptions([400], trials=10, left_s=0.4),
        options=OPTIONS,
    )
    heard = {row.utterance for row in runs[0].rows}
    assert len(heard) == 2 and len(runs[0].rows) == 10
    assert runs[0].way == "overlapping chunks, as its subsampling depends on the future"
    table = summarize_streaming(runs, offline, ScoringOptions(replications=20))
    assert table["mixtures"] == 10
    chosen = [row for row in offline if row.utterance in heard]
    same = summarize_streaming(runs, chosen, ScoringOptions(replications=20))
    assert table["rows"] == same["rows"]


def test_streams_are_of_the_first_room_and_channel_which_the_table_is_about(tmp_path: Path) -> None:
    acoustics = parse_acoustics(
        None, {"wideband": None, "clipped": {"effects": {"clipping": {"clipped_share": 0.05}}}}
    )
    speech, noise = write_speech(tmp_path / "speech"), write_noise(tmp_path / "noise")
    plan = load_plan(SAMPLE_RATE, speech, {"unseen": noise}, snr_db=["clean", 0], seed=0, acoustics=acoustics)
    assert {trial.place.channel for trial in plan.trials} == {"wideband", "clipped"}
    for count in (None, 4):
        assert {trial.place.channel for trial in choose_trials(plan.trials, count)} == {"wideband"}
    assert len(choose_trials(plan.trials, 4)) == 4  # all of them are scored


def test_whole_utterances_are_chosen_with_all_their_mixtures(plan: MixturePlan) -> None:
    assert len(choose_trials(plan.trials, None)) == len(choose_trials(plan.trials, 20)) == 20
    assert len({trial.utterance_id for trial in choose_trials(plan.trials, 1)}) == 1
    for count in (5, 9, 10, 17):
        chosen = choose_trials(plan.trials, count)
        assert len(chosen) == count // 5 * 5 and chosen == choose_trials(plan.trials, count)
        assert not any(trial.condition.is_speech_free for trial in chosen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latencies_ms": [80, 0]}, "streaming_ms holds 0, should be numbers above 0, in ms"),
        ({"latencies_ms": ["80ms"]}, "streaming_ms holds '80ms', should be numbers"),
        ({"latencies_ms": [True]}, "streaming_ms holds True"),
        ({"latencies_ms": 80}, r"streaming_ms is 80, should be a list of ms, as in \[80, 320\]"),
        ({"latencies_ms": "80"}, "streaming_ms is '80', should be a list"),
        ({"latencies_ms": None}, "streaming_ms is None, should be a list"),
        ({"latencies_ms": [80, 160, 80.0]}, "streaming_ms holds 80 more than once"),
        ({"trials": 0}, "streaming_trials is 0, should be 1 or more, or null for all"),
        ({"trials": 1.5}, "streaming_trials is 1.5, should be 1 or more"),
        ({"left_s": -1}, "streaming_left_s is -1, should be 0 or more, in seconds"),
        ({"left_s": None}, "streaming_left_s is None"),
    ],
)
def test_what_is_asked_wrongly_is_named_with_its_value(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamingOptions(**options)
