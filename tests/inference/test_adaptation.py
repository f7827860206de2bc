# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Adaptation to one utterance: what it guarantees, for plain NeMo models and ours."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf, open_dict
from torch import Tensor

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.inference import AdaptationConfig, AdaptedStream, adapt_and_transcribe
from nemo_noise.inference.adaptation import steps as adaptation_steps
from nemo_noise.inference.adaptation.adaptation import choose_parameters
from nemo_noise.inference.adaptation.emissions import emissions_of
from nemo_noise.recogniser.state import borrowed_weights
from tests.recognisers import build_recogniser

# An untrained model says something else after every step: let it, and look at the machinery.
FREE: dict[str, Any] = {"min_spoken_frames": 1, "max_spoken_change": 1.0, "max_length_ratio": 1e9, "max_steps": 3}
EAGER = AdaptationConfig(**FREE, learning_rate=1e-2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.manual_seed(3)
    built = build_recogniser("ctc", tmp_path_factory.mktemp("ctc"))
    with torch.no_grad():
        built.decoder.decoder_layers[0].bias[-1] -= 2.0  # less blank than by chance
    return built


@pytest.fixture(scope="module")
def audio() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(length).astype(np.float32) for length in (20000, 28000, 24000)]


def _bytes(model: Any) -> dict[str, bytes]:
    state = model.state_dict().items()
    return {name: value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() for name, value in state}


def _texts(model: Any, audio: list[np.ndarray]) -> list[str]:
    hypotheses = [model.transcribe([samples], batch_size=1, num_workers=0, verbose=False)[0] for samples in audio]
    model.eval()
    return [hypothesis.text for hypothesis in hypotheses]


def test_the_objective_falls_and_the_text_is_that_of_the_adapted_model(model: Any, audio: list[np.ndarray]) -> None:
    (result,) = adapt_and_transcribe(model, audio[:1], EAGER)
    assert result.is_adapted and result.num_steps == 3 and len(result.objective) == 4
    assert min(result.objective) < result.objective[0]
    assert result.plain_text == _texts(model, audio[:1])[0]
    assert result.adaptation_s > 0 and result.transcription_s > 0


def test_no_steps_change_nothing(model: Any, audio: list[np.ndarray]) -> None:
    results = adapt_and_transcribe(model, audio, AdaptationConfig(max_steps=0))
    assert [result.text for result in results] == _texts(model, audio)
    assert not any(result.is_adapted for result in results)


def test_weights_gradients_and_modes_come_back_bit_for_bit(model: Any, audio: list[np.ndarray]) -> None:
    before = _bytes(model)
    parameters = dict(model.named_parameters())
    kept, frozen = parameters["encoder.layers.0.norm_out.weight"], parameters["decoder.decoder_layers.0.bias"]
    kept.grad, storage = torch.ones_like(kept), kept.data_ptr()
    frozen.requires_grad_(False)
    model.encoder.train()
    adapt_and_transcribe(model, audio[:1], EAGER)
    assert _bytes(model) == before and kept.data_ptr() == storage
    assert torch.equal(kept.grad, torch.ones_like(kept)) and not frozen.requires_grad and kept.requires_grad
    assert model.encoder.training and model.encoder.layers[0].training and not model.training
    kept.grad, frozen.requires_grad = None, True
    model.eval()


@pytest.mark.parametrize(
    ("home", "failing"),
    [(adaptation_steps, "uncertainty"), (adaptation_steps, "emissions_of"), (AdaptedStream, "_decode")],
)
def test_weights_come_back_when_something_fails(
    home: Any, failing: str, model: Any, audio: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, working, calls = _bytes(model), getattr(home, failing), []

    def fail_later(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:  # once weights have moved
            raise RuntimeError("power cut")
        return working(*arguments, **options)

    monkeypatch.setattr(home, failing, fail_later)
    with pytest.raises(RuntimeError, match="power cut"):
        adapt_and_transcribe(model, audio[:1], EAGER)
    assert _bytes(model) == before and all(parameter.requires_grad for parameter in model.parameters())


def test_an_utterance_does_not_know_its_batch_nor_what_came_before(model: Any, audio: list[np.ndarray]) -> None:
    together = adapt_and_transcribe(model, audio, EAGER)
    turned = adapt_and_transcribe(model, audio[::-1], EAGER)[::-1]
    for index, samples in enumerate(audio):
        (alone,) = adapt_and_transcribe(model, [samples], EAGER)
        for other in (together[index], turned[index]):
            assert (alone.text, alone.objective) == (other.text, other.objective)


def test_it_works_where_gradients_are_off(model: Any, audio: list[np.ndarray]) -> None:
    (expected,) = adapt_and_transcribe(model, audio[:1], EAGER)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            (result,) = adapt_and_transcribe(model, audio[:1], EAGER)
        assert result.objective == expected.objective


def test_it_stops_when_nothing_improves_and_when_the_budget_is_spent(model: Any, audio: list[np.ndarray]) -> None:
    still = AdaptationConfig(**(FREE | {"max_steps": 50}), learning_rate=0.0)
    (result,) = adapt_and_transcribe(model, audio[:1], still)
    assert result.num_steps == 2 and not result.is_adapted and result.reason == "no improvement in 2 steps"
    (result,) = adapt_and_transcribe(model, audio[:1], AdaptationConfig(**FREE, max_seconds=0.0))
    assert result.num_steps == 0 and not result.is_adapted and result.reason == "max_seconds=0.0 spent"


def test_what_goes_wrong_gives_the_plain_text(model: Any, audio: list[np.ndarray]) -> None:
    wild = AdaptationConfig(**FREE, learning_rate=1e30)
    short = AdaptationConfig(**FREE, min_duration_s=60.0)
    silent = AdaptationConfig(**(FREE | {"min_spoken_frames": 10_000}))
    reasons = ["changed too much", "shorter than 60.0 s", "fewer than 10000 frames"]
    (expected,) = _texts(model, audio[:1])
    for config, reason in zip((wild, short, silent), reasons, strict=True):
        (result,) = adapt_and_transcribe(model, audio[:1], config)
        assert result.text == expected and not result.is_adapted and reason in result.reason


def test_emissions_that_fall_silent_end_the_adaptation(
    model: Any, audio: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter([0.9, 0.9, 0.6])
    monkeypatch.setattr(adaptation_steps, "share_spoken", lambda _: next(shares))
    (result,) = adapt_and_transcribe(model, audio[:1], AdaptationConfig(**(FREE | {"max_spoken_change": 0.2})))
    assert not result.is_adapted and result.reason == "the emissions changed too much after 1 steps"


def test_a_text_that_grows_or_shrinks_too_much_is_not_believed(
    model: Any, audio: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["four words are enough", "a"])
    monkeypatch.setattr(AdaptedStream, "_decode", lambda *_: next(answers))
    (result,) = adapt_and_transcribe(model, audio[:1], replace(EAGER, max_length_ratio=2.0))
    assert result.text == "four words are enough" and "changed its length: 'a'" in result.reason


def test_the_script_writes_what_was_heard_with_and_without(
    model: Any, audio: list[np.ndarray], tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save_to(str(tmp_path / "model.nemo"))
    soundfile.write(tmp_path / "noise.wav", audio[0], 16000)
    (tmp_path / "speech.json").write_text(json.dumps({"audio_filepath": "noise.wav", "text": "one two"}) + "\n")
    config = OmegaConf.load(repository / "conf/scripts/transcribe_with_adaptation.yaml")
    paths = {"model": "model.nemo", "manifest": "speech.json", "output": "out.json"}
    config = OmegaConf.merge(config, {key: str(tmp_path / name) for key, name in paths.items()}, {"device": "cpu"})
    path = repository / "examples/asr/transcribe_with_adaptation.py"
    spec = importlib.util.spec_from_file_location("transcribe_with_adaptation", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(config)
    (line,) = [json.loads(line) for line in (tmp_path / "out.json").read_text().splitlines()]
    assert {"pred_text", "plain_pred_text", "is_adapted", "adaptation_steps", "adaptation_reason"} <= set(line)
    assert "WER plain:" in (printed := capsys.readouterr().out) and "WER adapted:" in printed


def test_only_what_is_named_moves(model: Any) -> None:
    norms = choose_parameters(model, ["norms"])
    assert norms and all(".norm_" in name or ".batch_norm." in name for name in norms)
    assert choose_parameters(model, ["encoder.layers.0.norm_out.*"]) == [
        "encoder.layers.0.norm_out.weight",
        "encoder.layers.0.norm_out.bias",
    ]
    before = _bytes(model)
    with borrowed_weights(model, norms) as weights, torch.no_grad():
        for weight in weights:
            weight.add_(1.0)
        during = _bytes(model)
        assert [parameter.requires_grad for parameter in weights] == [True] * len(weights)
    assert [name for name in before if before[name] != during[name]] == norms


@pytest.mark.parametrize("family", ["ctc_bpe", "hybrid_bpe", "rnnt_bpe", "tdt_bpe"])
def test_nemo_s_families_adapt(family: str, audio: list[np.ndarray], tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = build_recogniser(family, tmp_path)
    before = _bytes(model)
    emissions = emissions_of(model, torch.from_numpy(audio[0]))
    assert torch.allclose(emissions.log_probs.exp().sum(dim=1), torch.ones(len(emissions.log_probs)), atol=1e-4)
    assert emissions.blank == len(model.tokenizer.vocab)
    config = AdaptationConfig(**(FREE | {"min_spoken_frames": 0}), learning_rate=1e-2, parameters=["encoder.*"])
    (result,) = adapt_and_transcribe(model, audio[:1], config)
    assert result.plain_text == _texts(model, audio[:1])[0] and _bytes(model) == before


def test_a_transducer_s_emissions_are_those_that_its_greedy_search_decides_by(
    audio: list[np.ndarray], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = build_recogniser("rnnt_bpe", tmp_path)
    emissions = emissions_of(model, torch.from_numpy(audio[1]))
    signal, length = torch.from_numpy(audio[1])[None], torch.tensor([len(audio[1])])
    encoded, encoded_length = model(input_signal=signal, input_signal_length=length)
    (best,) = model.decoding.rnnt_decoder_predictions_tensor(encoded, encoded_length, return_hypotheses=True)
    labels, times = [int(label) for label in best.y_sequence], [int(time) for time in best.timestamp]
    assert labels, "an untrained model that says nothing tests nothing"
    first = dict(zip(times[::-1], labels[::-1], strict=True))
    said: Tensor = emissions.log_probs.argmax(dim=1)
    assert [int(said[time]) for time in first] == list(first.values())
    assert all(int(said[time]) == emissions.blank for time in set(range(len(said))) - set(first))


def test_ours_adapt_their_fast_weights_and_their_context(audio: list[np.ndarray], tmp_path: Path) -> None:
    config = build_recogniser("ctc", tmp_path).cfg
    with open_dict(config):
        lact = {"_target_": "nemo_noise.modules.NoiseAwareLaCTEncoder", "fast_hidden": 16}
        context = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "feat_in": 32, "d_context": 8}
        fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 32, "d_context": 8}}
        config.encoder = OmegaConf.merge(config.encoder, lact, {"context": context, "fusion": fusion})
    torch.manual_seed(1)
    model = type(build_recogniser("ctc", tmp_path))(cfg=config).eval()
    with torch.no_grad():
        model.decoder.decoder_layers[0].bias[-1] -= 2.0
    before = _bytes(model)
    for parameters in (["fast_weights"], ["context"], ["norms", "context", "fast_weights"]):
        (result,) = adapt_and_transcribe(
            model, audio[:1], AdaptationConfig(**FREE, learning_rate=3e-3, parameters=parameters)
        )
        assert min(result.objective) < result.objective[0] and _bytes(model) == before


def test_a_decoder_without_frames_is_refused(audio: list[np.ndarray], tmp_path: Path) -> None:
    model = build_recogniser("aed", tmp_path)
    with pytest.raises(TypeError, match="EncDecMultiTaskModel cannot be adapted to an utterance"):
        emissions_of(model, torch.from_numpy(audio[0]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "surprise"}, "objective='surprise' is unknown; use one of"),
        ({"parameters": "norms"}, "parameters='norms' must be a list"),
        ({"max_steps": -1}, "max_steps=-1 must be 0 or more"),
        ({"temperature": 0.0}, "temperature=0.0 must be above 0"),
        ({"temperature": "warm"}, "temperature='warm' must be above 0"),
        ({"confusion_weight": "half"}, "confusion_weight='half' must be from 0 to 1"),
        ({"anchor": None}, "anchor=None must be from 0 to 1"),
        ({"patience": "2"}, "patience='2' must be at least 1"),
        ({"learning_rate": float("inf")}, "learning_rate=inf must be 0 or more"),
        ({"confusion_weight": 1.5}, "confusion_weight=1.5 must be from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptationConfig(**changes)


def test_parameters_and_audio_that_are_not_there_are_named(model: Any, audio: list[np.ndarray]) -> None:
    for missing in ("fast_weights", "context", "no.such.*"):
        with pytest.raises(ValueError, match="names no parameter of this EncDecCTCModel"):
            adapt_and_transcribe(model, audio[:1], AdaptationConfig(parameters=[missing]))
    with pytest.raises(ValueError, match=r"audio\[1\] has the shape \(2, 5\); it must be mono"):
        adapt_and_transcribe(model, [audio[0], np.zeros((2, 5), np.float32)], AdaptationConfig(max_steps=0))
