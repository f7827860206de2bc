# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Waveforms in, texts out, for every family of NeMo models; the model stays as it was."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nemo_noise.evaluation.transcription.adapted import AdaptedHearing
from nemo_noise.evaluation.transcription.transcribe import (
    Heard,
    fingerprint,
    hear,
    heard_of,
    keep_word_confidence,
    load_model,
    sample_rate_of,
    texts_of,
    transcribe,
)
from nemo_noise.inference import AdaptationConfig
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
    texts = transcribe(model, sounds)
    assert [type(text) for text in texts] == [str] * 3
    assert not any(module.training for module in model.modules())
    assert transcribe(model, sounds) == texts
    assert all(np.array_equal(*pair) for pair in zip(sounds, before, strict=True))
    keep_word_confidence(model, {"method_cfg": {"name": "max_prob"}, "aggregation": "mean"})
    heard = hear(model, sounds, {"return_hypotheses": True})
    assert [one.text for one in heard] == texts
    for one in heard if family != "aed" else ():  # NeMo's beam search of attention decoders keeps none
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
    assert heard_of([letters]) == [Heard("ab c", [pytest.approx(0.3), 1.0])]
    assert heard_of([SimpleNamespace(text="ab c", token_confidence=[0.2])]) == [Heard("ab c", None)]
    assert heard_of([SimpleNamespace(text="a", word_confidence=[float("nan")])]) == [Heard("a", None)]


def test_a_missing_model_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere/model.nemo"):
        load_model("nowhere/model.nemo", CPU)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.array([0.1, np.nan], np.float32), r"waveforms\[1\]: .*(NaN|finite)"),
        (np.array([0.1, np.inf], np.float32), r"waveforms\[1\]: .*(NaN|finite)"),
        (np.ones(4000, np.int16), r"waveforms\[1\]: has dtype int16"),
        (np.zeros(0, np.float32), r"waveforms\[1\]: is empty"),
        (np.ones((2, 4000), np.float32), r"waveforms\[1\]: has shape \(2, 4000\)"),
        (np.ones((4000, 7), np.float32), r"waveforms\[1\]: has shape \(4000, 7\)"),
        (torch.ones(4000, dtype=torch.int16), r"waveforms\[1\]: has dtype int16"),
        ("speech.wav", r"waveforms\[1\]: has dtype"),
    ],
    ids=["nan", "inf", "int16", "empty", "rows", "columns", "int16 tensor", "path"],
)
def test_what_is_no_sound_is_refused_by_its_index(bad: object, message: str) -> None:
    good, model = np.full(4000, 0.1, np.float32), SimpleNamespace(transcribe=pytest.fail)
    for call in (hear, transcribe, AdaptedHearing(AdaptationConfig())):
        with pytest.raises(ValueError, match=message):
            call(model, [good, bad])
        with pytest.raises(ValueError, match="waveforms: is one ndarray, expected a list"):
            call(model, good)
