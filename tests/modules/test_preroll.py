# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-roll: the context hears what went before, the recogniser does not; a stream that heard it is as the whole."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    ContextEncoder,
    FiLMFusion,
    LogMelFeatures,
    MultimodalContextEncoder,
    NoiseAwareConformerEncoder,
    SensorTokens,
    StatisticsContextEncoder,
    cache_after_preroll,
    listening_to,
    noise_before,
)
from tests.contracts import fill_padding, randomize
from tests.modules.test_contracts import BANDS, CONTEXT, CONTEXTS, TINY_CONFORMER, WIDTH
from tests.modules.test_noise_aware import STREAMING, _stream

HOP = 160  # samples


class _Recogniser(nn.Module):
    """An encoder and the features that it reads."""

    def __init__(self, context: ContextEncoder | None, **changes: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        fusion = {"features": FiLMFusion(BANDS, CONTEXT), 0: FiLMFusion(WIDTH, CONTEXT)} if context else None
        self.preprocessor = LogMelFeatures(features=BANDS)
        self.encoder = NoiseAwareConformerEncoder(context=context, fusion=fusion, **(TINY_CONFORMER | changes))

    def forward(self, features: Tensor, length: Tensor) -> Tensor:
        encoded: Tensor = self.encoder(audio_signal=features, length=length)[0]
        return encoded


def _recogniser(context: type[ContextEncoder], **changes: Any) -> _Recogniser:
    model = _Recogniser(context(BANDS, CONTEXT), **changes).eval()
    randomize(model.encoder.fusions)
    return model


def _features(*lengths: int) -> tuple[Tensor, Tensor]:
    length = torch.tensor(lengths)
    torch.manual_seed(5)
    return fill_padding(torch.randn(len(lengths), BANDS, max(lengths)), length, 0.0), length


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_context_is_that_of_the_pre_roll_and_the_utterance_in_one(context: type[ContextEncoder]) -> None:
    model = _recogniser(context)
    features, length = _features(120, 90)
    signal = torch.randn(2, 80 * HOP)
    before, _ = model.preprocessor(input_signal=signal, length=torch.tensor([80 * HOP, 80 * HOP]))
    whole = torch.cat([before[:, :, :80], features], dim=2)
    expected = model.encoder.context_encoder(audio_signal=whole, length=length + 80)
    if context.layout == "frames":
        expected = expected[:, 10:]
    with noise_before(model, signal, torch.tensor([80 * HOP, 80 * HOP])):
        heard = model.encoder.noise_context(features, length)
    for index, valid in enumerate((15, 11)):  # contexts of frames beyond the length do not count
        part = slice(0, valid) if context.layout == "frames" else slice(None)
        torch.testing.assert_close(heard[index, part], expected[index, part], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(heard, model.encoder.noise_context(features, length), atol=1e-3)


@pytest.mark.parametrize("context", CONTEXTS)
def test_pre_rolls_of_different_lengths_share_a_batch_and_padding_does_not_count(
    context: type[ContextEncoder],
) -> None:
    model = _recogniser(context)
    features, length = _features(120, 90, 75)
    signal, samples = torch.randn(3, 12345), torch.tensor([12345, 0, 5000])
    signal[2, 5000:] = torch.nan
    with noise_before(model, signal, samples):
        together = model(features, length)
    for index in range(3):
        alone, valid = features[index : index + 1, :, : length[index]], length[index : index + 1]
        with noise_before(model, signal[index : index + 1, : max(1, int(samples[index]))], samples[index : index + 1]):
            one = model(alone, valid)
        torch.testing.assert_close(together[index, :, : one.shape[2]], one[0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(together[1], model(features, length)[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[0], model(features, length)[0], atol=1e-3)


def test_a_new_fusion_gives_the_old_output_whatever_was_heard_before() -> None:
    torch.manual_seed(0)
    model = _Recogniser(StatisticsContextEncoder(BANDS, CONTEXT)).eval()
    features, length = _features(120, 90)
    old = model(features, length)
    with noise_before(model, torch.randn(2, 8000), torch.tensor([8000, 8000])):
        assert torch.equal(model(features, length), old)
    assert torch.equal(model(features, length), old)


@pytest.mark.parametrize("normalization", [None, "running"])
@pytest.mark.parametrize("num_samples", [80 * HOP, 83 * HOP + 7])
def test_a_stream_that_has_heard_a_pre_roll_equals_the_whole_utterance(num_samples: int, normalization: str) -> None:
    model = _recogniser(CausalStatisticsContextEncoder, feature_normalization=normalization, **STREAMING)
    features, length = _features(200, 180)
    signal = torch.randn(2, num_samples)
    with noise_before(model, signal, torch.tensor([num_samples, num_samples])):
        offline = model(features, length)
    begin = model.encoder.get_initial_cache_state

    def after_preroll(batch_size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        channel, time, channel_length = begin(batch_size=batch_size, dtype=dtype)
        return channel, cache_after_preroll(model, time, signal), channel_length

    model.encoder.get_initial_cache_state = after_preroll
    streamed = _stream(model.encoder, features, length)
    for index, valid in enumerate((25, 22)):
        assert (offline[index, :, :valid] - streamed[index, :, :valid]).abs().max() < 1e-4
    model.encoder.get_initial_cache_state = begin
    assert (_stream(model.encoder, features, length)[0, :, :25] - offline[0, :, :25]).abs().max() > 1e-3


def test_blocks_within_blocks_and_signals_without_samples() -> None:
    model = _recogniser(StatisticsContextEncoder)
    features, length = _features(120, 90)
    plain, signal, samples = model(features, length), torch.randn(2, 8000), torch.tensor([8000, 8000])
    with noise_before(model, signal, samples):
        outer = model(features, length)
        with noise_before(model, torch.zeros(2, 0), torch.tensor([0, 0])):
            assert torch.allclose(model(features, length), plain, atol=1e-5)
        assert torch.equal(model(features, length), outer) and not torch.allclose(outer, plain, atol=1e-3)
    assert torch.equal(model(features, length), plain)


def test_streams_and_sensors_are_refused_inside_the_block() -> None:
    signal, samples = torch.randn(2, 8000), torch.tensor([8000, 8000])
    features, length = _features(120, 90)
    streaming = _recogniser(CausalStatisticsContextEncoder, **STREAMING)
    with noise_before(streaming, signal, samples), pytest.raises(ValueError, match="begin with cache_after_preroll"):
        _stream(streaming.encoder, features, length)
    streams = {"car": SensorTokens(channels=1, rate_hz=50.0)}
    sensing = _Recogniser(MultimodalContextEncoder(BANDS, CONTEXT, streams=streams)).eval()
    values = {"car": (torch.randn(2, 60, 1), torch.tensor([60, 60]), torch.tensor([50.0, 50.0]))}
    with noise_before(sensing, signal, samples):
        sensing(features, length)
        with listening_to(sensing, values), pytest.raises(ValueError, match="is given beside sensors"):
            sensing(features, length)


def test_what_cannot_hear_a_pre_roll_is_refused_by_name() -> None:
    signal, samples = torch.randn(2, 8000), torch.tensor([8000, 8000])
    plain = _Recogniser(None)
    with (
        pytest.raises(ValueError, match="_Recogniser has no encoder with a noise context"),
        noise_before(plain, signal, samples),
    ):
        pass
    model = _recogniser(StatisticsContextEncoder)
    with (
        pytest.raises(ValueError, match=r"\[2, 8000\] and \[1\], expected \[B, N\] and \[B\]"),
        noise_before(model, signal, samples[:1]),
    ):
        pass
    features, length = _features(50, 50, 50)
    with noise_before(model, signal, samples), pytest.raises(ValueError, match="given 2 pre-rolls, the batch has 3"):
        model(features, length)
    with pytest.raises(ValueError, match="StatisticsContextEncoder needs the whole utterance and cannot stream"):
        cache_after_preroll(model, torch.zeros(2, 2, WIDTH, 8), signal)
    model.preprocessor.featurizer = nn.Module()
    model.preprocessor.featurizer.normalize = "per_feature"
    with pytest.raises(ValueError, match="normalises .'per_feature'."), noise_before(model, signal, samples):
        pass
    assert model.encoder.side_inputs.preroll is None
