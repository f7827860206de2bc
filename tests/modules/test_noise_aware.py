# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The seam itself: streaming, normalisation inside the encoder, adapters, copies and the shuffled control."""

import copy
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from nemo.collections.asr.modules import ConformerEncoder
from nemo.collections.asr.parts.preprocessing.features import normalize_batch
from nemo.core.classes.mixins import adapter_mixins
from nemo.utils.model_utils import import_class_by_path

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    FiLMFusion,
    GatedFusion,
    NoiseAwareConformerEncoder,
    RunningNormalization,
    StatisticsContextEncoder,
    shuffled_context,
)
from tests.contracts import features, fill_padding, randomize
from tests.modules.test_contracts import BANDS, CONTEXT, TINY_CONFORMER, WIDTH

STREAMING = {
    "causal_downsampling": True,
    "conv_context_size": "causal",
    "conv_norm_type": "layer_norm",
    "att_context_style": "chunked_limited",
    "att_context_size": [14, 6],
}
FUSED_SITES: dict[int | str, int] = {
    "features": BANDS,
    "pre_encode": WIDTH,
    0: WIDTH,
    1: WIDTH,
    "encoder_output": WIDTH,
}


def _encoder(**changes: Any) -> NoiseAwareConformerEncoder:
    fusion = {site: FiLMFusion(width, CONTEXT) for site, width in FUSED_SITES.items()}
    context = changes.pop("context", None) or StatisticsContextEncoder(BANDS, CONTEXT)
    return NoiseAwareConformerEncoder(context=context, fusion=fusion, **(TINY_CONFORMER | changes)).eval()


def _stream(
    encoder: NoiseAwareConformerEncoder, audio_signal: Tensor, length: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Feed the features chunk by chunk, as NeMo's CacheAwareStreamingAudioBuffer cuts them; caches are of a type."""
    config = encoder.streaming_cfg
    caches = encoder.get_initial_cache_state(batch_size=audio_signal.shape[0], dtype=dtype)
    outputs, start, total = [], 0, audio_signal.shape[2]
    while start < total:
        later = int(start > 0)
        before = min(start, config.pre_encode_cache_size[later])
        chunk = audio_signal[:, :, start - before : start + config.chunk_size[later]]
        output, _, *caches = encoder.cache_aware_stream_step(
            chunk,
            (length - start + before).clamp(0, chunk.shape[2]),
            *caches,
            keep_all_outputs=start + config.shift_size[later] >= total,
            drop_extra_pre_encoded=config.drop_extra_pre_encoded if later else 0,
        )
        outputs.append(output)
        start += config.shift_size[later]
    return torch.cat(outputs, dim=2)


@pytest.mark.parametrize("att_context_size", [[14, 6], [14, 1]])
@pytest.mark.parametrize("num_frames", [200, 193, 57])
def test_stream_equals_offline_for_a_causal_context(att_context_size: list[int], num_frames: int) -> None:
    changes = STREAMING | {"att_context_size": att_context_size}
    encoder = _encoder(context=CausalStatisticsContextEncoder(BANDS, CONTEXT), **changes)
    randomize(encoder.fusions)
    length = torch.tensor([num_frames, num_frames - 20])
    audio_signal = fill_padding(torch.randn(2, BANDS, num_frames), length, 0.0)
    offline, offline_length = encoder(audio_signal=audio_signal, length=length)
    streamed = _stream(encoder, audio_signal, length)
    for index, valid in enumerate(offline_length.tolist()):
        assert (offline[index, :, :valid] - streamed[index, :, :valid]).abs().max() < 1e-4


def test_the_site_encoder_output_alone_streams_as_offline_and_acts_on_the_output() -> None:
    fusion = {"encoder_output": GatedFusion(WIDTH, CONTEXT)}
    context = CausalStatisticsContextEncoder(BANDS, CONTEXT)
    encoder = NoiseAwareConformerEncoder(context=context, fusion=fusion, **(TINY_CONFORMER | STREAMING)).eval()
    randomize(encoder.fusions)
    length = torch.tensor([200, 180])
    audio_signal = fill_padding(torch.randn(2, BANDS, 200), length, 0.0)
    offline, valid = encoder(audio_signal=audio_signal, length=length)
    streamed = _stream(encoder, audio_signal, length)
    for index, frames in enumerate(valid.tolist()):
        assert (offline[index, :, :frames] - streamed[index, :, :frames]).abs().max() < 1e-4
    plain = ConformerEncoder(**(TINY_CONFORMER | STREAMING)).eval()
    plain.load_state_dict(
        {
            name: weight
            for name, weight in encoder.state_dict().items()
            if "fus" not in name and "context_encoder" not in name
        }
    )
    hidden = plain(audio_signal=audio_signal, length=length)[0].transpose(1, 2)
    read = encoder.noise_context(audio_signal, length)  # a frame less, where the subsampling rounds up
    read = torch.cat([read, read[:, -1:]], dim=1)[:, : hidden.shape[1]]
    expected = encoder.fusions["encoder_output"](features=hidden, context=read)
    assert torch.allclose(offline, expected.transpose(1, 2), atol=1e-6)


def test_a_projected_output_is_fused_at_its_own_width() -> None:
    fusion = {"encoder_output": FiLMFusion(24, CONTEXT)}
    context = StatisticsContextEncoder(BANDS, CONTEXT)
    encoder = NoiseAwareConformerEncoder(context=context, fusion=fusion, feat_out=24, **TINY_CONFORMER)
    output, _ = encoder(audio_signal=torch.randn(2, BANDS, 80), length=torch.tensor([80, 80]))
    assert output.shape[:2] == (2, 24)
    with pytest.raises(ValueError, match="fusion.encoder_output.d_model=32 must be 24 at this site"):
        NoiseAwareConformerEncoder(
            context=context, fusion={"encoder_output": FiLMFusion(WIDTH, CONTEXT)}, feat_out=24, **TINY_CONFORMER
        )


def test_running_normalization_ends_at_the_moments_of_the_utterance() -> None:
    normalization = RunningNormalization(BANDS)
    length = torch.tensor([193, 120])
    raw = fill_padding(3.0 * torch.randn(2, BANDS, 193) - 8.0, length, float("nan"))
    normalized, _ = normalization(raw, length, state=torch.zeros(2, normalization.state_size))
    assert (normalized[1, :, 120:] == 0).all()
    for index, valid in enumerate(length.tolist()):
        read = raw[index, :, :valid]
        deviation = (read.var(dim=1, correction=0) + 0.25).sqrt()
        expected = (read[:, -1] - read.mean(dim=1)) / deviation
        assert torch.allclose(normalized[index, :, valid - 1], expected, atol=1e-4)


def test_running_normalization_keeps_the_variance_of_a_long_stream() -> None:
    normalization = RunningNormalization(1)
    state, chunk = torch.zeros(1, 3), torch.randn(1, 1, 5000) - 100.0
    for _ in range(400):  # 2 million frames, more than five hours
        normalized, state = normalization(chunk, torch.tensor([5000]), state=state, num_kept=5000)
    assert normalized.var().item() == pytest.approx(1.0 / 1.25, rel=0.03)


@pytest.mark.parametrize("has_context", [True, False])
@pytest.mark.parametrize("conv_kernel_size", [5, 3])  # one cache row holds 32 numbers with 3: several are needed
def test_running_normalization_streams_as_offline(has_context: bool, conv_kernel_size: int) -> None:
    changes = STREAMING | {"conv_kernel_size": conv_kernel_size, "feature_normalization": "running"}
    if has_context:
        encoder = _encoder(context=CausalStatisticsContextEncoder(BANDS, CONTEXT), **changes)
        randomize(encoder.fusions)
    else:
        encoder = NoiseAwareConformerEncoder(**(TINY_CONFORMER | changes)).eval()
    audio_signal, length = 3.0 * torch.randn(2, BANDS, 193) - 8.0, torch.tensor([193, 193])
    offline = encoder(audio_signal=audio_signal, length=length)[0]
    assert (_stream(encoder, audio_signal, length) - offline).abs().max() < 1e-4


def test_streaming_state_of_one_stream_does_not_reach_another() -> None:
    encoder = _encoder(context=CausalStatisticsContextEncoder(BANDS, CONTEXT), **STREAMING)
    randomize(encoder.fusions)
    audio_signal, length = torch.randn(2, BANDS, 120), torch.tensor([120, 120])
    together = _stream(encoder, audio_signal, length)
    alone = _stream(encoder, audio_signal[1:], length[1:])
    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_a_context_that_needs_the_whole_utterance_refuses_to_stream() -> None:
    encoder = _encoder(**STREAMING)
    with pytest.raises(ValueError, match="StatisticsContextEncoder needs the whole utterance and cannot stream"):
        _stream(encoder, torch.randn(1, BANDS, 100), torch.tensor([100]))


def test_normalizing_in_the_encoder_equals_normalizing_in_the_preprocessor() -> None:
    plain = ConformerEncoder(**TINY_CONFORMER).eval()
    encoder = _encoder(feature_normalization="per_feature")
    encoder.load_state_dict(plain.state_dict(), strict=False)
    length = torch.tensor([100, 80])
    raw = fill_padding(3.0 * torch.randn(2, BANDS, 100) - 8.0, length, 0.0)
    normalized = normalize_batch(raw, length, "per_feature")[0]
    expected = plain(audio_signal=normalized, length=length)[0]
    assert torch.equal(encoder(audio_signal=raw, length=length)[0], expected)


def test_normalizing_in_training_ignores_what_specaugment_masked() -> None:
    encoder = _encoder(feature_normalization="per_feature").train()
    raw, length = 3.0 * torch.randn(1, BANDS, 100) - 8.0, torch.tensor([100])
    masked = raw.clone()
    masked[:, :, 10:30] = 0.0
    normalized = encoder.normalization(masked, length).features
    assert (normalized[:, :, 10:30] == 0).all()
    kept = torch.cat([raw[:, :, :10], raw[:, :, 30:]], dim=2)
    expected = normalize_batch(kept, length - 20, "per_feature")[0]
    actual = torch.cat([normalized[:, :, :10], normalized[:, :, 30:]], dim=2)
    assert torch.allclose(actual, expected, atol=0.05)  # NeMo divides by n - 1, and adds 1e-5


def test_fixed_normalization_shifts_and_scales_and_leaves_padding_zero() -> None:
    encoder = _encoder(feature_normalization={"mean": -8.0, "std": 4.0})
    length = torch.tensor([60, 40])
    raw = fill_padding(3.0 * torch.randn(2, BANDS, 60) - 8.0, length, 0.0)
    expected = fill_padding((raw + 8.0) / 4.0, length, 0.0)
    assert torch.allclose(encoder.normalization(raw, length).features, expected, atol=1e-6)
    with pytest.raises(ValueError, match="feature_normalization=.*'std': 0.0"):
        _encoder(feature_normalization={"mean": -8.0, "std": 0.0})


def test_without_context_the_encoder_is_nemo_s() -> None:
    plain = ConformerEncoder(**TINY_CONFORMER).eval()
    encoder = NoiseAwareConformerEncoder(**TINY_CONFORMER).eval()
    encoder.load_state_dict(plain.state_dict(), strict=True)
    audio_signal, length = torch.randn(1, BANDS, 90), torch.tensor([90])
    assert torch.equal(
        encoder(audio_signal=audio_signal, length=length)[0], plain(audio_signal=audio_signal, length=length)[0]
    )
    with pytest.raises(ValueError, match="no context encoder"):
        encoder.noise_context(audio_signal, length)


def test_shuffled_context_gives_each_utterance_its_neighbour_s_context() -> None:
    encoder = _encoder()
    randomize(encoder.fusions)
    audio_signal, length = torch.randn(3, BANDS, 90), torch.tensor([90, 90, 90])
    own = encoder(audio_signal=audio_signal, length=length)[0]
    with shuffled_context(encoder):
        shuffled = encoder(audio_signal=audio_signal, length=length)[0]
        alone = encoder(audio_signal=audio_signal[:1], length=length[:1])[0]
    assert not torch.allclose(own, shuffled, atol=1e-4)
    assert torch.allclose(alone[0], own[0], atol=1e-5)
    assert torch.equal(encoder(audio_signal=audio_signal, length=length)[0], own)


def test_a_copy_is_independent_of_the_original() -> None:
    encoder = _encoder()
    audio_signal, length = torch.randn(1, BANDS, 90), torch.tensor([90])
    expected = encoder(audio_signal=audio_signal, length=length)[0]
    twin = copy.deepcopy(encoder)
    randomize(twin.fusions)
    assert not torch.allclose(twin(audio_signal=audio_signal, length=length)[0], expected, atol=1e-4)
    assert torch.equal(encoder(audio_signal=audio_signal, length=length)[0], expected)


def test_local_attention_can_be_switched_on_under_the_context() -> None:
    encoder = _encoder()
    randomize(encoder.fusions)
    audio_signal, length = torch.randn(1, BANDS, 90), torch.tensor([90])
    expected = encoder(audio_signal=audio_signal, length=length)[0]
    config = {**TINY_CONFORMER, "dropout": 0.0, "dropout_att": 0.0, "dropout_emb": 0.0, "pos_emb_max_len": 5000}
    encoder._cfg = OmegaConf.create(config)  # a model gives it to its encoder; NeMo writes into it
    encoder.change_attention_model("rel_pos_local_attn", [64, 64])
    assert torch.allclose(encoder(audio_signal=audio_signal, length=length)[0], expected, atol=1e-4)


def test_nemo_adapters_know_the_encoder() -> None:
    registered = adapter_mixins.get_registered_adapter(NoiseAwareConformerEncoder)
    assert registered is not None and issubclass(registered.adapter_class, NoiseAwareConformerEncoder)
    assert registered.adapter_class_path == "nemo_noise.modules.NoiseAwareConformerEncoderAdapter"
    assert import_class_by_path(registered.adapter_class_path) is registered.adapter_class


def test_bypassing_the_subsampling_is_refused_with_a_context() -> None:
    with pytest.raises(ValueError, match="bypass_pre_encode=True gives no features"):
        _encoder()(audio_signal=torch.randn(1, 12, WIDTH), length=torch.tensor([12]), bypass_pre_encode=True)


@pytest.mark.parametrize("feature_normalization", [None, "running", {"mean": -8.0, "std": 4.0}])
def test_an_export_without_caches_takes_batches_of_any_size(tmp_path: Any, feature_normalization: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    context = CausalStatisticsContextEncoder(BANDS, CONTEXT)
    changes = TINY_CONFORMER | STREAMING | {"feature_normalization": feature_normalization}
    encoder = NoiseAwareConformerEncoder(context=context, fusion={0: GatedFusion(WIDTH, CONTEXT)}, **changes).eval()
    randomize(encoder.fusions)
    encoder.export(str(tmp_path / "whole.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "whole.onnx"), providers=["CPUExecutionProvider"])
    for lengths in ((120,), (120, 97, 64)):
        audio_signal, length = features(BANDS, lengths)
        with torch.no_grad():
            expected, expected_length = encoder(audio_signal=audio_signal, length=length)
        actual = session.run(None, {"audio_signal": audio_signal.numpy(), "length": length.numpy()})[0]
        valid = (torch.arange(expected.shape[2]) < expected_length[:, None])[:, None].expand_as(expected)
        assert (torch.from_numpy(actual) - expected)[valid].abs().max() < 1e-4


@pytest.mark.parametrize("feature_normalization", [None, "running"])
def test_an_export_with_caches_carries_the_state(tmp_path: Any, feature_normalization: str | None) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    fusion = {0: GatedFusion(WIDTH, CONTEXT)}
    context = CausalStatisticsContextEncoder(BANDS, CONTEXT)
    changes = TINY_CONFORMER | STREAMING | {"feature_normalization": feature_normalization}
    encoder = NoiseAwareConformerEncoder(context=context, fusion=fusion, **changes).eval()
    randomize(encoder.fusions)
    encoder.export_cache_support = True
    encoder.export(str(tmp_path / "stream.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "stream.onnx"), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    assert names == ["audio_signal", "length", "cache_last_channel", "cache_last_time", "cache_last_channel_len"]
    chunk = encoder.streaming_cfg.chunk_size[1] + encoder.streaming_cfg.pre_encode_cache_size[1]
    channel, time, channel_len = encoder.get_initial_cache_state(batch_size=1)
    caches = [channel.transpose(0, 1), time.transpose(0, 1), channel_len]
    for _ in range(2):
        audio_signal = torch.randn(1, BANDS, chunk)
        feed = [audio_signal, torch.tensor([chunk]), *caches]
        with torch.no_grad():
            expected = encoder.forward_for_export(*feed)
        actual = session.run(None, {name: value.numpy() for name, value in zip(names, feed, strict=True)})
        for one, other in zip(expected, actual, strict=True):
            assert (one - torch.from_numpy(other)).abs().max() < 1e-4
        caches = list(expected[2:])
