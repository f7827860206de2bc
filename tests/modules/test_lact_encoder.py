# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The LaCT encoder: the shared contract, streams, caches, exports, sizes, and NeMo's models around it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel
from nemo.core.classes.common import Serialization

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.configuration import config_directory
from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    ContextEncoder,
    FiLMFusion,
    GatedFusion,
    LaCTEncoder,
    NoiseAwareLaCTEncoder,
    StatisticsContextEncoder,
)
from tests.contracts import check_encoder, fill_padding, randomize
from tests.models.test_families import outputs
from tests.modules.test_contracts import BANDS, CONTEXT, TINY_CONFORMER, WIDTH
from tests.modules.test_noise_aware import STREAMING, _stream
from tests.recognisers import build_recogniser

TINY: dict[str, Any] = TINY_CONFORMER | {"window": 6, "fast_chunk_size": 8, "fast_hidden": 16}
CAUSAL = STREAMING | {"order": "apply_then_update"}
KINDS: dict[str, dict[str, Any]] = {
    "bidirectional": {},
    "causal": CAUSAL,
    "causal with momentum": CAUSAL | {"uses_momentum": True},
}


def _noise_aware(context: ContextEncoder, **changes: Any) -> NoiseAwareLaCTEncoder:
    fusion = {site: FiLMFusion(width, CONTEXT) for site, width in (("features", BANDS), (0, WIDTH), (1, WIDTH))}
    return NoiseAwareLaCTEncoder(context=context, fusion=fusion, **(TINY | changes)).eval()


@pytest.mark.parametrize("kind", ["bidirectional", "causal"])
def test_encoder_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    context = CausalStatisticsContextEncoder if kind == "causal" else StatisticsContextEncoder
    plain = LaCTEncoder(**(TINY | KINDS[kind]))
    check_encoder(_noise_aware(context(BANDS, CONTEXT), **KINDS[kind]), plain, tmp_path)


@pytest.mark.parametrize("kind", ["causal", "causal with momentum"])
@pytest.mark.parametrize(("right", "num_frames"), [(6, 200), (1, 193)])
def test_a_stream_equals_offline(kind: str, right: int, num_frames: int) -> None:
    changes = KINDS[kind] | {"att_context_size": [14, right]}
    encoder = _noise_aware(CausalStatisticsContextEncoder(BANDS, CONTEXT), **changes)
    randomize(encoder.fusions)
    length = torch.tensor([num_frames, num_frames - 20])
    audio_signal = fill_padding(torch.randn(2, BANDS, num_frames), length, 0.0)
    offline, offline_length = encoder(audio_signal=audio_signal, length=length)
    streamed = _stream(encoder, audio_signal, length)
    for index, valid in enumerate(offline_length.tolist()):
        assert (offline[index, :, :valid] - streamed[index, :, :valid]).abs().max() < 1e-3


@pytest.mark.parametrize(("chunk_size", "shift_size"), [(2, 2), (5, 5), (11, 11), (6, 4)])
def test_pieces_of_a_stream_may_have_any_size_and_overlap(chunk_size: int, shift_size: int) -> None:
    encoder = LaCTEncoder(**(TINY | CAUSAL)).eval()
    audio_signal, length = torch.randn(1, BANDS, 169), torch.tensor([169])
    offline = encoder(audio_signal=audio_signal, length=length)[0]
    encoder.setup_streaming_params(chunk_size=chunk_size, shift_size=shift_size, left_chunks=1)
    streamed = _stream(encoder, audio_signal, length)
    num_frames = offline.shape[2]
    assert num_frames == 22 and (offline - streamed[:, :, :num_frames]).abs().max() < 1e-3


def test_the_state_of_a_stream_does_not_reach_another() -> None:
    encoder = LaCTEncoder(**(TINY | CAUSAL)).eval()
    audio_signal, length = torch.randn(2, BANDS, 160), torch.tensor([160, 160])
    together, alone = _stream(encoder, audio_signal, length), _stream(encoder, audio_signal[1:], length[1:])
    assert torch.allclose(together[1:], alone, atol=1e-3)


def test_an_utterance_does_not_know_its_batch() -> None:
    for kind, changes in KINDS.items():
        encoder = LaCTEncoder(**(TINY | changes)).eval()
        length = torch.tensor([200, 128])
        audio_signal = fill_padding(torch.randn(2, BANDS, 200), length, 0.0)
        together, together_length = encoder(audio_signal=audio_signal, length=length)
        alone = encoder(audio_signal=audio_signal[1:, :, :128], length=length[1:])[0]
        valid = int(together_length[1])
        assert (together[1, :, :valid] - alone[0, :, :valid]).abs().max() < 1e-3, kind


def test_a_causal_encoder_hears_no_future_and_a_bidirectional_one_does() -> None:
    audio_signal, length = torch.randn(1, BANDS, 160), torch.tensor([160])
    changed = audio_signal.clone()
    changed[:, :, 81:] += 1.0
    for changes, is_causal in ((CAUSAL, True), ({}, False)):
        encoder = LaCTEncoder(**(TINY | changes)).eval()
        before, after = (encoder(audio_signal=signal, length=length)[0] for signal in (audio_signal, changed))
        assert torch.allclose(before[:, :, :10], after[:, :, :10], atol=1e-6) == is_causal


def test_a_bidirectional_encoder_refuses_to_stream() -> None:
    encoder = LaCTEncoder(**(TINY | STREAMING)).eval()
    with pytest.raises(ValueError, match="cannot stream: order='apply_then_update'"):
        _stream(encoder, torch.randn(1, BANDS, 100), torch.tensor([100]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns_also_with_layer_drop(kind: str) -> None:
    encoder = LaCTEncoder(**(TINY | KINDS[kind] | {"stochastic_depth_drop_prob": 0.5})).train()
    audio_signal, length = torch.randn(2, BANDS, 200), torch.tensor([200, 150])
    encoder(audio_signal=audio_signal, length=length)[0].square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in encoder.layers.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    assert gradients["0.mixer.fast_weights.gate"].abs().sum() > 0


def test_an_export_with_caches_streams_as_torch_does(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    context, fusion = CausalStatisticsContextEncoder(BANDS, CONTEXT), {0: GatedFusion(WIDTH, CONTEXT)}
    encoder = LaCTEncoder(context=context, fusion=fusion, **(TINY | CAUSAL)).eval()
    randomize(encoder.fusions)
    encoder.export_cache_support = True
    encoder.export(str(tmp_path / "stream.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "stream.onnx"), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    assert names == ["audio_signal", "length", "cache_last_channel", "cache_last_time", "cache_last_channel_len"]
    chunk = encoder.streaming_cfg.chunk_size[1] + encoder.streaming_cfg.pre_encode_cache_size[1]
    channel, time, channel_len = encoder.get_initial_cache_state(batch_size=1)
    caches = [channel.transpose(0, 1).numpy(), time.transpose(0, 1).numpy(), channel_len.numpy()]
    for turn in range(4):  # 28 frames: the fast weights learn three times
        audio_signal, length = torch.randn(1, BANDS, chunk), torch.tensor([chunk])
        with torch.no_grad():
            expected = encoder.forward_for_export(audio_signal, length, *[torch.from_numpy(cache) for cache in caches])
        actual = session.run(None, dict(zip(names, [audio_signal.numpy(), length.numpy(), *caches], strict=True)))
        difference = (expected[0] - torch.from_numpy(actual[0])).abs().max()
        assert difference < 1e-4, turn
        caches = actual[2:]


@pytest.mark.parametrize("family", ["ctc_bpe", "rnnt_bpe", "hybrid_bpe", "aed"])
def test_nemo_s_decoders_take_the_encoder_by_config_and_it_comes_back_from_disk(family: str, tmp_path: Path) -> None:
    config = build_recogniser(family, tmp_path).cfg
    with open_dict(config):
        lact = {"_target_": "nemo_noise.modules.NoiseAwareLaCTEncoder", "fast_hidden": 16}
        config.encoder = OmegaConf.merge(config.encoder, lact)
        config.encoder.context = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "d_context": CONTEXT}
        config.encoder.context.feat_in = config.encoder.feat_in
        config.encoder.fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_context": CONTEXT}}
        config.encoder.fusion[0].d_model = config.encoder.d_model
    model = type(build_recogniser(family, tmp_path))(cfg=config)
    assert isinstance(model.encoder, NoiseAwareLaCTEncoder)
    randomize(model.encoder.fusions)
    expected = outputs(model)
    model.save_to(str(tmp_path / "lact.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "lact.nemo"), map_location="cpu")
    assert torch.equal(outputs(restored), expected)


@pytest.mark.parametrize(("size", "millions"), [("small_4m", 4.1), ("base_23m", 23.3), ("paper_212m", 212.2)])
def test_the_sizes_have_the_parameters_that_they_say(size: str, millions: float) -> None:
    with initialize_config_dir(str(config_directory()), version_base="1.1"):
        config = compose("lact/noise_aware_lact_ctc_bpe", [f"lact_size@model.encoder={size}"])
    encoder = OmegaConf.to_container(config.model.encoder, resolve=True) | {"context": None, "fusion": None}
    counts = []
    for shallow in (1, 2):  # layers are equal: the whole need not be built
        built = Serialization.from_config_dict(OmegaConf.create(encoder | {"n_layers": shallow}))
        counts.append(sum(parameter.numel() for parameter in built.parameters()))
    total = counts[0] + (encoder["n_layers"] - 1) * (counts[1] - counts[0])
    assert total / 1e6 == pytest.approx(millions, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": "update_then_apply"}, "order='update_then_apply' is unknown; use one of"),
        ({"fast_heads": 5}, "fast_heads=5 must divide d_model=32"),
        (CAUSAL | {"fast_chunk_size": 0}, "chunk_size=0 must be at least 1"),
        (
            CAUSAL | {"causal_downsampling": False},
            "order='apply_then_update' with causal_downsampling=False would hear",
        ),
        (CAUSAL | {"conv_context_size": None}, "conv_context_size=\\[4, 4\\] would hear the future"),
        (CAUSAL | {"att_context_style": "regular"}, "att_context_style='regular' and att_context_size=\\[14, 6\\]"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LaCTEncoder(**(TINY | changes))


def test_a_noise_aware_encoder_needs_a_context() -> None:
    with pytest.raises(ValueError, match="NoiseAwareLaCTEncoder needs both context and fusion"):
        NoiseAwareLaCTEncoder(context=None, fusion={}, **TINY)


def test_a_chunk_that_can_never_adapt_is_named_when_training_begins() -> None:
    encoder = LaCTEncoder(**(TINY | CAUSAL | {"fast_chunk_size": 64})).train()
    with pytest.raises(ValueError, match="fast_chunk_size=64, but the longest utterance of the batch has 26 frames"):
        encoder(audio_signal=torch.randn(1, BANDS, 200), length=torch.tensor([200]))
