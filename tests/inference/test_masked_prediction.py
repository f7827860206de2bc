# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Masked prediction as an objective of adaptation: what is hidden, what is compared, and the trap in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.inference import AdaptationConfig, adapt_and_transcribe
from nemo_noise.inference.adaptation import steps as adaptation_steps
from nemo_noise.inference.adaptation.emissions import emissions_of
from nemo_noise.inference.adaptation.objectives import disagreement, draw_hidden_frames, features_hidden
from nemo_noise.modules import WaveformPreprocessor
from tests.inference.listening import LevelMeter, listening_ctc, state_bytes, tones
from tests.recognisers import build_recogniser

FREE: dict[str, Any] = {"min_spoken_frames": 1, "max_spoken_change": 1.0, "max_length_ratio": 1e9, "max_steps": 4}
MASKS = AdaptationConfig(**FREE, objective="masked_prediction", learning_rate=1e-3, mask_share=0.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return listening_ctc(tmp_path_factory.mktemp("ctc"))


@pytest.fixture(scope="module")
def audio() -> list[np.ndarray]:
    return [tones(20000, 1), tones(28000, 2)]


def test_what_is_hidden_depends_on_the_samples_and_on_nothing_else() -> None:
    one, other = (torch.from_numpy(tones(16000, seed)) for seed in (1, 2))
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    hidden = draw_hidden_frames(one, 50, share=0.5, span=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(9)
    assert torch.equal(draw_hidden_frames(one.clone(), 50, share=0.5, span=5), hidden)
    assert not torch.equal(draw_hidden_frames(other, 50, share=0.5, span=5), hidden)


@pytest.mark.parametrize(("frames", "span", "least", "most"), [(50, 5, 5, 30), (8, 100, 4, 4), (1, 3, 1, 1)])
def test_a_span_or_more_is_hidden_and_never_all_of_more_than_a_frame(
    frames: int, span: int, least: int, most: int
) -> None:
    hidden = draw_hidden_frames(torch.from_numpy(tones(16000, 3)), frames, share=0.5, span=span)
    assert hidden.shape == (frames,) and least <= int(hidden.sum()) <= most


def test_hidden_features_are_the_mean_of_the_utterance_and_the_others_are_left(model: Any) -> None:
    signal, length = torch.from_numpy(tones(16000, 1))[None], torch.tensor([16000])
    features, num_valid = model.preprocessor(input_signal=signal, length=length)
    hidden = torch.tensor([False, True, False, False])
    with features_hidden(model, hidden):
        masked, _ = model.preprocessor(input_signal=signal, length=length)
    frames = int(num_valid[0])
    begin, end = -(-frames // 4), -(-frames // 2)  # the second quarter
    mean = features[0, :, :frames].mean(dim=1, keepdim=True)
    assert torch.allclose(masked[0, :, begin:end], mean.expand(-1, end - begin))
    assert torch.equal(masked[..., :begin], features[..., :begin])
    assert torch.equal(masked[..., end:], features[..., end:])
    assert torch.equal(model.preprocessor(input_signal=signal, length=length)[0], features)


def test_samples_are_hidden_from_a_recogniser_that_reads_them() -> None:
    model = torch.nn.Module()
    model.preprocessor = WaveformPreprocessor()
    signal = torch.arange(1.0, 9.0)[None]
    with features_hidden(model, torch.tensor([False, True])):
        masked, _ = model.preprocessor(input_signal=signal, length=torch.tensor([6]))
    assert masked.tolist() == [[[1.0, 2.0, 3.0, 3.5, 3.5, 3.5, 0.0, 0.0]]]  # the mean of the valid ones


def test_features_are_hidden_no_longer_after_an_error(model: Any) -> None:
    with pytest.raises(RuntimeError, match="power cut"), features_hidden(model, torch.tensor([True])):
        raise RuntimeError("power cut")
    assert not model.preprocessor._forward_hooks
    with (
        pytest.raises(TypeError, match="Module has no preprocessor"),
        features_hidden(torch.nn.Module(), torch.ones(1)),
    ):
        pass


def test_the_disagreement_is_torch_s_divergence_over_hidden_frames_and_teaches_one_side() -> None:
    heard, guessed = (torch.randn(9, 5).log_softmax(dim=1).requires_grad_() for _ in range(2))
    hidden = torch.arange(9) % 3 == 0
    value = disagreement(heard, guessed, hidden, temperature=2.0)
    teacher, student = ((each[hidden] / 2.0).log_softmax(dim=1) for each in (heard, guessed))
    expected = torch.nn.functional.kl_div(student, teacher, log_target=True, reduction="batchmean")
    assert torch.allclose(value, expected)
    value.backward()
    assert heard.grad is None and guessed.grad is not None and not guessed.grad[~hidden].any()
    assert float(disagreement(heard, heard, hidden, temperature=2.0).detach()) == 0.0


def test_the_objective_falls_the_model_comes_back_and_no_utterance_knows_another(
    model: Any, audio: list[np.ndarray]
) -> None:
    before = state_bytes(model)
    together = adapt_and_transcribe(model, audio, MASKS)
    assert state_bytes(model) == before and not model.preprocessor._forward_hooks
    assert all(result.is_adapted and min(result.objective) < result.objective[0] > 0 for result in together)
    torch.manual_seed(99)
    (alone,) = adapt_and_transcribe(model, audio[1:], MASKS)
    assert (alone.text, alone.objective) == (together[1].text, together[1].objective)


def test_the_model_comes_back_when_it_fails_while_features_are_hidden(
    model: Any, audio: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("power cut")

    before = state_bytes(model)
    monkeypatch.setattr(adaptation_steps, "disagreement", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        adapt_and_transcribe(model, audio[:1], MASKS)
    assert state_bytes(model) == before and not model.preprocessor._forward_hooks


@pytest.mark.parametrize("family", ["rnnt_bpe", "tdt_bpe"])
def test_a_transducer_guesses_along_the_path_of_what_it_heard(
    family: str, audio: list[np.ndarray], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = build_recogniser(family, tmp_path)
    waveform = torch.from_numpy(audio[0])
    heard = emissions_of(model, waveform)
    again = emissions_of(model, waveform, heard.path)
    assert heard.path is not None and len(heard.path.labels) > 0, "an untrained model that says nothing tests nothing"
    assert torch.equal(again.log_probs, heard.log_probs)
    shorter = heard.path._replace(labels=heard.path.labels[:0], times=heard.path.times[:0])
    assert not torch.equal(emissions_of(model, waveform, shorter).log_probs, heard.log_probs)
    (result,) = adapt_and_transcribe(model, audio[:1], MASKS)
    assert len(result.objective) > 1 and result.objective[0] > 0


def test_silence_that_lowers_the_objective_is_caught_by_either_guard() -> None:
    # Hidden frames get the mean level, which is above the threshold, and most of what is hidden is below it: the
    # objective falls as the threshold rises, until the quieter sounds are not said any more.
    levels = np.repeat(np.tile([0, 1.5, 0, 1.5, 0, 10, 0, 0, 1.5, 0], 3), 8)
    audio = [np.repeat(levels, 160).astype(np.float32)]
    model = LevelMeter()
    greedy = {"learning_rate": 0.1, "max_steps": 30, "parameters": ["encoder.bias"], "temperature": 1.0}
    unguarded = replace(MASKS, **greedy, mask_span_s=0.05)
    (plain,) = model.transcribe(audio)
    (trapped,) = adapt_and_transcribe(model, audio, unguarded)
    assert trapped.is_adapted and min(trapped.objective) < 0.9 * trapped.objective[0]
    assert (plain, trapped.text) == ("a" * 12, "a" * 3)
    guards = {"max_spoken_change": "the emissions changed too much", "max_length_ratio": "the text changed its length"}
    for (guard, reason), limit in zip(guards.items(), (0.2, 2.0), strict=True):
        (result,) = adapt_and_transcribe(model, audio, replace(unguarded, **{guard: limit}))
        assert result.text == plain and not result.is_adapted and reason in result.reason
