# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Waveforms in, texts out, for every family of NeMo models; the model stays as it was."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nemo_noise.evaluation.transcription.adapted import AdaptedTranscription
from nemo_noise.inference import AdaptationConfig
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import (
    Transcript,
    fingerprint,
    keep_word_confidence,
    load_model,
    texts_of,
    transcribe,
    transcripts_of,
)
from tests.recognisers import FAMILIES, build_recogniser

CPU = torch.device("cpu")


def waveforms() -> list[np.ndarray]:
    """Three sounds of 0.5 to 1.5 s."""
    generator = np.random.default_rng(0)
    return [0.1 * generator.standard_normal(8000 * (1 + index)).astype(np.float32) for index in range(3)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_model_of_every_family_transcribes_and_stays_in_evaluation_mode(family: str, tmp_path: Path) -> None:
    built = build_recogniser(family, tmp_path)
    built.save_to(str(tmp_path / "model.nemo"))
    model = load_model(str(tmp_path / "model.nemo"), CPU)
    assert fingerprint(model) == fingerprint(built)
    assert sample_rate_of(model) == 16000
    sounds = waveforms()
    before = [sound.copy() for sound in sounds]
    transcripts = transcribe(model, sounds)
    texts = [transcript.text for transcript in transcripts]
    assert [type(text) for text in texts] == [str] * 3
    assert not any(module.training for module in model.modules())
    assert transcribe(model, sounds) == transcripts
    assert all(np.array_equal(*pair) for pair in zip(sounds, before, strict=True))
    keep_word_confidence(model, {"method_cfg": {"name": "max_prob"}, "aggregation": "mean"})
    confident = transcribe(model, sounds, {"return_hypotheses": True})
    assert [one.text for one in confident] == texts
    for one in confident if family != "aed" else ():  # NeMo's beam search of attention decoders keeps none
        assert one.word_confidence is not None
        assert len(one.word_confidence) == len(one.text.split())
        assert all(0 <= confidence <= 1 for confidence in one.word_confidence)


def test_other_weights_have_another_fingerprint(tmp_path: Path) -> None:
    assert fingerprint(build_recogniser("ctc", tmp_path)) != fingerprint(build_recogniser("ctc", tmp_path))


def test_what_models_return_becomes_one_text_each() -> None:
    hypothesis = SimpleNamespace(text="one")
    nested = SimpleNamespace(n_best_hypotheses=[hypothesis, SimpleNamespace(text="won")])
    assert texts_of(["one", hypothesis, [hypothesis], nested]) == ["one"] * 4
    assert texts_of(([hypothesis], [[hypothesis]])) == ["one"]
    with pytest.raises(TypeError, match="dict"):
        texts_of({"text": "one"})


def test_letters_are_averaged_over_words_where_a_model_knows_only_them() -> None:
    letters = SimpleNamespace(text="ab c", token_confidence=[0.2, 0.4, 0.9, 1.5])
    assert transcripts_of([letters]) == [Transcript("ab c", [pytest.approx(0.3), 1.0])]
    assert transcripts_of([SimpleNamespace(text="ab c", token_confidence=[0.2])]) == [Transcript("ab c", None)]
    assert transcripts_of([SimpleNamespace(text="a", word_confidence=[float("nan")])]) == [Transcript("a", None)]


def test_a_missing_model_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere/model.nemo"):
        load_model("nowhere/model.nemo", CPU)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.array([0.1, np.nan], np.float32), r"waveforms\[1\] holds (nan|inf) at sample 1"),
        (np.array([0.1, np.inf], np.float32), r"waveforms\[1\] holds (nan|inf) at sample 1"),
        (np.ones(4000, np.int16), r"waveforms\[1\] is of type .*int16"),
        (np.zeros(0, np.float32), r"waveforms\[1\] holds 0 samples"),
        (np.ones((2, 4000), np.float32), r"waveforms\[1\] has the shape \(2, 4000\)"),
        (np.ones((4000, 7), np.float32), r"waveforms\[1\] has the shape \(4000, 7\)"),
        (torch.ones(4000, dtype=torch.int16), r"waveforms\[1\] is of type .*int16"),
        ("speech.wav", r"waveforms\[1\] is a str"),
    ],
    ids=["nan", "inf", "int16", "empty", "rows", "columns", "int16 tensor", "path"],
)
def test_what_is_no_sound_is_refused_by_its_index(bad: object, message: str) -> None:
    good, model = np.full(4000, 0.1, np.float32), SimpleNamespace(transcribe=pytest.fail)
    for call in (transcribe, AdaptedTranscription(AdaptationConfig())):
        with pytest.raises((TypeError, ValueError), match=message):
            call(model, [good, bad])
        with pytest.raises(TypeError, match=r"waveforms\[0\] is a float32, must be a numpy array"):
            call(model, good)


def test_a_checkpoint_whose_weights_are_no_numbers_or_whose_rates_disagree_is_refused(tmp_path: Path) -> None:
    model = build_recogniser("ctc", tmp_path)
    with torch.no_grad():
        model.decoder.decoder_layers[0].bias[2] = float("nan")
    model.save_to(str(tmp_path / "nan.nemo"))
    with pytest.raises(
        ValueError, match=r"model=.*nan\.nemo: tensor decoder\.decoder_layers\.0\.bias holds nan at \[2\]"
    ):
        load_model(str(tmp_path / "nan.nemo"), torch.device("cpu"))
    model = build_recogniser("ctc", tmp_path)
    model.cfg.sample_rate = 8000
    model.save_to(str(tmp_path / "rates.nemo"))
    with pytest.raises(ValueError, match=r"rates\.nemo: sample_rate=8000, .*=16000 disagree, must be one rate"):
        load_model(str(tmp_path / "rates.nemo"), torch.device("cpu"))
