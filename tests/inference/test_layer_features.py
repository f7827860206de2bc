# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""States layer by layer: transformers' for wav2vec 2.0, by hooks for any encoder; pooled over valid frames alone."""

from pathlib import Path

import pytest
import torch

from nemo_noise.models import import_wav2vec2
from nemo_noise.recogniser.layer_features import LayerFeatures, layer_features, pool_features
from tests.models.test_families import audio
from tests.recognisers import build_recogniser
from tests.wav2vecs import write_wav2vec2


@pytest.mark.parametrize("shape", ["base", "large"])
def test_the_states_are_transformers_hidden_states(shape: str, tmp_path: Path) -> None:
    theirs = write_wav2vec2(tmp_path, "plain", shape, does_normalize=False)
    model, signal = import_wav2vec2(tmp_path).train(), 0.3 * torch.randn(1, 8000)
    features = layer_features(model, signal, torch.tensor([8000]))
    with torch.no_grad():
        expected = theirs(signal, output_hidden_states=True).hidden_states
    assert list(features.frames) == list(range(len(expected))) == [0, 1, 2]
    for number, states in features.frames.items():
        assert (states - expected[number]).abs().max() < 1e-4
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.encoder.layers)


def test_chosen_layers_of_a_conformer_do_not_know_the_padding(tmp_path: Path) -> None:
    model = build_recogniser("ctc", tmp_path)
    signal, length = audio()
    features = layer_features(model, signal, length, layers=[-1, 0])
    assert list(features.frames) == [2, 0]
    alone = layer_features(model, signal[1:, :24000], length[1:], layers=[-1, 0])
    valid = int(features.length[1])
    for number in (2, 0):
        assert features.frames[number][1, valid:].abs().sum() == 0
        assert torch.allclose(features.frames[number][1, :valid], alone.frames[number][0, :valid], atol=1e-4)
    pooled, pooled_alone = (pool_features(each, ["mean", "std", "max"]) for each in (features, alone))
    assert pooled[2].shape == (2, 3 * 32) and torch.allclose(pooled[2][1], pooled_alone[2][0], atol=1e-4)


def test_pooling_is_torch_s_over_the_valid_frames() -> None:
    frames = torch.randn(2, 9, 4)
    pooled = pool_features(LayerFeatures({3: frames}, torch.tensor([9, 5])), ["std", "mean", "max"])[3]
    valid = frames[1, :5]
    expected = torch.cat([valid.std(dim=0, correction=0), valid.mean(dim=0), valid.amax(dim=0)])
    assert torch.allclose(pooled[1], expected, atol=1e-6)


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    model = build_recogniser("ctc", tmp_path)
    with pytest.raises(ValueError, match=r"layers has 3, but the encoder has layers 0 \(what enters\) to 2"):
        layer_features(model, *audio(), layers=[3])
    with pytest.raises(ValueError, match=r"statistics=\['median'\] must be some of"):
        pool_features(LayerFeatures({}, torch.tensor([1])), ["median"])
