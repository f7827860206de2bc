# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's rules: which texts are tried again, which are left out, and what a model must have for them."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nemo_noise.inference.decoding import fallback as rules
from nemo_noise.inference.decoding.attempt import Attempt, Encoded
from nemo_noise.inference.decoding.fallback import Fallback, search_with_fallback
from nemo_noise.inference.decoding.guarded_transcription import transcribe_guarded
from nemo_noise.inference.systems import NeMoSystem, check_system, open_system
from nemo_noise.models import import_whisper
from nemo_noise.recogniser.transcription import transcribe
from tests.evaluation.tiny_models import tiny_ctc
from tests.recognisers import build_recogniser
from tests.whispers import write_whisper

RATE = 16000


def waves(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [0.1 * generator.standard_normal(length).astype(np.float32) for length in lengths]


def _attempt(mean: float, no_speech: float | None = 0.1, is_loop: bool = False) -> Attempt:
    return Attempt([1], mean, no_speech, is_loop, 0.0)


@pytest.mark.parametrize(
    ("found", "text", "fails", "is_speech_free"),
    [
        (_attempt(-0.3), "a good many", False, False),
        (_attempt(-1.2), "a good many", True, False),
        (_attempt(-0.3), "thank you " * 20, True, False),
        (_attempt(-0.3, is_loop=True), "a good many", True, False),
        (_attempt(-1.2, 0.9), "you", False, True),
        (_attempt(-0.3, 0.9), "yes", False, False),
        (_attempt(-1.2, None), "you", True, False),
    ],
)
def test_a_text_is_judged_as_by_whisper(found: Attempt, text: str, fails: bool, is_speech_free: bool) -> None:
    assert Fallback().fails(found, text) is fails
    assert Fallback().is_speech_free(found) is is_speech_free
    off = Fallback(compression_ratio_threshold=None, log_prob_threshold=None, no_speech_threshold=None)
    assert off.fails(found, text) is found.is_loop and not off.is_speech_free(found)


def test_only_texts_that_fail_are_searched_again_and_the_likeliest_steady_one_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[float, list[int]]] = []
    means = {0: {0.0: -0.2}, 1: {0.0: -1.5, 0.2: -0.4}, 2: {0.0: -0.1, 0.2: -2.0, 0.4: -1.6}}

    def stand_in(generator: Any, encoded: Encoded, *, temperature: float, **_: Any) -> list[Attempt]:
        asked.append((temperature, list(encoded.seeds)))
        return [
            Attempt([seed], means[seed][temperature], None, seed == 2 and temperature == 0, temperature)
            for seed in encoded.seeds
        ]

    monkeypatch.setattr(rules, "attempt", stand_in)
    batch = Encoded(torch.zeros(3, 1), torch.zeros(3, 2, 4), torch.ones(3, 2), [1.0] * 3, [0, 1, 2])
    found = search_with_fallback(
        None, batch, Fallback((0.0, 0.2, 0.4)), text_of=lambda tokens: "text", start_id=None, no_speech_id=None
    )
    assert asked == [(0.0, [0, 1, 2]), (0.2, [1, 2]), (0.4, [2])]
    assert [one.attempt.temperature for one in found] == [0.0, 0.2, 0.4]


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("whisper")
    write_whisper(folder)
    return import_whisper(folder).eval()


LENIENT = {"temperature": 0, "log_prob_threshold": None, "compression_ratio_threshold": None}


def test_greedy_attempts_give_the_models_own_texts_with_their_scores(whisper: Any) -> None:
    batch = waves(16000, 12000, 15000)
    plain = transcribe(whisper, batch)
    guarded = transcribe_guarded(whisper, batch, LENIENT | {"no_speech_threshold": None})
    assert [one.text for one in guarded] == [one.text for one in plain] and plain[0].text
    assert transcribe_guarded(whisper, batch) == plain
    for one in guarded:
        assert one.extra is not None and one.extra["avg_logprob"] < 0 and 0 <= one.extra["no_speech_prob"] <= 1
        assert one.extra["temperature"] == 0
    assert transcribe(whisper, batch) == plain, "the search is put back"


def test_a_piece_that_the_model_takes_for_no_speech_has_no_text_and_notes_it(whisper: Any) -> None:
    options = {"temperature": 0, "no_speech_threshold": 0.0, "log_prob_threshold": 0.0}
    (one,) = transcribe_guarded(whisper, waves(16000), options)
    assert one.text == "" and one.extra is not None and one.extra["left_out_text"]


def test_texts_do_not_depend_on_the_batch_at_any_temperature(whisper: Any) -> None:
    batch = waves(16000, 12000, 15000)
    options = {"temperature": [0.6, 1.0], "log_prob_threshold": -0.001, "no_speech_threshold": None}
    together = transcribe_guarded(whisper, batch, options)
    assert together == transcribe_guarded(whisper, batch, options)
    alone = [transcribe_guarded(whisper, [one], options)[0] for one in batch]
    assert [one.text for one in alone] == [one.text for one in together]


def test_canary_with_a_beam_of_one_has_a_fallback_and_a_beam_of_several_is_refused(tmp_path: Path) -> None:
    model = build_recogniser("aed", tmp_path).eval()
    system = NeMoSystem("canary", model, {"temperature": [0, 0.5]})
    (found,) = system.transcribe(waves(16000))
    assert found.extra is not None and {"avg_logprob", "no_speech_prob"} <= found.extra.keys()
    model.change_decoding_strategy({"strategy": "beam", "beam": {"beam_size": 3}})
    with pytest.raises(ValueError, match="temperature and thresholds need the greedy search"):
        system.transcribe(waves(16000))


def test_a_model_that_cannot_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    path = str(tmp_path / "ctc.nemo")
    tiny_ctc().save_to(path)
    with pytest.raises(ValueError, match=r"transcribe holds 'temperature', which is for attention .* is none"):
        check_system(path, {"temperature": 0.2})
    for wrong, message in {
        "temperature": "temperature is 'hot', should be a number, 0 or more",
        "vad_filter": "vad_filter is 'hot', should be true or false",
        "vad_parameters": "vad_parameters is 'hot', should be a mapping",
    }.items():
        with pytest.raises(ValueError, match=message):
            check_system(path, {wrong: "hot"})
    with pytest.raises(ValueError, match="'vad_parameters' without vad_filter"):
        check_system(path, {"vad_parameters": {"threshold": 0.3}})


def test_a_piece_without_speech_has_no_text_by_the_detector(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    path = str(tmp_path / "ctc.nemo")
    tiny_ctc().save_to(path)
    options = {"vad_filter": True, "vad_parameters": {"threshold": 0.4}}
    assert "vad_filter" in (check_system(path, options).options or ())
    system = open_system(path, "cpu", options)
    silent, noise = system.transcribe([np.zeros(RATE, np.float32), *waves(RATE)])
    assert silent.text == noise.text == "" and silent.extra == {"vad_speech_s": 0.0}
    assert system.fingerprint != open_system(path).fingerprint
    with pytest.raises(ValueError, match="vad_parameters has the unknown key 'treshold'"):
        check_system(path, {"vad_filter": True, "vad_parameters": {"treshold": 0.4}})


def test_a_detector_that_is_not_installed_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "ctc.nemo")
    tiny_ctc().save_to(path)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ImportError, match=r"pip install 'nemo-noise\[faster-whisper\]', or leave vad_filter out"):
        check_system(path, {"vad_filter": True})
