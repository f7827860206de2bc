# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sensors beside the audio: missing ones change nothing, present ones are read at their own time and rate."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nemo.collections.asr.modules import ConformerEncoder

from nemo_noise.modules import (
    CrossAttentionFusion,
    FiLMFusion,
    HierarchicalContextEncoder,
    MultimodalContextEncoder,
    NoiseAwareConformerEncoder,
    SensorStream,
    SensorTokens,
    shuffled_sensors,
    with_sensors,
)
from tests.contracts import (
    check_context_encoder,
    check_encoder,
    check_gradients,
    check_onnx,
    features,
    fill_padding,
    randomize,
)
from tests.modules.test_contracts import BANDS, CONTEXT, TINY_CONFORMER, WIDTH

HIDDEN = 32


def build(**changes) -> MultimodalContextEncoder:
    torch.manual_seed(0)
    streams = {
        "accelerometer": SensorTokens(channels=3, rate_hz=100, d_hidden=HIDDEN, token_s=0.2),
        "level": SensorTokens(channels=1, rate_hz=4, d_hidden=HIDDEN, mean=60.0, std=10.0),
    }
    return MultimodalContextEncoder(BANDS, CONTEXT, **({"streams": streams, "d_hidden": HIDDEN} | changes))


def sensors(lengths: tuple[int, ...] = (120, 97, 64), seed: int = 3) -> dict[str, SensorStream]:
    """Streams of utterances with ``lengths`` frames of 10 ms."""
    generator = torch.Generator().manual_seed(seed)
    samples = torch.tensor(lengths)
    count, slow = len(lengths), samples // 25 + 1
    return {
        "accelerometer": SensorStream(
            torch.randn(count, max(lengths), 3, generator=generator), samples, torch.full((count,), 100.0)
        ),
        "level": SensorStream(
            60 + 10 * torch.randn(count, int(slow.max()), 1, generator=generator), slow, torch.full((count,), 4.0)
        ),
    }


def without(streams: dict[str, SensorStream], name: str, row: int) -> dict[str, SensorStream]:
    """The same, but one utterance lacks one stream."""
    values, length, rate_hz = streams[name]
    length, rate_hz = length.clone(), rate_hz.clone()
    length[row], rate_hz[row] = 0, 0.0
    return streams | {name: SensorStream(values, length, rate_hz)}


def test_without_streams_it_is_the_hierarchical_encoder_parameter_names_included() -> None:
    parent = HierarchicalContextEncoder(BANDS, CONTEXT, d_hidden=HIDDEN).eval()
    encoder = build().eval()
    keys = encoder.load_state_dict(parent.state_dict(), strict=False)
    assert not keys.unexpected_keys and all(key.startswith("streams.") for key in keys.missing_keys)
    audio_signal, length = features(BANDS)
    expected = parent(audio_signal=audio_signal, length=length)
    assert torch.equal(encoder(audio_signal=audio_signal, length=length), expected)
    bare = MultimodalContextEncoder(BANDS, CONTEXT, d_hidden=HIDDEN)
    assert set(bare.state_dict()) == set(parent.state_dict())


def test_without_streams_the_whole_contract_holds(tmp_path: Path) -> None:
    check_context_encoder(build(streams=None), tmp_path)


def test_with_streams_it_exports_with_the_inputs_of_audio(tmp_path: Path) -> None:
    audio_signal, length = features(BANDS)
    axes = {"audio_signal": {0: "batch", 2: "time"}, "length": {0: "batch"}}
    check_onnx(build(), {"audio_signal": audio_signal, "length": length}, axes, tmp_path / "with_streams.onnx")


def test_an_utterance_without_sensors_gets_the_context_of_audio_bit_for_bit() -> None:
    encoder = build().eval()
    randomize(encoder)
    audio_signal, length = features(BANDS)
    audio_only = encoder(audio_signal=audio_signal, length=length)
    given = without(without(sensors(), "accelerometer", 1), "level", 1)
    with with_sensors(encoder, given):
        heard = encoder(audio_signal=audio_signal, length=length)
    assert torch.equal(heard[1], audio_only[1])
    assert not torch.allclose(heard[0], audio_only[0], atol=1e-3)
    nothing = without(without(given, "accelerometer", 0), "level", 0)
    nothing = without(without(nothing, "accelerometer", 2), "level", 2)
    with with_sensors(encoder, nothing):
        assert torch.equal(encoder(audio_signal=audio_signal, length=length), audio_only)
    with with_sensors(encoder, {"thermometer": sensors()["level"]}):  # none of its streams
        assert torch.equal(encoder(audio_signal=audio_signal, length=length), audio_only)
    assert torch.equal(encoder(audio_signal=audio_signal, length=length), audio_only), "the block has ended"


def test_a_stream_that_is_missing_beside_another_changes_nothing_else() -> None:
    encoder = build().eval()
    randomize(encoder)
    audio_signal, length = features(BANDS)
    given = sensors()
    with with_sensors(encoder, without(given, "level", 0)):
        masked = encoder(audio_signal=audio_signal, length=length)
    with with_sensors(encoder, {"accelerometer": given["accelerometer"]}):
        alone = encoder(audio_signal=audio_signal, length=length)
    with with_sensors(encoder, given):
        both = encoder(audio_signal=audio_signal, length=length)
    assert torch.allclose(masked[0], alone[0], atol=1e-5)
    assert torch.allclose(masked[1:], both[1:], atol=1e-5)
    assert not torch.allclose(both[0], alone[0], atol=1e-3)


@pytest.mark.parametrize("value", [float("nan"), 1e3])
def test_padding_of_audio_and_sensors_changes_nothing(value: float) -> None:
    encoder = build().eval()
    randomize(encoder)
    audio_signal, length = features(BANDS)
    filled = {}
    for name, stream in sensors().items():
        padding = torch.arange(stream.values.shape[1]) >= stream.length[:, None]
        filled[name] = stream._replace(values=stream.values.masked_fill(padding.unsqueeze(2), value))
    with with_sensors(encoder, sensors()):
        expected = encoder(audio_signal=audio_signal, length=length)
        alone_audio = audio_signal[1:2, :, :97]
    with with_sensors(encoder, filled):
        changed = encoder(audio_signal=fill_padding(audio_signal, length, value), length=length)
    assert torch.equal(changed, expected)
    one = {name: SensorStream(*(part[1:2] for part in stream)) for name, stream in sensors().items()}
    with with_sensors(encoder, one):
        alone = encoder(audio_signal=alone_audio, length=length[1:2])
    assert torch.allclose(alone[0], expected[1], atol=1e-5)


def test_a_gradient_reaches_every_parameter_and_training_without_sensors_leaves_none_out() -> None:
    encoder = build().eval()
    randomize(encoder)
    audio_signal, length = features(BANDS)
    with with_sensors(encoder, sensors()):
        check_gradients(encoder, lambda: encoder(audio_signal=audio_signal, length=length).square().sum())
    encoder.train()
    encoder.zero_grad()
    encoder(audio_signal=audio_signal, length=length).square().sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())
    assert all((weight.grad == 0).all() for weight in encoder.streams.parameters())


def test_what_was_not_measured_is_left_out_and_the_rest_is_read() -> None:
    tokens = SensorTokens(channels=1, rate_hz=10, d_hidden=8, token_s=0.5)
    values = torch.randn(1, 20, 1)
    values[0, 7] = float("nan")
    found, valid = tokens.features(SensorStream(values, torch.tensor([18]), torch.tensor([10.0])))
    assert valid.tolist() == [[True, False, True, False]]  # a gap in the second piece, the fourth is not whole
    assert (found[0, [1, 3]] == 0).all() and found.isfinite().all()


def test_features_of_a_piece_are_its_mean_and_its_log_power_spectrum() -> None:
    tokens = SensorTokens(channels=2, rate_hz=8, d_hidden=8, token_s=1.0, mean=1.0, std=2.0)
    values = torch.randn(1, 16, 2)
    found, _ = tokens.features(SensorStream(values, torch.tensor([16]), torch.tensor([8.0])))
    scaled = (values[0, 8:].numpy() - 1.0) / 2.0
    spectrum = np.abs(np.fft.rfft(scaled - scaled.mean(axis=0), axis=0)) ** 2 / 8
    expected = np.concatenate([scaled.mean(axis=0), (np.log(spectrum[1:] + 1e-6) / 4).flatten()])
    assert found.shape == (1, 2, tokens.num_features)
    np.testing.assert_allclose(found[0, 1].numpy(), expected, atol=1e-5)


def test_a_stream_at_another_rate_is_interpolated_to_the_own_one() -> None:
    tokens = SensorTokens(channels=1, rate_hz=10, d_hidden=8, token_s=0.1)  # a token is a sample
    values = torch.randn(2, 41, 1)
    stream = SensorStream(values, torch.tensor([41, 12]), torch.tensor([25.0, 10.0]))
    found, valid = tokens.features(stream)
    times = np.arange(17) / 10
    expected = np.interp(times, np.arange(41) / 25, values[0, :, 0].numpy())
    np.testing.assert_allclose(found[0, :17, 0].numpy(), expected, atol=1e-5)
    assert valid.sum(dim=1).tolist() == [17, 12]
    assert torch.equal(found[1, :12], values[1, :12])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_tokens_of_weights_in_another_precision_are_nearly_the_same(dtype: torch.dtype) -> None:
    tokens = SensorTokens(channels=1, rate_hz=10, d_hidden=8, token_s=0.5)
    stream = SensorStream(torch.randn(2, 20, 1), torch.tensor([20, 10]), torch.tensor([10.0, 10.0]))
    expected, valid = tokens(stream)
    found, also_valid = tokens.to(dtype)(stream)
    assert found.dtype == dtype and torch.equal(valid, also_valid)
    tolerance = 0.03 if dtype == torch.bfloat16 else 1e-6
    np.testing.assert_allclose(found.detach().float(), expected.detach(), atol=tolerance)


def test_the_order_of_time_counts_and_shuffled_sensors_are_the_neighbours() -> None:
    encoder = build().eval()
    randomize(encoder)
    audio_signal, length = features(BANDS, lengths=(100, 100, 100))
    given = sensors((100, 100, 100))
    turned = {name: stream._replace(values=stream.values.flip(1)) for name, stream in given.items()}
    rolled = {name: SensorStream(*(part.roll(1, dims=0) for part in stream)) for name, stream in given.items()}
    contexts = []
    for streams in (given, turned, rolled):
        with with_sensors(encoder, streams):
            contexts.append(encoder(audio_signal=audio_signal, length=length))
    assert not torch.allclose(contexts[0], contexts[1], atol=1e-4)
    with with_sensors(encoder, given), shuffled_sensors(encoder):
        assert torch.equal(encoder(audio_signal=audio_signal, length=length), contexts[2])


def test_inside_a_recogniser_the_contract_holds_and_sensors_reach_the_output(tmp_path: Path) -> None:
    def encoder_with(context: MultimodalContextEncoder) -> NoiseAwareConformerEncoder:
        fusions = {"features": FiLMFusion(BANDS, CONTEXT), 1: CrossAttentionFusion(WIDTH, CONTEXT)}
        return NoiseAwareConformerEncoder(context=context, fusion=fusions, **TINY_CONFORMER)

    check_encoder(encoder_with(build(streams=None)), ConformerEncoder(**TINY_CONFORMER), tmp_path)
    encoder = encoder_with(build()).eval()
    randomize(encoder.fusions)
    audio_signal, length = features(BANDS)
    plain = encoder(audio_signal=audio_signal, length=length)[0]
    with with_sensors(encoder, sensors()):
        heard = encoder(audio_signal=audio_signal, length=length)[0]
    assert not torch.allclose(heard, plain, atol=1e-4)
    with with_sensors(encoder, without(without(sensors(), "level", 1), "accelerometer", 1)):
        assert torch.equal(encoder(audio_signal=audio_signal, length=length)[0][1], plain[1])


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"streams.level.d_hidden=96 must equal d_hidden=32"):
        build(streams={"level": SensorTokens(1, 4)})
    with pytest.raises(ValueError, match="stream_dropout=1.0 must lie in"):
        build(stream_dropout=1.0)
    with pytest.raises(ValueError, match="rate_hz=0 must be above 0"):
        SensorTokens(1, 0)
    encoder = build()
    audio_signal, length = features(BANDS)
    with with_sensors(encoder, sensors((50, 50))), pytest.raises(ValueError, match="has 2 utterances, the batch 3"):
        encoder(audio_signal=audio_signal, length=length)
    wide = {"level": SensorStream(torch.zeros(3, 9, 2), torch.tensor([9, 9, 9]), torch.full((3,), 4.0))}
    with with_sensors(encoder, wide), pytest.raises(ValueError, match="channels=1, but the stream has 2 a sample"):
        encoder(audio_signal=audio_signal, length=length)
