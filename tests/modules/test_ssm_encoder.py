# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The state-space encoder: the shared contract, streams, caches, exports, sizes, and NeMo's models around it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.modules import ConformerEncoder
from nemo.core.classes.common import Serialization

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.configuration import config_directory
from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    ContextEncoder,
    FiLMFusion,
    GatedFusion,
    MixerLayer,
    SSMEncoder,
    StatisticsContextEncoder,
)
from tests.contracts import check_encoder, fill_padding, randomize
from tests.models.test_families import outputs
from tests.modules.test_contracts import BANDS, CONTEXT, TINY_CONFORMER, WIDTH
from tests.modules.test_noise_aware import STREAMING, _stream
from tests.recognisers import build_recogniser

TINY: dict[str, Any] = TINY_CONFORMER | {"d_state": 8, "head_dim": 16, "chunk_size": 8}
CAUSAL = STREAMING | {"direction": "causal"}
KINDS: dict[str, dict[str, Any]] = {
    "bidirectional": {},
    "causal": CAUSAL,
    "bidirectional with attention": {"attention_every": 2},
    "causal with attention": CAUSAL | {"attention_every": 2},
}


def _noise_aware(context: ContextEncoder, **changes: Any) -> SSMEncoder:
    fusion = {site: FiLMFusion(width, CONTEXT) for site, width in (("features", BANDS), (0, WIDTH), (1, WIDTH))}
    return SSMEncoder(context=context, fusion=fusion, **(TINY | changes)).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_encoder_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    context = CausalStatisticsContextEncoder if kind == "causal" else StatisticsContextEncoder
    plain = SSMEncoder(**(TINY | KINDS[kind]))
    check_encoder(_noise_aware(context(BANDS, CONTEXT), **KINDS[kind]), plain, tmp_path)


@pytest.mark.parametrize("attention_every", [None, 2])
@pytest.mark.parametrize("has_context", [False, True])
@pytest.mark.parametrize(("right", "num_frames"), [(6, 200), (6, 57), (1, 193)])
def test_a_stream_equals_offline(attention_every: int | None, has_context: bool, right: int, num_frames: int) -> None:
    changes = CAUSAL | {"attention_every": attention_every, "att_context_size": [14, right]}
    if has_context:
        encoder = _noise_aware(CausalStatisticsContextEncoder(BANDS, CONTEXT), **changes)
        randomize(encoder.fusions)
    else:
        encoder = SSMEncoder(**(TINY | changes)).eval()
    length = torch.tensor([num_frames, num_frames - 20])
    audio_signal = fill_padding(torch.randn(2, BANDS, num_frames), length, 0.0)
    offline, offline_length = encoder(audio_signal=audio_signal, length=length)
    streamed = _stream(encoder, audio_signal, length)
    for index, valid in enumerate(offline_length.tolist()):
        assert (offline[index, :, :valid] - streamed[index, :, :valid]).abs().max() < 1e-4


@pytest.mark.parametrize(("chunk_size", "shift_size"), [(2, 2), (5, 5), (6, 4)])
def test_without_attention_chunks_may_have_any_size_and_overlap(chunk_size: int, shift_size: int) -> None:
    encoder = SSMEncoder(**(TINY | CAUSAL)).eval()
    audio_signal, length = torch.randn(1, BANDS, 169), torch.tensor([169])  # all chunks but the last are whole
    offline = encoder(audio_signal=audio_signal, length=length)[0]
    encoder.setup_streaming_params(chunk_size=chunk_size, shift_size=shift_size, left_chunks=1)
    streamed = _stream(encoder, audio_signal, length)
    num_frames = offline.shape[2]
    assert num_frames == 22 and (offline - streamed[:, :, :num_frames]).abs().max() < 1e-4


def test_the_state_of_a_stream_does_not_grow_and_does_not_reach_another() -> None:
    encoder = SSMEncoder(**(TINY | CAUSAL)).eval()
    shapes = [cache.shape for cache in encoder.get_initial_cache_state(batch_size=2)]
    mixer = encoder.layers[0].mixer
    assert shapes[0][2] == -(-mixer.state_size // WIDTH)
    caches = encoder.get_initial_cache_state(batch_size=2)
    chunk = torch.randn(2, BANDS, encoder.streaming_cfg.chunk_size[1] + encoder.streaming_cfg.pre_encode_cache_size[1])
    for _ in range(5):
        _, _, *caches = encoder.cache_aware_stream_step(chunk, torch.tensor([chunk.shape[2]] * 2), *caches)
        assert [cache.shape for cache in caches] == shapes
    audio_signal, length = torch.randn(2, BANDS, 120), torch.tensor([120, 120])
    together, alone = _stream(encoder, audio_signal, length), _stream(encoder, audio_signal[1:], length[1:])
    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_a_causal_encoder_hears_no_future_and_a_bidirectional_one_does() -> None:
    audio_signal, length = torch.randn(1, BANDS, 160), torch.tensor([160])
    changed = audio_signal.clone()
    changed[:, :, 81:] += 1.0
    for changes, is_causal in ((CAUSAL, True), ({}, False)):
        encoder = SSMEncoder(**(TINY | changes)).eval()
        before, after = (encoder(audio_signal=signal, length=length)[0] for signal in (audio_signal, changed))
        assert torch.allclose(before[:, :, :10], after[:, :, :10], atol=1e-6) == is_causal


def test_a_bidirectional_encoder_refuses_to_stream() -> None:
    encoder = SSMEncoder(**(TINY | STREAMING)).eval()
    with pytest.raises(ValueError, match="cannot stream: direction='causal'"):
        _stream(encoder, torch.randn(1, BANDS, 100), torch.tensor([100]))


def test_without_attention_no_mask_is_quadratic_in_time() -> None:
    length = torch.tensor([30, 20])
    padding, attention = SSMEncoder(**TINY)._create_masks([-1, -1], length, 30, None, length.device)
    assert attention is None and padding.shape == (2, 30) and padding.sum() == 10
    theirs = SSMEncoder(**TINY, attention_every=2)._create_masks([-1, -1], length, 30, None, length.device)
    assert torch.equal(theirs[0], padding) and theirs[1].shape == (2, 30, 30)


def test_attention_layers_are_nemo_s_and_the_rest_keeps_the_conformer_s_names() -> None:
    conformer = ConformerEncoder(**(TINY_CONFORMER | {"n_layers": 4}))
    encoder = SSMEncoder(**(TINY | {"n_layers": 4, "attention_every": 2}))
    assert [isinstance(layer, MixerLayer) for layer in encoder.layers] == [True, False, True, False]
    keys = encoder.load_state_dict(conformer.state_dict(), strict=False)
    assert all(".self_attn." in key or ".norm_self_att." in key for key in keys.unexpected_keys)
    assert all(".mixer." in key or ".norm_mixer." in key for key in keys.missing_keys)
    assert keys.unexpected_keys and keys.missing_keys


def test_stochastic_depth_reaches_the_mixers() -> None:
    encoder = SSMEncoder(**(TINY | {"stochastic_depth_drop_prob": 0.9})).train()
    audio_signal, length = torch.randn(1, BANDS, 90), torch.tensor([90])
    encoder(audio_signal=audio_signal, length=length)[0].square().sum().backward()
    gradients = [parameter.grad for parameter in encoder.layers.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("attention_every", [None, 2])
def test_an_export_with_caches_streams_as_offline(tmp_path: Path, attention_every: int | None) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    fusion = {0: GatedFusion(WIDTH, CONTEXT)}
    context = CausalStatisticsContextEncoder(BANDS, CONTEXT)
    changes = TINY | CAUSAL | {"attention_every": attention_every}
    encoder = SSMEncoder(context=context, fusion=fusion, **changes).eval()
    randomize(encoder.fusions)
    encoder.export_cache_support = True
    encoder.export(str(tmp_path / "stream.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "stream.onnx"), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    assert names == ["audio_signal", "length", "cache_last_channel", "cache_last_time", "cache_last_channel_len"]
    chunk = encoder.streaming_cfg.chunk_size[1] + encoder.streaming_cfg.pre_encode_cache_size[1]
    channel, time, channel_len = encoder.get_initial_cache_state(batch_size=1)
    caches = [channel.transpose(0, 1).numpy(), time.transpose(0, 1).numpy(), channel_len.numpy()]
    expected_caches = [torch.from_numpy(cache) for cache in caches]
    for _ in range(3):
        audio_signal, length = torch.randn(1, BANDS, chunk), torch.tensor([chunk])
        with torch.no_grad():
            expected = encoder.forward_for_export(audio_signal, length, *expected_caches)
        feed = dict(zip(names, [audio_signal.numpy(), length.numpy(), *caches], strict=True))
        actual = session.run(None, feed)  # each goes on from its own state
        for one, other in zip(expected, actual, strict=True):
            assert (one - torch.from_numpy(other)).abs().max() < 1e-4
        caches, expected_caches = actual[2:], list(expected[2:])


@pytest.mark.parametrize("family", ["ctc_bpe", "rnnt_bpe", "aed"])
def test_nemo_s_decoders_take_the_encoder_by_config_and_it_comes_back_from_disk(family: str, tmp_path: Path) -> None:
    config = build_recogniser(family, tmp_path).cfg
    with open_dict(config):
        config.encoder = OmegaConf.merge(config.encoder, {"_target_": "nemo_noise.modules.SSMEncoder", "head_dim": 16})
        config.encoder.context = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "d_context": CONTEXT}
        config.encoder.context.feat_in = config.encoder.feat_in
        config.encoder.fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_context": CONTEXT}}
        config.encoder.fusion[0].d_model = config.encoder.d_model
    model = type(build_recogniser(family, tmp_path))(cfg=config)
    assert isinstance(model.encoder, SSMEncoder)
    randomize(model.encoder.fusions)
    expected = outputs(model)
    model.save_to(str(tmp_path / "ssm.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "ssm.nemo"), map_location="cpu")
    assert torch.equal(outputs(restored), expected)


@pytest.mark.parametrize(
    ("size", "millions", "millions_causal"),
    [("small_9m", 9.0, 7.3), ("base_19m", 19.4, 15.6), ("large_48m", 48.2, 38.8), ("xlarge_151m", 151.0, 121.0)],
)
def test_the_sizes_have_the_parameters_that_they_say(size: str, millions: float, millions_causal: float) -> None:
    recipes = {"ssm/noise_aware_ssm_ctc_bpe": millions, "ssm/noise_aware_ssm_ctc_bpe_streaming": millions_causal}
    for recipe, expected in recipes.items():
        with initialize_config_dir(str(config_directory()), version_base="1.1"):
            config = compose(recipe, [f"ssm_size@model.encoder={size}"])
        encoder = OmegaConf.to_container(config.model.encoder, resolve=True) | {"context": None, "fusion": None}
        counts = []
        for shallow in (1, 2):  # layers are equal: the whole need not be built
            built = Serialization.from_config_dict(OmegaConf.create(encoder | {"n_layers": shallow}))
            counts.append(sum(parameter.numel() for parameter in built.parameters()))
        total = counts[0] + (encoder["n_layers"] - 1) * (counts[1] - counts[0])
        assert total / 1e6 == pytest.approx(expected, rel=0.02), (recipe, size)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": "backwards"}, "direction='backwards' is unknown; use one of"),
        ({"attention_every": 1}, "attention_every=1 must be from 2 to n_layers=2"),
        ({"head_dim": 24}, "head_dim=24 must divide"),
        (CAUSAL | {"causal_downsampling": False}, "causal_downsampling=False would hear the future"),
        (CAUSAL | {"conv_context_size": None}, "conv_context_size=\\[4, 4\\] would hear the future"),
        (CAUSAL | {"att_context_style": "regular"}, "att_context_style='regular' and att_context_size=\\[14, 6\\]"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SSMEncoder(**(TINY | changes))
