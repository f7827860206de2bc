# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's parts as NeMo modules: features against transformers' extractor, the fixed window, decoder and head."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from transformers import WhisperFeatureExtractor

from nemo_noise.modules import WhisperDecoder, WhisperEncoder, WhisperFeatures, WhisperHead
from tests.contracts import check_gradients

SIZES = {"vocab_size": 24, "hidden_size": 16, "num_layers": 2, "inner_size": 32, "num_attention_heads": 4}


def _audio() -> tuple[Tensor, Tensor]:
    """Noise of three loudnesses and lengths, and one second of silence, [B, T] and lengths [B]."""
    loudness = torch.tensor([[0.3], [0.01], [0.0001], [0.0]])
    signal = loudness * torch.randn(4, 32000, generator=torch.Generator().manual_seed(0))
    return signal, torch.tensor([32000, 24000, 15999, 16000])


@pytest.mark.parametrize("window_s", [2, 30])
@pytest.mark.parametrize("bands", [80, 128])
def test_features_equal_those_of_transformers(bands: int, window_s: int) -> None:
    signal, length = _audio()
    extractor = WhisperFeatureExtractor(feature_size=bands, chunk_length=window_s)
    utterances = [samples[:valid].numpy() for samples, valid in zip(signal, length, strict=True)]
    expected = extractor(utterances, sampling_rate=16000, return_tensors="pt").input_features
    features, frames = WhisperFeatures(bands, float(window_s))(input_signal=signal, length=length)
    assert torch.equal(features, expected)
    assert frames.tolist() == [100 * window_s] * 4


def test_what_lies_behind_an_utterance_never_reaches_its_features() -> None:
    signal, length = _audio()
    module = WhisperFeatures(80, 2.0)
    expected, _ = module(input_signal=signal, length=length)
    signal[torch.arange(32000) >= length[:, None]] = float("nan")
    longer = torch.cat([signal, torch.full((4, 500), float("nan"))], dim=1)
    assert torch.equal(module(input_signal=longer, length=length)[0], expected)


def test_audio_longer_than_the_window_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match=r"input_signal has 32000 samples \(2\.0000 s\), the window 16000 \(1 s\)"):
        WhisperFeatures(80, 1.0)(input_signal=torch.zeros(1, 32000), length=torch.tensor([32000]))
    with pytest.raises(ValueError, match="window_s=1.005 must be a multiple"):
        WhisperFeatures(80, 1.005)


def test_the_encoder_reads_whole_windows_only_and_its_positions_never_learn() -> None:
    encoder = WhisperEncoder(8, 16, n_layers=1, n_heads=4, max_positions=10)
    with pytest.raises(ValueError, match="audio_signal has 30 frames, max_positions=10 needs 20"):
        encoder(audio_signal=torch.zeros(1, 8, 30), length=torch.tensor([30]))
    with pytest.raises(ValueError, match="d_model=18 must be even and a multiple of n_heads=4"):
        WhisperEncoder(8, 18, n_layers=1, n_heads=4)
    encoder.freeze()
    encoder.unfreeze()
    assert not any("embed_positions" in name for name, _ in encoder.named_parameters())
    assert "whisper.embed_positions.weight" in encoder.state_dict()
    inputs = {"audio_signal": torch.randn(2, 8, 20), "length": torch.tensor([20, 5])}
    check_gradients(encoder, lambda: encoder(**inputs)[0].pow(3).sum())
    assert encoder(**inputs)[1].tolist() == [10, 10]


def test_the_exported_encoder_agrees_with_torch(tmp_path: Path) -> None:
    encoder = WhisperEncoder(8, 16, n_layers=2, n_heads=4, max_positions=10).eval()
    features, length = torch.randn(3, 8, 20), torch.tensor([20, 20, 20])
    expected = encoder(audio_signal=features, length=length)[0].detach()
    encoder.export(str(tmp_path / "encoder.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["audio_signal", "length"]
    actual = session.run(None, {"audio_signal": features.numpy(), "length": length.numpy()})[0]
    assert np.abs(actual - expected.numpy()).max() < 1e-4


def test_the_decoder_keeps_nemos_names_without_key_biases_and_embedding_norm() -> None:
    names = {name for name, _ in WhisperDecoder(SIZES).named_parameters()}
    assert "_embedding.token_embedding.weight" in names
    assert "_decoder.layers.1.second_sub_layer.value_net.bias" in names
    assert not any("key_net.bias" in name or "_embedding.layer_norm" in name for name in names)


def test_every_parameter_of_the_decoder_learns_also_token_0() -> None:
    torch.manual_seed(0)
    decoder = WhisperDecoder(SIZES | {"max_sequence_length": 5})
    inputs = {"input_ids": torch.tensor([[0, 3, 4, 5, 0]]), "decoder_mask": torch.ones(1, 5)}
    inputs |= {"encoder_embeddings": torch.randn(1, 7, 16), "encoder_mask": torch.ones(1, 7)}
    check_gradients(decoder, lambda: decoder(**inputs).pow(3).sum())
    assert decoder.embedding.token_embedding.weight.grad[0].abs().sum() > 0


def test_a_decoder_that_is_none_of_whispers_is_refused() -> None:
    with pytest.raises(ValueError, match="config_dict.hidden_act=relu must be gelu"):
        WhisperDecoder(SIZES | {"hidden_act": "relu"})


def test_the_head_gives_all_probability_to_tokens() -> None:
    head = WhisperHead(hidden_size=16, num_classes=24, num_tokens=19)
    probabilities = head(hidden_states=torch.randn(2, 5, 16)).exp()
    assert torch.allclose(probabilities[..., :19].sum(dim=-1), torch.ones(2, 5))
    assert torch.equal(probabilities[..., 19:], torch.zeros(2, 5, 5))
    with pytest.raises(ValueError, match="num_tokens=25 must lie between 1 and num_classes=24"):
        WhisperHead(hidden_size=16, num_classes=24, num_tokens=25)
