# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Batch norms with statistics of the utterance: the same as torch's, in what is heard alone, and gone afterwards."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.inference import AdaptationConfig, AdaptedStream, adapt_and_transcribe
from nemo_noise.inference.adaptation.adaptation import check_adaptable
from nemo_noise.inference.adaptation.emissions import emissions_of
from nemo_noise.recogniser.batch_statistics import OwnStatistics
from tests.inference.listening import LevelMeter, listening_ctc, state_bytes, tones

FREE: dict[str, Any] = {"min_spoken_frames": 1, "max_spoken_change": 1.0, "max_length_ratio": 1e9, "max_steps": 0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    built = listening_ctc(tmp_path_factory.mktemp("ctc"))
    assert any(isinstance(module, nn.BatchNorm1d) for module in built.encoder.modules())
    built.preprocessor.featurizer.pad_to = 16  # as NeMo's own recipes have it
    return built


@pytest.fixture(scope="module")
def audio() -> list[np.ndarray]:
    return [tones(length, seed) for seed, length in enumerate((24000, 31000))]


def _norm(kind: type[nn.Module], **options: Any) -> Any:
    """A norm that has seen something, in evaluation mode."""
    norm = kind(6, **options)
    with torch.no_grad():
        for number, value in enumerate((norm.running_mean, norm.running_var, norm.weight, norm.bias)):
            if value is not None:
                value.copy_(torch.rand(6) + number)
    return norm.eval()


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm1d, (1, 6, 9)), (nn.BatchNorm2d, (1, 6, 9, 4))])
@pytest.mark.parametrize("affine", [True, False])
def test_shares_of_all_and_nothing_are_torch_s_training_and_evaluation(
    kind: type[nn.Module], shape: tuple[int, ...], affine: bool
) -> None:
    norm, hidden = _norm(kind, affine=affine), 3.0 * torch.randn(shape) + 2.0
    recogniser: Any = nn.Module()
    recogniser.encoder = nn.Sequential(norm)
    with OwnStatistics(recogniser, 1.0).mixed():
        own = recogniser.encoder(hidden)
    assert torch.allclose(own, copy.deepcopy(norm).train()(hidden), atol=1e-5)
    with OwnStatistics(recogniser, 0.0).mixed():
        assert torch.equal(recogniser.encoder(hidden), norm(hidden))
    others = [dim for dim in range(hidden.dim()) if dim != 1]
    half = copy.deepcopy(norm)
    half.running_mean.lerp_(hidden.mean(dim=others), 0.5)
    half.running_var.lerp_(hidden.var(dim=others, correction=0), 0.5)
    with OwnStatistics(recogniser, 0.5).mixed():
        assert torch.allclose(recogniser.encoder(hidden), half(hidden), atol=1e-5)


def test_without_steps_they_alone_are_what_changes_and_nothing_is_left_behind(
    model: Any, audio: list[np.ndarray]
) -> None:
    before = state_bytes(model)
    results = adapt_and_transcribe(model, audio, AdaptationConfig(**FREE, batch_statistics=0.9))
    assert all(result.is_adapted and result.num_steps == 0 and len(result.objective) == 1 for result in results)
    with OwnStatistics(model, 0.9).mixed():
        heard = [model.transcribe([samples], batch_size=1, num_workers=0, verbose=False)[0] for samples in audio]
    model.eval()
    assert [result.text for result in results] == [hypothesis.text for hypothesis in heard]
    assert [result.text for result in results] != [result.plain_text for result in results]
    assert state_bytes(model) == before
    assert not any(module._forward_hooks for module in model.modules())
    plain = adapt_and_transcribe(model, audio, AdaptationConfig(**FREE))
    assert [result.text for result in plain] == [result.plain_text for result in results]


def test_the_norms_see_the_frames_of_the_utterance_alone(model: Any) -> None:
    norm = next(module for module in model.encoder.modules() if isinstance(module, nn.BatchNorm1d))
    seen: list[int] = []
    handle = norm.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[2]))
    hop = 160
    for num_hops in (32, 40, 45, 48):
        samples = torch.from_numpy(tones(num_hops * hop, 0))
        seen.clear()
        with torch.no_grad(), OwnStatistics(model, 0.5).mixed():
            emissions = emissions_of(model, samples)
        assert seen == [len(emissions.log_probs)]
    handle.remove()


def test_a_stream_does_not_give_statistics_to_what_is_too_short_for_them(model: Any, audio: list[np.ndarray]) -> None:
    config = AdaptationConfig(**FREE, batch_statistics=0.9)
    with AdaptedStream(model, config) as stream:
        assert stream.transcribe(audio[0]).is_adapted
        short = stream.transcribe(audio[1][:8000])
    assert not short.is_adapted and short.text == short.plain_text and "shorter than 1.0 s" in short.reason
    learning = AdaptationConfig(**FREE | {"max_steps": 2, "learning_rate": 1e-2}, batch_statistics=0.9)
    with AdaptedStream(model, learning) as stream:
        stream.transcribe(audio[0])
        carried = stream.transcribe(audio[1][:8000])
        expected = model.transcribe([audio[1][:8000]], batch_size=1, num_workers=0, verbose=False)[0].text
    model.eval()
    assert carried.text == expected and "transcribed with the weights of earlier segments" in carried.reason


def test_they_go_together_with_steps_and_along_a_stream(model: Any, audio: list[np.ndarray]) -> None:
    config = AdaptationConfig(**FREE | {"max_steps": 3}, batch_statistics=0.5, learning_rate=1e-2)
    results = adapt_and_transcribe(model, audio, config)
    assert all(result.num_steps == 3 and min(result.objective) < result.objective[0] for result in results)
    without = adapt_and_transcribe(model, audio, AdaptationConfig(**FREE | {"max_steps": 3}, learning_rate=1e-2))
    assert all(a.objective[0] != b.objective[0] for a, b in zip(results, without, strict=True))
    with AdaptedStream(model, config) as stream:
        first, second = [stream.transcribe(samples) for samples in audio]
    assert first.objective == results[0].objective and second.objective != results[1].objective


def test_after_an_error_no_norm_is_left_changed(
    model: Any, audio: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("nemo_noise.inference.adaptation.adaptation.step_down", fail)
    with pytest.raises(RuntimeError, match="no"):
        adapt_and_transcribe(model, audio[:1], AdaptationConfig(**FREE, batch_statistics=0.5))
    assert not any(module._forward_hooks for module in model.modules())


def test_a_change_that_is_not_to_be_believed_gives_the_plain_text(model: Any, audio: list[np.ndarray]) -> None:
    strict = AdaptationConfig(**FREE | {"max_spoken_change": 0.0}, batch_statistics=1.0)
    (result,) = adapt_and_transcribe(model, audio[:1], strict)
    assert not result.is_adapted and result.text == result.plain_text and "changed too much" in result.reason


def test_a_share_out_of_range_and_a_model_without_such_norms_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_statistics=1.5 must be from 0 to 1"):
        AdaptationConfig(batch_statistics=1.5)
    wanted = AdaptationConfig(parameters=["encoder.bias"], batch_statistics=0.5)
    with pytest.raises(ValueError, match="batch_statistics=0.5: the encoder of this LevelMeter has no batch norm"):
        check_adaptable(LevelMeter(), wanted)
    with pytest.raises(ValueError, match="has no batch norm"):
        AdaptedStream(LevelMeter(), wanted)
